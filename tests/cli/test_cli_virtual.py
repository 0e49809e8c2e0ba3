"""A run under the virtual clock that is told to end."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from linkemu import scenario
from linkemu.cli import output, virtual
from linkemu.cli.watch import Watch
from linkemu.forecast import forecast
from linkemu.record.played import Played


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_run_that_is_told_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    read = scenario.load("last-ack-lost")
    compiled = forecast(read)
    seen: list[str] = []

    def told(line: str) -> None:
        if not seen and any(tmp_path.iterdir()):
            seen.append(line)
            os.kill(os.getpid(), number)

    def outer(number: int, frame: object) -> None:
        pytest.fail("it was not heeded")

    before = signal.signal(signal.SIGTERM, outer)
    try:
        with pytest.raises(KeyboardInterrupt), Watch(output.notices()) as watch:
            played = Played(compiled.sky, read, compiled.epoch, compiled.plans)
            virtual.play(played, watch, None, None, "run", (), told)
        assert signal.getsignal(signal.SIGTERM) is outer
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen and list(tmp_path.iterdir()) == []
