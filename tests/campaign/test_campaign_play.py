"""Runs under faults: the same every time; crashes strike; a node that misbehaves is caught."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linkemu.campaign import play as playing
from linkemu.campaign.draw import draw
from linkemu.campaign.faults import (
    BadPlan,
    Crash,
    Fault,
    Frames,
    Full,
    Outage,
    Rot,
    Skew,
    SlowDisk,
    Unreadable,
)
from linkemu.campaign.hunt import calm
from linkemu.campaign.play import Outcome, play
from linkemu.campaign.stage import Stage, compile_stage
from linkemu.campaign.watch import Order
from linkemu.errors import InputError, LinkemuError
from linkemu.runtime.node import Context
from linkemu.scenario import Transfer

A, B, SAT = "oberpfaffenhofen", "calern", "iss"


def told(stage: Stage, *faults: Fault) -> tuple[Outcome, list[dict[str, Any]]]:
    lines = list[str]()
    outcome = play(stage, faults, trace_sink=lines.append)
    return outcome, [json.loads(line) for line in lines]


def at(lines: list[dict[str, Any]], who: str, what: str) -> list[float]:
    return [line["t"] / 1e9 for line in lines if (line["who"], line["what"]) == (who, what)]


def test_a_calm_sky_brings_everything_to_its_end(stage: Stage, orders: frozenset[Order]) -> None:
    assert len(orders) == len(stage.scenario.transfers) == 8


AGAIN = """
import sys
from pathlib import Path
from linkemu.campaign.draw import draw
from linkemu.campaign.play import play
from linkemu.campaign.stage import compile_stage
from linkemu.scenario import load
stage = compile_stage(load(Path(sys.argv[1])))
print(*(play(stage, draw(seed, stage)).digest for seed in range(3)))
"""


def test_a_seed_is_one_run_in_every_process(stage: Stage) -> None:
    here = [play(stage, draw(seed, stage)).digest for seed in range(3)]
    there = subprocess.run(
        [sys.executable, "-c", AGAIN, str(stage.scenario.path)],
        env={"PYTHONHASHSEED": "12345", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert here == there
    assert len(set(here)) == 3


@pytest.mark.parametrize("how", ["power", "kill", "stop"])
@pytest.mark.parametrize("on", ["step", "disk"])
def test_a_crash_strikes_and_the_node_comes_back(
    stage: Stage, orders: frozenset[Order], how: Any, on: Any
) -> None:
    """In mid-upload; the satellite goes on from what its disk has kept, and nothing is violated."""
    outcome, lines = told(stage, Crash(SAT, 1.0, how, on, 5, 0.5, 7))
    assert outcome.crashes == 1
    assert outcome.violations == ()
    first, second = at(lines, SAT, "up")
    stored = at(lines, SAT, "stored")
    assert first == 0.0
    assert 1.5 < second < 2.0
    assert not [t for t in stored if second - 0.5 < t < second]
    assert [t for t in stored if t > second]
    assert outcome.verified == orders


def test_later_steps_strike_later(stage: Stage) -> None:
    def back(after: int) -> float:
        return at(told(stage, Crash(SAT, 0.6, "kill", "disk", after, 0.001))[1], SAT, "up")[1]

    assert back(1) < back(6) < back(12)


def test_a_crash_that_finds_no_step_strikes_all_the_same(stage: Stage) -> None:
    outcome, lines = told(stage, Crash(SAT, 60.0, "power", "disk", 50, 0.5))
    assert at(lines, SAT, "up") == [0.0, 61.5]
    assert outcome.violations == ()


def test_faults_of_the_air_reach_the_nodes(stage: Stage, orders: frozenset[Order]) -> None:
    """Each costs something, and none breaks anything."""
    calm, _ = told(stage)
    for effect in ("corrupt", "drop", "delay", "duplicate"):
        frames = Frames(A, SAT, "both", 0.0, 30.0, effect, 0.3, 0.05, 3)  # type: ignore[arg-type]
        outcome, _ = told(stage, frames)
        assert outcome.digest != calm.digest, effect
        assert outcome.violations == ()
        assert outcome.verified == orders


def test_a_link_that_is_dark_is_seen_and_one_that_loses_is_not(stage: Stage) -> None:
    calm = at(told(stage)[1], A, "dark")
    dark = at(told(stage, Outage(A, SAT, "both", 2.0, 1.0, "dark"))[1], A, "dark")
    lost = at(told(stage, Outage(A, SAT, "both", 2.0, 1.0, "lost"))[1], A, "dark")
    assert dark == sorted([2.0, *calm])
    assert lost == calm


def test_a_skewed_clock_is_wrong_in_later_lives_alone(stage: Stage) -> None:
    faults = (Skew(A, 0.5, 2.5, 0.001), Crash(A, 9.0, "stop", "step", 1, 0.5))
    outcome, lines = told(stage, *faults)
    first, second = at(lines, A, "up")
    assert first == 0.0
    assert 9.5 + 2.5 < second < 11.6 + 2.5
    assert outcome.violations == ()


def test_a_plan_comes_late_and_without_its_windows(stage: Stage) -> None:
    _, lines = told(stage, BadPlan(A, late_s=1.25, missing=2))
    (plan,) = [line for line in lines if (line["who"], line["what"]) == (A, "plan")]
    assert (plan["t"], plan["windows"]) == (1_250_000_000, 2)


def test_a_slow_disk_costs_time(stage: Stage) -> None:
    calm = at(told(stage)[1], SAT, "stored")
    slow = at(told(stage, SlowDisk(SAT, 0.0, 5.0, 0.05))[1], SAT, "stored")
    assert slow[0] > calm[0] + 0.15


def test_a_satellite_that_is_full_declines_and_goes_on(stage: Stage, orders: frozenset[Order]) -> None:
    outcome, lines = told(stage, Full(SAT, 1.0, 4.0, 20_000))
    assert outcome.violations == ()
    assert at(lines, SAT, "chunks not stored")
    assert at(lines, SAT, "up") == [0.0]
    assert len(orders - outcome.verified) in range(1, len(orders))


def test_a_station_that_is_full_when_its_work_is_due_says_so_once_it_can(stage: Stage) -> None:
    """Not even the word of the failure had room (found by seed 86)."""
    outcome, lines = told(stage, Full(B, 1.5, 2.0))
    assert outcome.violations == ()
    assert at(lines, B, "disk refuses")
    assert [t for t in at(lines, B, "failed") if 3.5 <= t < 5.0]


def test_a_node_that_comes_back_to_a_full_disk_waits_for_room(stage: Stage, orders: frozenset[Order]) -> None:
    outcome, lines = told(stage, Full(SAT, 30.0, 3.0), Crash(SAT, 30.5, "kill", "step", 1, 0.1))
    assert outcome.violations == ()
    assert at(lines, SAT, "up") == [0.0, 33.0]


def test_a_station_that_was_killed_when_it_had_fetched_a_file_says_so_in_its_next_life(stage: Stage) -> None:
    """It had journalled the file as verified, and not yet told the satellite (found by seed 2207)."""
    outcome, lines = told(stage, Crash(B, 35.2, "kill", "disk", 10, 1.0))
    assert outcome.violations == ()
    assert not [t for t in at(lines, B, "verified") if t > 35.0], "it was killed before it could say so"
    assert at(lines, SAT, "refused by peer") == []
    assert [t for t in at(lines, SAT, "delivered") if t > 36.0]


@pytest.mark.parametrize("damage", [Rot(SAT, 19.0), Unreadable(SAT, 19.0, 2)])
def test_damaged_chunks_in_orbit_are_found_and_never_served(
    stage: Stage, orders: frozenset[Order], damage: Rot | Unreadable
) -> None:
    """Anywhere on the disk before a download: it comes right or fails and says why; all others come right."""
    found = 0
    for seed in range(10):
        outcome, lines = told(stage, replace(damage, seed=seed))
        assert outcome.violations == ()
        found += bool(at(lines, SAT, "chunk lost"))
        failed = [line for line in lines if line["what"] == "failed"]
        assert len(orders - outcome.verified) == len(failed) <= 1
        assert all(line["problem"] for line in failed)
    assert found > 1


def test_a_satellite_comes_up_with_any_file_of_its_disk_unreadable(stage: Stage) -> None:
    ended = 0
    for seed in range(14):
        outcome, lines = told(
            stage, Unreadable(SAT, 8.0, 1, seed), Crash(SAT, 8.1, "kill", "step", 1, 0.1, seed)
        )
        assert outcome.violations == ()
        assert len(at(lines, SAT, "up")) == 2
        ended += bool(at(lines, SAT, "manifest damaged"))
    assert ended > 0


def test_a_file_of_the_operators_is_put_from_the_simulated_disk(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "own.bin"
    file.write_bytes(bytes(range(256)) * 80)
    put = Transfer(0.5, A, SAT, "put", file, None, "own.bin", 0)
    own = replace(stage, scenario=replace(stage.scenario, transfers=(put,)))
    assert play(own, ()).verified == {(A, "put", SAT, "own.bin")}


def test_a_scenario_without_work_is_refused(stage: Stage) -> None:
    with pytest.raises(InputError, match="at least one"):
        compile_stage(replace(stage.scenario, transfers=()))


Node = Callable[[Context], Coroutine[Any, Any, None]]


async def _raises(context: Context) -> None:
    await context.terminal.start()
    await context.clock.sleep_until(1.0)
    raise ValueError("no, really")


async def _returns(context: Context) -> None:
    await context.clock.sleep_until(1.0)


async def _fails_in_a_timer(context: Context) -> None:
    def fire() -> None:
        raise KeyError("in a timer")

    context.clock.call_at(2.0, fire)
    await context.clock.sleep_until(1e6)


async def _spins(context: Context) -> None:
    while context.clock.now() < 1e6:
        await context.clock.sleep_until(0.0)  # which has gone by


async def _clings(context: Context) -> None:
    while True:
        try:
            await context.clock.sleep_until(context.clock.now() + 0.5)
        except asyncio.CancelledError:
            continue


async def _hoards(context: Context) -> None:
    kept = [object() for _ in range(600_000)]
    await context.clock.sleep_until(1e6)
    kept.clear()


@pytest.mark.parametrize(
    ("node", "what", "details"),
    [
        (_raises, "exception", "ValueError: no, really"),
        (_returns, "ended", "it returned, though nobody had cancelled it"),
        (_fails_in_a_timer, "exception", "KeyError: 'in a timer'"),
        (_spins, "busy", "more than"),
        (_clings, "hangs", "it was cancelled, and does not end"),
        (_hoards, "memory", "more than 400000 objects"),
    ],
)
def test_a_node_that_misbehaves_is_caught(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, node: Node, what: str, details: str
) -> None:
    monkeypatch.setattr(playing, "installed", lambda role: node)
    outcome = play(stage, [Crash(SAT, 3.0, "stop", "step", 1, 0.1)])
    assert what in {each.what for each in outcome.violations}
    assert any(each.details.startswith(details) for each in outcome.violations)


def test_a_stage_that_breaks_a_rule_by_itself_is_no_stage(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "installed", lambda role: _returns)
    with pytest.raises(LinkemuError, match=r"without any fault, at 1.000 s: \w+: ended: it returned"):
        calm(stage)


def test_what_a_calm_sky_does_not_bring_to_its_end_is_not_asked_for(stage: Stage) -> None:
    """A download of a file that nobody puts is refused, and so are all of its like."""
    get = Transfer(1.0, A, SAT, "get", None, None, "nothing.bin", 0)
    transfers = (*stage.scenario.transfers, get)
    more = replace(stage, scenario=replace(stage.scenario, transfers=transfers))
    assert calm(more) == calm(stage)
