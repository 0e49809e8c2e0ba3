"""The live display: a Picture drawn with rich. Nothing is measured, read or waited for here.

Each function gives one renderable from telemetry; ``screen`` stacks them. Colours: green light goes,
yellow the terminals search, red light is lost and nobody had foreseen it, dim the plan knew.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from linkemu.cli import output
from linkemu.cli.crossed import share
from linkemu.cli.picture import Link, Picture, why
from linkemu.telemetry import Beam, NodeState, TransferState
from linkemu.units import format_bytes, format_duration, format_length, format_rate

LINKS_SHOWN = 4
TRANSFERS_SHOWN = 8
LONG_S = 3600.0
_ARROW = {"up": "▲", "down": "▼", "put": "▲", "get": "▼"}
_STYLE = {"open": "green", "acquiring": "yellow", "blocked": "bold red", "dark": "dim"}
_NODE_STYLE = {"up": "green", "starting": "yellow", "stopped": "dim", "lost": "bold red"}
_TRANSFER_STYLE = {"verified": "bold green", "failed": "bold red", "in orbit": "green"}


def screen(picture: Picture, now: float, lines: Sequence[str] = ()) -> Group:
    """All of it at ``now``: head, processes, links, transfers, and the last ``lines`` of what happened."""
    parts: list[RenderableType] = [head(picture, now), processes(picture)]
    nearest = picture.nearest_links(LINKS_SHOWN)
    parts += [link_panel(link, now) for link in nearest]
    if (more := len(picture.links) - len(nearest)) > 0:
        parts.append(Text(f"  and {more} more links, further from their next window", style="dim"))
    if picture.transfers:
        parts.append(transfers(picture, now))
    if lines:
        parts.append(Text("\n".join(lines), style="dim", overflow="ellipsis", no_wrap=True))
    return Group(*parts)


def head(picture: Picture, now: float) -> Text:
    """Scenario, its time, and how fast it goes."""
    text = Text(" linkemu ", style="reverse bold", end="\n")
    if picture.session is not None:
        text.append(f" {picture.session.scenario}", style="bold not reverse")
        if picture.session.state != "running":
            text.append(f"  {picture.session.state}", style="not reverse not bold")
    text.append(f"  t = {_moment(now, picture.duration_s)}", style="bold not reverse")
    if picture.duration_s is not None:
        text.append(f" of {format_duration(picture.duration_s)}", style="not reverse not bold")
    if (moment := picture.utc(now)) is not None:
        text.append(f"  {moment:%Y-%m-%d %H:%M:%S} UTC", style="not reverse not bold")
    if note := _clock_note(picture):
        text.append(f"\n {note}", style="not reverse not bold dim")
    return text


def _moment(now: float, duration_s: float | None) -> str:
    """Seconds in a short scenario, hours in a long one."""
    return f"{now:.1f} s" if duration_s is None or duration_s < LONG_S else output.seconds_clock(now)


def _clock_note(picture: Picture) -> str:
    clock = picture.clock
    if clock is None:
        return ""
    parts = [] if clock.rate == 1.0 else [f"{clock.rate:g}× real time"]
    if clock.skipped_s:
        parts.append(f"{format_duration(clock.skipped_s)} of darkness skipped")
    if clock.lag_s > 0.01:
        parts.append(f"lag {format_duration(clock.lag_s)}")
    return ", ".join(parts)


def processes(picture: Picture) -> Text:
    """One dot for each process: green when it works, red when it is gone."""
    text = Text(" ")
    restarts = picture.restarts()
    for name in sorted({*picture.processes, *picture.nodes}, key=lambda each: _rank(picture, each)):
        state = _condition(picture, name)
        text.append("● ", style=_NODE_STYLE[state])
        text.append(name)
        if (process := picture.processes.get(name)) is not None and process.change == "started":
            text.append(f" {process.pid}", style="dim")
        if state != "up":
            text.append(f" {state}", style=_NODE_STYLE[state])
        if count := restarts.get(name, 0):
            text.append(f" restarted {count}×", style="yellow")
        text.append("   ")
    return text


def _condition(picture: Picture, name: str) -> NodeState:
    """What a process says of itself, unless its parent knows better."""
    process, node = picture.processes.get(name), picture.nodes.get(name)
    if process is not None and process.change != "started":
        return "lost" if process.change == "died" else "stopped"
    return "up" if node is None else node.state


def _rank(picture: Picture, name: str) -> tuple[int, str]:
    node = picture.nodes.get(name)
    if node is None:
        return ("broker", "emulator").index(name) if name in ("broker", "emulator") else 4, name
    return 1 + ("emulator", "ground", "satellite").index(node.role), name


def link_panel(link: Link, now: float) -> Panel:
    """One link: where the satellite stands, and both beams."""
    told = link.telemetry
    content: list[RenderableType] = [_place(link)]
    if told.range_m is not None or link.in_contact:
        content.append(_beams(told.up, told.down))
    return Panel(
        Group(*content),
        title=Text(f"{told.station} ⇄ {told.satellite}", style="bold"),
        title_align="left",
        subtitle=Text(_window(link, now), style="dim"),
        subtitle_align="right",
        border_style="green" if "open" in (told.up.state, told.down.state) else "dim",
    )


def _place(link: Link) -> Text:
    told = link.telemetry
    if told.range_m is None or told.elevation_deg is None:
        return Text(f"out of sight: {why(told.up)}", style="dim")
    text = Text()
    for name, value in (
        ("range", format_length(told.range_m)),
        ("elevation", f"{told.elevation_deg:.1f}°"),
        ("azimuth", None if told.azimuth_deg is None else f"{told.azimuth_deg:.1f}°"),
        ("range rate", None if told.range_rate_mps is None else f"{told.range_rate_mps / 1e3:+.2f} km/s"),
    ):
        if value is not None:
            text.append(f"{name} ", style="dim")
            text.append(value, style="bold")
            text.append("   ")
    return text


def _beams(up: Beam, down: Beam) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("rate", "one way", "margin"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True, ratio=1)
    for direction, beam in (("up", up), ("down", down)):
        table.add_row(*_beam_cells(direction, beam))
    return table


def _beam_cells(direction: str, beam: Beam) -> tuple[Text, ...]:
    return (
        Text(f"{_ARROW[direction]} {direction}"),
        Text(format_rate(beam.rate_bps) if beam.rate_bps else "–"),
        Text("–" if beam.delay_s is None else format_duration(beam.delay_s)),
        Text("–" if beam.margin_dB is None else f"{beam.margin_dB:+.1f} dB"),
        Text(why(beam), style=_STYLE[beam.state]),
    )


def _window(link: Link, now: float) -> str:
    told = link.telemetry
    if told.window_end_s is not None and told.window_end_s > now:
        return f"window closes in {format_duration(told.window_end_s - now)}"
    if told.next_window_s is not None:
        return f"next window in {format_duration(max(0.0, told.next_window_s - now))}"
    return "no further window"


def transfers(picture: Picture, now: float) -> Group:
    """One row with a bar for each file, those under way first; below, what each of these waits for."""
    several = len({each.node for each in picture.transfers.values()}) > 1
    table = Table.grid(padding=(0, 1), expand=True)
    for justify in ("left", "left", "left", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True, ratio=1 if len(table.columns) == 2 else None)
    rows = sorted(picture.transfers.values(), key=lambda each: (each.ended, each.priority, each.at_s))
    for transfer in rows[:TRANSFERS_SHOWN]:
        table.add_row(*_transfer_cells(transfer, several))
    notes = [
        f"   {each.name} {note}" for each in rows[:TRANSFERS_SHOWN] if (note := waiting(each, picture, now))
    ]
    if (more := len(rows) - TRANSFERS_SHOWN) > 0:
        notes.append(f"   and {more} more files")
    return Group(table, *(Text(note, style="yellow", no_wrap=True, overflow="ellipsis") for note in notes))


def _transfer_cells(transfer: TransferState, with_station: bool) -> tuple[RenderableType, ...]:
    done = share(transfer)
    size = "" if transfer.size_bytes is None else format_bytes(transfer.size_bytes)
    rate = size if transfer.ended or not transfer.rate_bps else format_rate(transfer.rate_bps)
    return (
        Text(f" {_ARROW[transfer.action]}", style="cyan"),
        Text.assemble(
            (transfer.name, "bold"), (f" {transfer.node}" if with_station else "", "dim"), overflow="ellipsis"
        ),
        ProgressBar(total=1.0, completed=done, complete_style="green", finished_style="bold green"),
        Text(f"{100 * done:.0f} %"),
        Text(rate),
        Text(transfer.state, style=_TRANSFER_STYLE.get(transfer.state, "")),
    )


def waiting(transfer: TransferState, picture: Picture, now: float) -> str:
    """What a transfer waits for, or why it failed; nothing while light carries it."""
    if transfer.state == "failed":
        return f"failed: {transfer.problem or 'no reason given'}"
    link = picture.link(transfer.node, transfer.satellite)
    if transfer.ended or link is None:
        return ""
    beam = link.telemetry.up if transfer.action == "put" else link.telemetry.down
    if beam.state == "open":
        return ""
    wait_s = link.wait_s(now)
    if wait_s == 0.0:
        return f"waits: {why(beam)}"
    return (
        "waits: no further window"
        if wait_s == float("inf")
        else f"waits {format_duration(wait_s)} for its window"
    )
