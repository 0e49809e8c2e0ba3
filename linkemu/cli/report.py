"""The end of a run on paper: what became of each transfer, and how true the emulator was. Only drawing.

Data come as telemetry.TransferState and fidelity.Fidelity; JSON of the same comes from them directly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from linkemu.cli import output
from linkemu.cli.crossed import share
from linkemu.link.fidelity import Fidelity, LinkFidelity
from linkemu.runtime.session import Outcome
from linkemu.scenario import Scenario
from linkemu.telemetry import TransferState
from linkemu.units import format_bytes, format_duration

SIDE_BY_SIDE = 2
NAME_SHOWN = 20
_HIDDEN = ("link", "way")


def transfers_table(transfers: Iterable[TransferState]) -> Table:
    """One row for each file, in the order of its first moment."""
    table = _plain("Transfers")
    for heading in ("file", "way", "state", "size", "repaired", "resent", "took"):
        table.add_column(
            heading, justify="left" if heading in ("file", "way", "state") else "right", no_wrap=True
        )
    for each in sorted(transfers, key=lambda one: (min(one.times.values(), default=0.0), one.id)):
        style = {"verified": "green", "failed": "bold red"}.get(each.state, "yellow")
        table.add_row(
            _short(each.name),
            f"{each.node}{'→' if each.action == 'put' else '←'}{each.satellite}",
            Text(each.state if each.ended else f"{each.state} {100 * share(each):.0f} %", style=style),
            "?" if each.size_bytes is None else format_bytes(each.size_bytes),
            format_bytes(each.repaired_bytes),
            Text(str(each.resent_chunks), style="bold red" if each.resent_chunks else ""),
            _took(each),
        )
    return table


def _plain(title: str | None = None) -> Table:
    return Table(
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
        title=title,
        title_justify="left",
        title_style="bold",
    )


def _short(name: str) -> str:
    """The end of a long name tells more than its middle."""
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN // 2 - 1]}…{name[-NAME_SHOWN // 2 :]}"


def _took(transfer: TransferState) -> str:
    if not transfer.times:
        return ""
    return output.seconds_clock(max(transfer.times.values()) - min(transfer.times.values()))


def fidelity_report(fidelity: Fidelity) -> Group:
    """Requested against achieved, for the links that carried something: side by side if they are few."""
    busy = [each for each in fidelity.links if each.offered_bytes]
    parts: list[RenderableType] = [Text("Fidelity", style="bold")]
    if not busy:
        parts.append(Text("  no link carried anything", style="dim"))
    elif len(busy) <= SIDE_BY_SIDE:
        rows = fidelity.rows()
        parts.append(
            _side_by_side([row for row, link in zip(rows, fidelity.links, strict=True) if link in busy])
        )
    else:
        parts.append(_row_by_row(busy))
    parts += [Text(f"  {line}", style="dim") for line in _facts(fidelity)]
    return Group(*parts)


def _row_by_row(links: Sequence[LinkFidelity]) -> Table:
    table = _plain()
    table.add_column("link", no_wrap=True)
    for heading in ("delivered", "used", "delay p99", "rate", "erased", "drops", "dark"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in links:
        table.add_row(
            f"{each.station}-{each.satellite} {each.direction}",
            format_bytes(each.delivered_bytes),
            "–" if each.used_share is None else f"{each.used_share:.1%}",
            "–" if each.delay_error_p99_s is None else f"{each.delay_error_p99_s * 1e6:.0f} µs",
            _rate_error(each),
            str(each.erased_frames),
            str(each.queue_dropped_frames + each.expired_frames),
            str(each.dark_frames),
        )
    return table


def _rate_error(link: LinkFidelity) -> str:
    if not link.achieved_rate_bps or not link.requested_rate_bps:
        return "–"
    return f"{link.achieved_rate_bps / link.requested_rate_bps - 1:+.2%}"


def _side_by_side(rows: Sequence[dict[str, str]]) -> Table:
    table = _plain()
    table.add_column("")
    for row in rows:
        table.add_column(f"{row['link']} {row['way']}", justify="right")
    for name in rows[0]:
        if name not in _HIDDEN:
            table.add_row(Text(name, style="dim"), *(row[name] for row in rows))
    return table


def _facts(fidelity: Fidelity) -> list[str]:
    """What belongs to no single link."""
    lines = []
    lag = (fidelity.lag_p50_s, fidelity.lag_p99_s, fidelity.lag_max_s)
    if None not in lag:
        lines.append("clock lag p50, p99, max: " + ", ".join(format_duration(each or 0.0) for each in lag))
    cost = "" if fidelity.cpu_s_per_GB is None else f", {fidelity.cpu_s_per_GB:.1f} CPU s per GB"
    lines.append(f"emulator: {fidelity.cpu_s:.1f} CPU s{cost}" + _after(fidelity.scheduling))
    lines.append(
        f"dropped by the kernel: {fidelity.kernel_drops} at the emulator, {fidelity.node_drops} at nodes; "
        f"datagrams refused: {fidelity.refused_datagrams}"
    )
    if fidelity.skipped_s:
        lines.append(f"skipped in the dark: {format_duration(fidelity.skipped_s)}")
    if fidelity.restarts:
        seen = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in fidelity.gaps)
        lines.append(f"emulator restarted {fidelity.restarts} times; gaps: {seen or 'none'}")
    return lines


def _after(note: str) -> str:
    return f", {note}" if note else ""


def fidelity_document(fidelity: Fidelity | None) -> dict[str, Any] | None:
    """The report for JSON, without the histograms behind its figures."""
    if fidelity is None:
        return None
    data = asdict(fidelity)
    for link in data["links"]:
        for inner in ("errors_ns", "largest_error_ns", "busy"):
            del link[inner]
    return data


def transfers_document(transfers: Iterable[TransferState]) -> list[dict[str, Any]]:
    return [asdict(each) for each in sorted(transfers, key=lambda one: (one.node, one.id))]


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """A run for JSON."""
    return {
        "scenario": outcome.scenario,
        "directory": str(outcome.directory),
        "reason": outcome.reason,
        "ok": outcome.ok,
        "transfers": transfers_document(outcome.transfers),
        "missing": list(outcome.missing),
        "restarts": dict(outcome.restarts),
        "fidelity": fidelity_document(fidelity_of(outcome)),
    }


def fidelity_of(outcome: Outcome) -> Fidelity | None:
    """The emulator's report, if it left one."""
    return None if outcome.fidelity is None else Fidelity.from_json(json.dumps(outcome.fidelity))


def missing(scenario: Scenario, transfers: Iterable[TransferState]) -> list[str]:
    """Scripted work of which no node has said anything."""
    known = {(each.node, each.action, each.name) for each in transfers}
    return [
        f"{each.action} {each.name} ({each.station})"
        for each in scenario.transfers
        if (each.station, each.action, each.name) not in known
    ]


def verdict(reason: str, transfers: Sequence[TransferState], missing: Sequence[str]) -> Text:
    """What it came to, in one line."""
    undone = [each.name for each in transfers if each.state != "verified"]
    if undone or missing:
        return Text(f"{reason}; not verified: {', '.join([*undone, *missing])}", style="bold red")
    done = f"{len(transfers)} transfer{'s' * (len(transfers) != 1)} verified"
    return Text(
        f"{reason}; {done}" if transfers else f"{reason}; nothing was to be transferred", style="bold green"
    )


def show(console: Console, transfers: Sequence[TransferState], fidelity: Fidelity | None) -> None:
    """Print both."""
    if transfers:
        console.print(transfers_table(transfers))
    if fidelity is not None:
        console.print(fidelity_report(fidelity))
