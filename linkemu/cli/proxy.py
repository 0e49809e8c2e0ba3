"""``linkemu proxy``: a TCP or UDP door for clients that know nothing of us, over one link of a scenario."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import beginning, excerpts, options, output, places, readers, sources
from linkemu.cli import control as controls
from linkemu.cli.door import INTERRUPTED
from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.access.gauge import DoorReport, WayReport
    from linkemu.access.launch import DataPlane
    from linkemu.access.settings import Door, Proxy
    from linkemu.cli.sources import Source
    from linkemu.control.server import Control
    from linkemu.link.timeline import Sky
    from linkemu.record.played import Played
    from linkemu.record.recording import Recording

_ANY = "127.0.0.1:0"


def proxy(
    scenario: options.MaybePlayable = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where clients connect; port 0: any free one.")
    ] = _ANY,
    to: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="The server on the far side; without it the scenario's doors open.",
            show_default=False,
        ),
    ] = "",
    udp: Annotated[bool, typer.Option("--udp", help="Datagrams instead of TCP connections.")] = False,
    link: options.Link = None,
    outage: Annotated[
        str,
        typer.Option(
            metavar="hold|arq|reset:30s|refuse|half-open", help="What an outage does to connections."
        ),
    ] = "hold",
    uplink: Annotated[
        str,
        typer.Option(
            parser=readers.one_of("--uplink", "client", "server"),
            metavar="client|server",
            help="Who sends from the ground up.",
        ),
    ] = "client",
    start_at: beginning.StartAt = "0 s",
    anchor: Annotated[
        str,
        typer.Option(
            parser=readers.one_of("--anchor", "listen", "first-byte"),
            metavar="listen|first-byte",
            help="When scenario time begins to go.",
        ),
    ] = "listen",
    sky: options.Sky = None,
    start: excerpts.From = None,
    length: excerpts.For = None,
    shift: excerpts.Shift = None,
    slow: excerpts.Slow = None,
    loop: excerpts.Loop = None,
    record: options.Record = None,
    control: controls.Address = None,
    control_file: controls.File = None,
    toxiproxy: controls.Toxiproxy = None,
    json: output.Json = False,
) -> None:
    """Put any TCP or UDP client on a link: rate, light time and outages of a real pass.

    Runs until the scenario ends or Ctrl-C, then reports what was asked of the link and what was achieved.
    A recorded run instead of a scenario plays its own sky, by the doors that it had if there is no --to.

    \b
    Examples:
      linkemu proxy configs/demo.toml --listen 127.0.0.1:8022 --to 127.0.0.1:22
      linkemu proxy configs/doors.toml --control 127.0.0.1:8480 --control-file control.json
      linkemu proxy configs/demo.toml --listen 127.0.0.1:5300 --to 127.0.0.1:53 --udp --anchor first-byte
      linkemu proxy recorded/demo --to 127.0.0.1:80 --anchor first-byte --from 10 --record recorded/curl
      linkemu proxy --sky demo.sky --listen "[::1]:8080" --to 127.0.0.1:80 --outage reset:30s --json
    """
    from linkemu.access import settings

    if not to:
        changed = {"--udp": udp, "--link": link, "--outage": outage != "hold", "--uplink": uplink != "client"}
        options.refuse({**changed, "--listen": listen != _ANY}, "is of the door to --to, which is missing")
    places.check_file(control_file, "--control-file")
    sources.make_room(record)
    given = _given_door(listen, to, udp, outage, uplink) if to else None
    source = sources.find(scenario, sky, excerpts.Given(start, length, shift, slow, loop))
    read, played = source.played.scenario, source.played.sky
    doors = _own_doors(source) if given is None else (_on_link(given, played, link),)
    told = settings.Proxy(
        Path(),
        doors,
        beginning.start_ns(played, {door.link for door in doors}, start_at) / 1e9,
        "first-byte" if anchor == "first-byte" else "listen",
        None if read is None else read.queue.size_bytes,
        10.0 if read is None else read.queue.hold_s,
        faults=source.played.faults,
    )
    with controls.bound(control, control_file, toxiproxy) or nullcontext() as served:
        play(told, source.played, json, served, record, is_own=not to)


def _given_door(listen: str, to: str, udp: bool, outage: str, uplink: str) -> Door:
    """The one door of the options."""
    from linkemu.access import settings

    outages = settings.Outages.parse(outage)
    if udp and outages != settings.Outages():
        raise InputError("--outage", "has no meaning for datagrams, which an outage loses or holds")
    return settings.Door(
        settings.address(listen, "--listen", any_port=True),
        settings.address(to, "--to"),
        "udp" if udp else "tcp",
        outages,
        "server" if uplink == "server" else "client",
    )


def _on_link(door: Door, sky: Sky, link: str | None) -> Door:
    """The same over the link that is meant, under the name that scheduled faults of doors give it."""
    from linkemu.access import settings

    return replace(door, link=settings.choose_link(sky, link), name=settings.struck(sky) or door.name)


def _own_doors(source: Source) -> tuple[Door, ...]:
    """The doors of the recorded run, else of the scenario."""
    from linkemu.access import settings

    if (recorded := source.document(sources.DOORS)) is not None:
        return tuple(settings.Door.of(each) for each in recorded["doors"])
    scenario, sky = source.played.scenario, source.played.sky
    if scenario is None or not scenario.doors:
        raise InputError("--to", "expected HOST:PORT, or a scenario with a [[door]]")
    return settings.doors_of(scenario, sky)


def play(
    told: Proxy,
    played: Played,
    json: bool,
    control: Control | None = None,
    record: Path | None = None,
    *,
    is_own: bool,
) -> None:
    """Until the end or a signal; then the report, a list of them for a scenario's doors."""
    from linkemu.access.launch import DataPlane
    from linkemu.runtime.stopping import Stopping

    recording = None
    if record is not None:
        recording = _begin(record, told, played)
        told = replace(told, record=recording.trace("doors").parent.absolute())
    with Stopping() as stopping:
        try:
            plane = DataPlane.start(told, played.sky)
        except BaseException:
            if recording is not None:
                recording.withdraw()
            raise
        stopping.calls(plane.stop)
        try:
            _greet(told.doors, plane, played.sky)
            if control is not None:
                control.start(plane.control, played.sky)
            reports = plane.wait()
            output.warn(line.removeprefix("proxy: ") for line in plane.complaints())
        finally:
            plane.close()
        if recording is not None:
            recording.finish(faults=plane.faults, reports=[asdict(report) for report in reports])
        _tell(reports, json, is_own)
    raise typer.Exit(INTERRUPTED if stopping.asked else 0)


