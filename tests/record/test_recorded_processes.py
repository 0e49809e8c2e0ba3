"""A run in processes is recorded too: each node writes its own trace, and goes on with it after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linkemu.forecast import Forecast
from linkemu.record import chain, opening
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime.session import Options, Session
from tests.acceptance.sessions import until, until_transfer
from tests.record import made

pytestmark = pytest.mark.acceptance
DARK = {"link": 0, "direction": "up", "start_ns": 10**9, "end_ns": 3 * 10**9, "rate_cap_bps": 0}


async def test_a_run_in_processes_replays_in_processes_and_in_virtual_time(
    tmp_path: Path, small: Played
) -> None:
    first = await _run(tmp_path / "one", small, kill="iss")
    assert first.traces() == ["iss", "koganei"]
    kinds = [event["what"] for event in first.trace("iss").events]
    assert kinds.count("up") == 2, "the killed node came back and went on with its trace"
    assert first.played.faults == (DARK,)
    assert first.document("outcome")["ok"] is True
    assert first.document("timemap")["pieces"][0]["rate"] == 2.0
    assert {each["state"] for each in first.document("transfers")} == {"verified"}

    second = await _run(tmp_path / "two", first.played)
    assert second.played.sky.digest() == first.played.sky.digest()
    assert second.document("outcome")["ok"] is True
    assert (await asyncio.to_thread(made.run, second.played)).ok


def _lives(trace: Path) -> int:
    """How often the node has come up, while it goes on writing."""
    return [event["what"] for event in chain.read(trace, torn=True).events].count("up")


async def _run(room: Path, played: Played, kill: str | None = None) -> opening.Record:
    """Play it twice as fast as it is, killing a node once; what was recorded of it."""
    assert played.scenario is not None
    assert played.epoch is not None
    compiled = Forecast(played.epoch, played.sky, played.plans, (), (), ())

    def begin(_: Forecast) -> Recording:
        return Recording.begin(room / "record", "run", played, Pace("scaled", 2.0))

    options = Options(
        room / "run", broker="off", rate=2.0, until_done=kill is None, faults=(DARK,), record=begin
    )
    async with Session(played.scenario, options, compiled=compiled) as session:
        if kill is not None:
            await until_transfer(session, "put", "sending", "in orbit", "verified")
            os.kill(session.marker.processes[kill], signal.SIGKILL)
            await until(lambda: _lives(room / "record" / "traces" / f"{kill}.jsonl") == 2, 20)
        await session.finished()
    return opening.load(room / "record")


def test_the_count_of_replays_goes_on_working(tmp_path: Path) -> None:
    """bench/replays.py, which shows 100 of 100 on other Pythons: here twice, in processes of their own."""
    bench = Path(__file__).parents[2] / "bench" / "replays.py"
    place = made.scenario(tmp_path).path
    command = [sys.executable, str(bench), str(place), "--times", "2", "--processes", "2", "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=80).stdout)
    assert [(row["times"], row["same"]) for row in told["replays"]] == [(2, 2)]
