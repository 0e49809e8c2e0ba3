"""A run in processes of its own, at the real or a scaled clock: shown as it goes, reported at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from linkemu.cli import output, report
from linkemu.cli.door import FAILED, INTERRUPTED
from linkemu.cli.rundoors import RunDoors
from linkemu.cli.watch import Watch
from linkemu.forecast import Forecast
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime import session
from linkemu.runtime.session import Options, Outcome
from linkemu.runtime.stopping import Stopping
from linkemu.scenario import Changes, Scenario

Begin = Callable[[Forecast], Recording]
REPEAT_S = 5.0  # without a terminal, geometry of open links is told this often


def run(
    scenario: Scenario,
    options: Options,
    json: bool,
    record: Path | None = None,
    changes: Changes | None = None,
    command: str = "run",
) -> int:
    """Compile it, run it, show it, report it; the exit code."""
    if record is not None:
        rate = scenario.clock.rate if options.rate is None else options.rate
        pace = Pace("real" if rate == 1.0 else "scaled", rate)

        def begin(compiled: Forecast) -> Recording:
            played = Played(compiled.sky, scenario, compiled.epoch, compiled.plans, changes=changes or {})
            return Recording.begin(record, command, played, pace)

        options = replace(options, record=begin)
    return watched(scenario, options, json)


def _with(doors: RunDoors, record: Begin | None) -> Begin | None:
    """Begin to record as told, the doors too."""
    if record is None:
        return None

    def begin(compiled: Forecast) -> Recording:
        recording = record(compiled)
        doors.keep(recording)
        return recording

    return begin


def watched(scenario: Scenario, options: Options, json: bool, compiled: Forecast | None = None) -> int:
    """Run it, show it, report it; the exit code. ``compiled``: play this sky, and compile none."""
    with Stopping() as stopping:
        with Watch(output.notices() if json else output.console(), REPEAT_S) as watch:
            doors = RunDoors(scenario, watch.follow)
            options = replace(options, record=_with(doors, options.record))
            try:
                outcome = session.run(scenario, options, doors.follow, compiled, stopping=stopping)
            finally:
                doors.close()
        _report(outcome, doors, json)
    if outcome.reason == "stopped":
        return INTERRUPTED
    return 0 if outcome.ok else FAILED


def _report(outcome: Outcome, doors: RunDoors, json: bool) -> None:
    if json:
        output.document(
            {**report.outcome_document(outcome), "doors": [asdict(each) for each in doors.reports]}
        )
    else:
        console = output.console()
        report.show(console, outcome.transfers, report.fidelity_of(outcome))
        doors.show()
        console.print(report.verdict(outcome.reason, outcome.transfers, outcome.missing))