def _greet(doors: tuple[Door, ...], plane: DataPlane, sky: Sky) -> None:
    """Say where clients may come."""
    from linkemu.access.settings import spoken

    for door in doors:
        name = sky.links[door.link]
        at = f"{door.protocol} {spoken(plane.addresses[door.name])}, to {spoken(door.to)}"
        typer.echo(f"listening on {at} over {name.station}:{name.satellite}", err=True)


def _tell(reports: list[DoorReport], json: bool, is_own: bool) -> None:
    if json:
        shown = [asdict(report) for report in reports]
        output.document(shown if is_own or len(shown) > 1 else shown[0])
    for report in reports:
        if not json:
            show(report)
        output.warn(f"{report.name}: {line}" if is_own else line for line in report.warnings)


def _begin(directory: Path, told: Proxy, played: Played) -> Recording:
    from linkemu.record.manifest import Pace
    from linkemu.record.recording import Recording

    doors = {
        "doors": [door.document() for door in told.doors],
        "anchor": told.anchor,
        "start_s": told.start_s,
        "queue_bytes": told.queue_bytes,
        "hold_s": told.hold_s,
    }
    return Recording.begin(directory, "proxy", played, Pace(), **{sources.DOORS: doors})


def show(report: DoorReport) -> None:
    """A door's report for people."""
    console = output.console()
    console.print(f"{report.name}: {report.protocol} {report.listen} to {report.to} over {report.link}")
    columns = [_figures(way) for way in report.ways]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    console.print(output.table(("", *(way.direction for way in report.ways)), rows))
    clients = output.count(report.connections, "client", "clients")
    console.print(
        f"{clients}, {report.refused} turned away, {report.unreached} unreached, {report.reset} reset; "
        f"{report.cpu_s:.2f} s of CPU in {report.wall_s:.1f} s"
    )


def _figures(way: WayReport) -> dict[str, str]:
    from linkemu.units import format_bytes, format_rate

    def us(value: float | None) -> str:
        return "-" if value is None else f"{value * 1e6:.0f} us"

    def rate(value: float | None) -> str:
        return "-" if value is None else format_rate(value)

    delay = way.requested_delay_s
    asked = "-" if delay is None else f"{delay[0] * 1e3:.3f} to {delay[1] * 1e3:.3f} ms"
    return {
        "delivered": format_bytes(way.delivered_bytes),
        "delay asked": asked,
        "late p50": us(way.delay_error_p50_s),
        "p99": us(way.delay_error_p99_s),
        "max": us(way.delay_error_max_s),
        "rate asked": rate(way.requested_rate_bps),
        "achieved": rate(way.achieved_rate_bps),
        "erased": str(way.erased),
        "dropped": str(way.dropped),
    }
