"""A run under the virtual clock: one process, no sockets, and a digest that proves the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from linkemu.cli import output, report
from linkemu.cli.door import FAILED, heeding_sigterm
from linkemu.cli.watch import Watch
from linkemu.forecast import Forecast, forecast
from linkemu.record.chain import ChainWriter
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime import past
from linkemu.runtime.composed import Result, run_virtual
from linkemu.scenario import Changes, Scenario
from linkemu.telemetry import ClockState, Message, Session, TransferState
from linkemu.units import format_duration

TRACE = "run"  # its name in a recorded run
Sink = Callable[[str], None]


def run(
    scenario: Scenario,
    directory: Path | None,
    json: bool,
    record: Path | None = None,
    changes: Changes | None = None,
    command: str = "run",
) -> int:
    """Compile it, run it, show it, report it; the exit code.

    Spools and stores stay only in a ``directory`` given.
    """
    began = time.monotonic()
    with Watch(output.notices() if json else output.console()) as watch:
        compiled = forecast(
            scenario, lambda share, what: watch.busy(f"compiling the sky {100 * share:.0f} % {what}")
        )
        played = Played(compiled.sky, scenario, compiled.epoch, compiled.plans, changes=changes or {})
        result = play(played, watch, directory, record, command, compiled.warnings)
    took_s = time.monotonic() - began
    missing = report.missing(scenario, result.transfers)
    ok = result.ok and not missing
    if json:
        output.document(document(result, ok, missing, took_s))
    else:
        show(output.console(), scenario, result, missing, took_s)
    return 0 if ok else FAILED


def play(
    played: Played,
    watch: Watch,
    directory: Path | None,
    record: Path | None,
    command: str,
    warnings: Sequence[str] = (),
    follow: Sink | None = None,
) -> Result:
    """Play it from its beginning to its end; ``follow`` hears its trace, ``record`` keeps all of it."""
    scenario, epoch = played.scenario, played.epoch
    assert scenario is not None, "nodes need a scenario"
    assert epoch is not None, "and so does time"
    for warning in warnings:
        watch.note(f"warning: {warning}")
    compiled = Forecast(epoch, played.sky, played.plans, (), (), tuple(warnings))
    with ExitStack() as exits:
        exits.enter_context(heeding_sigterm())
        sinks = [] if follow is None else [follow]
        recording = None
        if record is not None:
            recording = Recording.begin(record, command, played, Pace("virtual"))
            chain = ChainWriter(recording.trace(TRACE))
            exits.callback(chain.close)
            sinks.append(chain.write)
        result = run_virtual(
            scenario,
            compiled=compiled,
            root=directory,
            trace_sink=_all_of(sinks),
            observe=_with_time(watch, scenario, output.iso(epoch)),
            faults=past.overlays(played.faults),
        )
    if recording is not None:
        _finish(recording, scenario, result)
    return result


def document(result: Result, ok: bool, missing: list[str], took_s: float) -> dict[str, Any]:
    """A run for JSON."""
    return {
        "scenario": result.scenario,
        "epoch": output.iso(result.epoch),
        "ok": ok,
        "digest": result.digest,
        "sky_digest": result.sky_digest,
        "events": result.events,
        "messages": result.messages,
        "wall_s": took_s,
        "warnings": list(result.warnings),
        "transfers": report.transfers_document(result.transfers),
        "missing": missing,
        "fidelity": report.fidelity_document(result.fidelity),
    }


def show(console: Console, scenario: Scenario, result: Result, missing: list[str], took_s: float) -> None:
    report.show(console, result.transfers, result.fidelity)
    span = f"{format_duration(scenario.duration_s)} played in {format_duration(took_s)}"
    console.print(f"{span}; {result.events} events, digest {result.digest[:32]}…", soft_wrap=True)
    console.print(report.verdict("ended", result.transfers, missing))


def _all_of(sinks: Sequence[Sink]) -> Sink | None:
    if len(sinks) < 2:
        return sinks[0] if sinks else None

    def each(line: str) -> None:
        for sink in sinks:
            sink(line)

    return each


def _with_time(watch: Watch, scenario: Scenario, epoch: str) -> Callable[[Message], None]:
    """What the watch is told: messages, and with each its time, as no emulator's clock speaks here."""
    watch.take(Session(scenario.name, "running", epoch, scenario.duration_s, 1.0, os.getpid()))

    def hear(message: Message) -> None:
        if isinstance(message, TransferState):
            watch.take(ClockState(message.at_s, 1.0, scenario.duration_s, 0.0))
        watch.take(message)

    return hear


def _finish(recording: Recording, scenario: Scenario, result: Result) -> None:
    missing = report.missing(scenario, result.transfers)
    recording.finish(
        fidelity=asdict(result.fidelity),
        transfers=report.transfers_document(result.transfers),
        outcome={"reason": "ended", "ok": result.ok and not missing, "missing": missing},
    )
