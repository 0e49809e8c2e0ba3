"""``linkemu replay``: a recorded run once more, from its own sky, or a day of the past from its files."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkemu.cli import excerpts, options, output, places, sources
from linkemu.cli.door import FAILED
from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.cli.historic import Day
    from linkemu.cli.pace import Wanted
    from linkemu.record.chain import TraceFile
    from linkemu.record.manifest import Pace
    from linkemu.record.opening import Record
    from linkemu.record.played import Played
    from linkemu.runtime.composed import Result
    from linkemu.runtime.session import Options

DIRECTORY = "{name}-replay"  # below .linkemu, apart from that of the scenario's own runs


@dataclass(frozen=True, slots=True)
class How:
    """By what clock, with what around it, and what is to be kept of it."""

    wanted: Wanted
    directory: Path | None
    record: Path | None
    json: bool

    def options(self, directory: Path | None, pace: Pace) -> Options:
        """Of a run as separate processes."""
        from linkemu.runtime.session import Options

        wanted = self.wanted
        return Options(directory, None, wanted.broker, pace.rate, wanted.skip_gaps, wanted.until_done)


def replay(
    what: Annotated[
        Path, typer.Argument(metavar="DIR|SCENARIO", help="A recorded run; with --date a scenario.")
    ],
    start: excerpts.From = None,
    length: excerpts.For = None,
    shift: excerpts.Shift = None,
    slow: excerpts.Slow = None,
    loop: excerpts.Loop = None,
    clock: options.Clock = None,
    rate: options.Rate = None,
    date: Annotated[
        str | None, typer.Option(metavar="UTC", help="Compile the scenario for this day, and play it.")
    ] = None,
    elements: Annotated[
        list[Path] | None, typer.Option(help="Element sets of that day; several if repeated.")
    ] = None,
    weather: Annotated[
        Path | None, typer.Option(help="Its weather, for all stations: .metar, .taf, or a table.")
    ] = None,
    elevation: Annotated[
        str | None, typer.Option(metavar="HEIGHT", help='Of the place that reports it, such as "9 m".')
    ] = None,
    record: options.Record = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Spools and stores of this run go there.")
    ] = None,
    broker: options.Broker = "embedded",
    skip_gaps: options.SkipGaps = False,
    until_done: options.UntilDone = False,
    json: output.Json = False,
) -> None:
    """Play a recorded run again: the same sky, from its file, with the same plans and work.

    Under the virtual clock a whole run must be the same to the last record: exit code 0, else 1. Of a proxy
    it opens the doors again, under the same sky.

    \b
    Examples:
      linkemu replay recorded/demo
      linkemu replay recorded/demo --from 18:50:40 --for 30s --clock real
      linkemu replay recorded/demo --shift "5 s" --slow 2 --loop 3 --record recorded/slow --json
      linkemu replay --date 2024-05-09T18:00 configs/handover.toml --clock virtual \\
        --elements configs/elements/stations_2024-05-09.tle --weather configs/weather/cape-canaveral.metar
    """
    from linkemu.cli.pace import Wanted

    how = How(Wanted(clock, rate, broker, skip_gaps, until_done), directory, record, json)
    places.check_directory(directory, "--dir")
    sources.make_room(record)
    if date is not None:
        from linkemu.cli.historic import Day

        changes = {"--from": start, "--shift": shift, "--slow": slow, "--loop": loop}
        options.refuse(changes, "has no meaning with --date")
        raise typer.Exit(_past_day(what, Day(date, elements or [], weather, elevation, length), how))
    options.refuse(
        {"--elements": elements, "--weather": weather, "--elevation": elevation}, "belongs to --date"
    )
    raise typer.Exit(_again(what, excerpts.Given(start, length, shift, slow, loop), how))


def _again(what: Path, part: excerpts.Given, how: How) -> int:
    """Play a recorded run by what recorded it; the exit code."""
    from linkemu.record import opening

    found = opening.load(what)
    played = part.excerpt(found.played.epoch).apply(found.played)
    if found.manifest.command == "proxy":
        options.refuse(
            how.wanted.given(), "doors are for real clients: they have the real clock, and no nodes"
        )
        _doors(found, played, how)
    if found.manifest.command == "exec":
        raise InputError(
            str(what), f"was recorded by exec: linkemu exec {what} -- COMMAND plays its sky again"
        )
    if found.played.scenario is None or not found.played.plans:
        raise InputError(str(what), "holds no plans for nodes of ours: play its sky with proxy or exec")
    pace = how.wanted.pace(found.manifest.clock, found.played.scenario)
    if pace.mode == "virtual":
        return _virtually(found, played, how)
    return _in_processes(played.armed(), pace, how)


def _virtually(found: Record, played: Played, how: How) -> int:
    """Play it in this process, beside the recorded trace where that is what must come out."""
    from linkemu.cli import report, virtual
    from linkemu.cli.watch import Watch
    from linkemu.record import chain

    expected, why_not = _expected(found, played)
    differing: list[int] = []
    began = time.monotonic()
    with Watch(output.notices() if how.json else output.console()) as watch:
        follow = None if expected is None else chain.follow(expected, differing.append)
        result = virtual.play(played.armed(), watch, how.directory, how.record, "replay", (), follow)
    took_s = time.monotonic() - began
    assert played.scenario is not None
    missing = report.missing(played.scenario, result.transfers)
    ok = result.ok and not missing
    verdict = _verdict(expected, why_not, differing, result)
    if how.json:
        output.document({**virtual.document(result, ok, missing, took_s), "replay": verdict})
    else:
        console = output.console()
        virtual.show(console, played.scenario, result, missing, took_s)
        console.print(_said(verdict), soft_wrap=True)
    return 0 if verdict["same"] or (verdict["same"] is None and ok) else FAILED


def _expected(found: Record, played: Played) -> tuple[TraceFile | None, str]:
    """The trace that must come out again, or why there is none."""
    from linkemu.cli.virtual import TRACE

    if played is not found.played:
        return None, "only a part of the run was played, or a changed one"
    if found.manifest.clock.mode != "virtual":
        return None, f"it was recorded under the {found.manifest.clock.mode} clock"
    if not found.is_complete or TRACE not in found.traces():
        return None, "the recorded run came to no end"
    return found.trace(TRACE), ""


def _verdict(
    expected: TraceFile | None, why_not: str, differing: list[int], result: Result
) -> dict[str, Any]:
    """Whether the trace is the recorded one, as it stands in the JSON."""
    if expected is None:
        return {"same": None, "why": why_not, "records": result.events, "digest": result.digest}
    if not differing and result.events < len(expected.events):
        differing = [result.events + 1]
    return {
        "same": not differing,
        "first_difference": differing[0] if differing else None,
        "records": result.events,
        "digest": result.digest,
        "recorded_records": len(expected.events),
        "recorded_digest": expected.digest,
    }


def _said(verdict: dict[str, Any]) -> str:
    if verdict["same"] is None:
        return f"trace: not compared, {verdict['why']}"
    if verdict["same"]:
        return f"trace: same as recorded ({verdict['records']} records, digest {verdict['digest'][:32]}…)"
    return f"trace: differs from the recorded one at record {verdict['first_difference']}"


def _in_processes(played: Played, pace: Pace, how: How) -> int:
    """Play it as separate processes at the real or a scaled clock."""
    from linkemu.cli import processes
    from linkemu.forecast import Forecast
    from linkemu.record.recording import Recording
    from linkemu.runtime.layout import DEFAULT

    scenario, record = played.scenario, how.record
    assert scenario is not None
    assert played.epoch is not None
    compiled = Forecast(played.epoch, played.sky, played.plans, (), (), ())
    where = how.directory or DEFAULT / DIRECTORY.format(name=scenario.name)
    options = replace(how.options(where, pace), fresh=True, faults=played.faults)
    if record is not None:
        options = replace(options, record=lambda _: Recording.begin(record, "replay", played, pace))
    return processes.watched(scenario, options, how.json, compiled)


def _doors(found: Record, played: Played, how: How) -> None:
    """Open the doors that the run had, for as many clients as come."""
    from linkemu.access.settings import Door, Proxy
    from linkemu.cli import proxy

    told = found.document(sources.DOORS)
    doors = tuple(Door.of(each) for each in told["doors"])
    rest = {key: told[key] for key in ("start_s", "anchor", "queue_bytes", "hold_s")}
    proxy.play(
        Proxy(Path(), doors, **rest, faults=played.faults),
        played,
        how.json,
        record=how.record,
        is_own=len(doors) > 1,
    )


def _past_day(path: Path, day: Day, how: How) -> int:
    """Compile a day of the past and play it."""
    from linkemu.cli import historic, processes, virtual
    from linkemu.record.manifest import Pace

    scenario, changes = historic.changed(path, day)
    pace = how.wanted.pace(Pace(scenario.clock.mode, scenario.clock.rate), scenario)
    if pace.mode == "virtual":
        return virtual.run(scenario, how.directory, how.json, how.record, changes, "replay")
    return processes.run(scenario, how.options(how.directory, pace), how.json, how.record, changes, "replay")
