"""``linkemu run`` under the virtual clock: one process, no sockets, and a digest that proves the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from linkemu.cli import output, report
from linkemu.cli.door import FAILED
from linkemu.cli.watch import Watch
from linkemu.forecast import forecast
from linkemu.runtime.composed import Result, run_virtual
from linkemu.scenario import Scenario
from linkemu.telemetry import ClockState, Message, Session, TransferState
from linkemu.units import format_duration


def run(scenario: Scenario, directory: Path | None, json: bool) -> int:
    """Run it, show it, report it; the exit code. Spools and stores stay only in a ``directory`` given."""
    began = time.monotonic()
    with Watch(output.notices() if json else output.console()) as watch:
        compiled = forecast(
            scenario, lambda share, what: watch.busy(f"compiling the sky {100 * share:.0f} % {what}")
        )
        for warning in compiled.warnings:
            watch.note(f"warning: {warning}")
        hear = _with_time(watch, scenario, output.iso(compiled.epoch))
        result = run_virtual(scenario, compiled=compiled, root=directory, observe=hear)
    took_s = time.monotonic() - began
    missing = report.missing(scenario, result.transfers)
    ok = result.ok and not missing
    if json:
        output.document(_document(result, ok, missing, took_s))
    else:
        _show(output.console(), scenario, result, missing, took_s)
    return 0 if ok else FAILED


def _with_time(watch: Watch, scenario: Scenario, epoch: str) -> Callable[[Message], None]:
    """What the watch is told: messages, and with each its time, as no emulator's clock speaks here."""
    watch.take(Session(scenario.name, "running", epoch, scenario.duration_s, 1.0, os.getpid()))

    def hear(message: Message) -> None:
        if isinstance(message, TransferState):
            watch.take(ClockState(message.at_s, 1.0, scenario.duration_s, 0.0))
        watch.take(message)

    return hear


def _document(result: Result, ok: bool, missing: list[str], took_s: float) -> dict[str, Any]:
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


def _show(console: Console, scenario: Scenario, result: Result, missing: list[str], took_s: float) -> None:
    report.show(console, result.transfers, result.fidelity)
    span = f"{format_duration(scenario.duration_s)} played in {format_duration(took_s)}"
    console.print(f"{span}; {result.events} events, digest {result.digest[:32]}…", soft_wrap=True)
    console.print(report.verdict("ended", result.transfers, missing))
