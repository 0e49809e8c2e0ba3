"""Each kind of ``[[fault]]`` on our own nodes under the virtual clock: the file is intact at the end."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from linkemu import scenario
from linkemu.forecast import Forecast, forecast
from linkemu.forecast.faulted import believed, faulted
from linkemu.link.timeline import Cause
from linkemu.machine import Direction
from linkemu.runtime.composed import Result, run_virtual
from linkemu.scenario import Scenario, Transfer
from linkemu.scenario.model import Trouble

CONFIGS = Path(__file__).parents[2] / "configs"
WORK = (
    Transfer(0.0, "koganei", "iss", "put", None, 4 * 2**20, "a.bin", 1),
    Transfer(15.0, "koganei", "iss", "get", None, None, "a.bin", 0),
)
LINK = {"station": "koganei", "satellite": "iss"}


@pytest.fixture(scope="module")
def demo() -> tuple[Scenario, Forecast]:
    short = dataclasses.replace(
        scenario.load(CONFIGS / "demo.toml"), transfers=WORK, clouds=(), duration_s=30.0, seed=7
    )
    return short, forecast(short)


def play(demo: tuple[Scenario, Forecast], *troubles: Trouble, **more: Any) -> tuple[Result, list[str]]:
    plain, base = demo
    troubled = dataclasses.replace(plain, troubles=troubles)
    sky = faulted(troubled, base.sky)
    compiled = dataclasses.replace(base, sky=sky, plans=believed(troubled, base.plans))
    lines: list[str] = []
    return run_virtual(troubled, compiled=compiled, trace_sink=lines.append, **more), lines


def ends(result: Result) -> dict[str, float]:
    return {each.action: each.times["verified"] for each in result.transfers}


@pytest.fixture(scope="module")
def plain(demo: tuple[Scenario, Forecast]) -> Result:
    result, _ = play(demo)
    assert result.ok and len(result.transfers) == 2
    return result


@pytest.mark.parametrize(
    ("trouble", "direction"),
    [
        (Trouble("fades", 0.0, 30.0, **LINK, period_s=0.5, length_s=0.1), "up"),
        (Trouble("loss", 0.0, 30.0, **LINK, every=10), "up"),
        (Trouble("loss", 0.0, 30.0, **LINK, every=7, of="datagrams"), "up"),
        (Trouble("loss", 0.0, 30.0, **LINK, share=0.2, of="datagrams"), "up"),
        (Trouble("loss", 0.0, 9.0, **LINK, direction=Direction.DOWN), "down"),  # the acknowledgements
        (Trouble("corrupt", 0.0, 30.0, **LINK, every=11), "up"),
        (Trouble("reorder", 0.0, 30.0, **LINK, every=3, late_s=0.05), None),
        (Trouble("duplicate", 0.0, 30.0, **LINK), None),
        (Trouble("rate", 0.0, 30.0, **LINK, rate_bps=20_000_000), None),
        (Trouble("delay", 0.0, 30.0, **LINK, delay_s=0.3), None),
        (Trouble("delay", 0.0, 30.0, **LINK, added_s=0.05, direction=Direction.DOWN), None),
        (Trouble("blackhole", 0.5, 4.0, **LINK), "up"),
    ],
    ids=lambda value: f"{value.kind}-{value.of}" if isinstance(value, Trouble) else str(value),
)
def test_the_file_survives_a_fault_of_the_link(
    demo: tuple[Scenario, Forecast], plain: Result, trouble: Trouble, direction: str | None
) -> None:
    result, _ = play(demo, trouble)
    assert result.ok, result.transfers
    assert {each.sha256 for each in result.transfers} == {plain.transfers[0].sha256}
    assert result.digest != plain.digest, "the fault has done nothing"
    before = {each.direction: each for each in plain.fidelity.links}
    after = {each.direction: each for each in result.fidelity.links}
    if direction is not None:
        hit = "corrupted_frames" if trouble.kind == "corrupt" else "erased_frames"
        assert getattr(after[direction], hit) > getattr(before[direction], hit)


def test_a_slow_link_and_a_long_one_take_their_time(demo: tuple[Scenario, Forecast], plain: Result) -> None:
    slow, _ = play(demo, Trouble("rate", 0.0, 30.0, **LINK, rate_bps=20_000_000))
    assert ends(slow)["put"] > 4 * 2**20 * 8 / 20e6
    far, _ = play(demo, Trouble("delay", 0.0, 30.0, **LINK, delay_s=0.5))
    assert ends(far)["put"] > ends(plain)["put"] + 0.9


def test_a_fade_train_erases_where_the_margin_is_less_than_its_depth(demo: tuple[Scenario, Forecast]) -> None:
    troubled, base = demo
    train = Trouble("fades", 5.0, 20.0, **LINK, period_s=1.0, length_s=0.05)

    def erased(depth_dB: float | None) -> int:
        given = dataclasses.replace(troubled, troubles=(dataclasses.replace(train, depth_dB=depth_dB),))
        timeline = faulted(given, base.sky).timelines[0, Direction.UP]
        by_train = timeline.erased_count[timeline.erased_cause == Cause.FADE].sum()
        before = base.sky.timelines[0, Direction.UP]
        return int(by_train - before.erased_count[before.erased_cause == Cause.FADE].sum())

    assert erased(None) > 800 and erased(60.0) == erased(None) and erased(0.0) == 0


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("kill", 0.4, None, node="iss"),
        Trouble("kill", 1.2, 3.0, node="koganei"),
        Trouble("freeze", 1.15, 4.0, node="iss"),
        Trouble("freeze", 1.2, 2.0, node="koganei"),
        Trouble("clock", 0.0, None, node="iss", shift_s=3.0, drift_ppm=200.0),
        Trouble("clock", 0.0, None, node="koganei", shift_s=-2.5),
        Trouble("plan-missing", 0.0, 20.0, node="koganei"),
        Trouble("plan-late", 4.0, None, node="koganei"),
        Trouble("bit-flip", 0.0, None, node="iss", count=3),
    ],
    ids=lambda trouble: f"{trouble.kind}-{trouble.node}",
)
def test_the_file_survives_a_fault_of_a_node(
    demo: tuple[Scenario, Forecast], plain: Result, trouble: Trouble
) -> None:
    result, _ = play(demo, trouble)
    assert result.ok, result.transfers
    assert {each.sha256 for each in result.transfers} == {plain.transfers[0].sha256}
    assert result.digest != plain.digest, "the fault has done nothing"


def test_faulted_runs_are_as_deterministic_as_others(demo: tuple[Scenario, Forecast]) -> None:
    troubles = (
        Trouble("loss", 0.0, 30.0, **LINK, share=0.2, of="datagrams"),
        Trouble("reorder", 0.0, 30.0, **LINK, share=0.1, late_s=0.05),
        Trouble("kill", 1.2, 1.0, node="iss"),
        Trouble("freeze", 2.4, 0.5, node="koganei"),
        Trouble("clock", 0.0, None, node="iss", drift_ppm=50.0),
    )
    one, two = play(demo, *troubles)[0], play(demo, *troubles)[0]
    assert one.ok and one.digest == two.digest


def test_a_frozen_node_goes_on_where_it_stood(demo: tuple[Scenario, Forecast], plain: Result) -> None:
    result, lines = play(demo, Trouble("freeze", 1.2, 2.0, node="koganei"))
    assert ends(plain)["put"] < 1.4 and 3.2 < ends(result)["put"] < 4.0
    times = [json.loads(line)["at"] for line in lines if '"node":"koganei"' in line]
    assert not [at for at in times if 1.2 < at < 3.2]


def test_a_node_whose_clock_is_wrong_tells_wrong_times(
    demo: tuple[Scenario, Forecast], plain: Result
) -> None:
    result, _ = play(demo, Trouble("clock", 0.0, None, node="koganei", shift_s=-0.25))
    assert ends(result)["put"] == pytest.approx(ends(plain)["put"] - 0.25, abs=0.01)


def test_plans_that_are_wrong_on_purpose(demo: tuple[Scenario, Forecast], plain: Result) -> None:
    troubled, base = demo
    shift = Trouble("plan-shift", 0.0, None, node="koganei", shift_s=2.0)
    wrong = believed(dataclasses.replace(troubled, troubles=(shift,)), base.plans)
    assert wrong["iss"] == base.plans["iss"]
    [before], [after] = base.plans["koganei"].windows, wrong["koganei"].windows
    assert (after.start_s, after.end_s) == (before.start_s + 2.0, before.end_s + 2.0)
    assert after.delay[0] == (before.delay[0][0] + 2.0, before.delay[0][1])
    missing = Trouble("plan-missing", 29.0, 20.0, node="iss")
    assert believed(dataclasses.replace(troubled, troubles=(missing,)), base.plans)["iss"].windows == ()
    result, _ = play(demo, shift, missing)
    assert result.ok, "our nodes go by light, whatever the plan says"


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (Trouble("disk", 0.5, 1.0, node="iss"), "the satellite can't store it: .*: input/output error"),
        (Trouble("disk", 0.3, 1.0, node="koganei"), "input/output error"),
        (
            Trouble("bit-flip", 0.0, None, node="koganei"),
            "chunk 0 changed in the spool after it was accepted",
        ),
    ],
    ids=lambda value: f"{value.kind}-{value.node}" if isinstance(value, Trouble) else "",
)
def test_a_disk_that_fails_is_told_and_nothing_wrong_is_acknowledged(
    demo: tuple[Scenario, Forecast], trouble: Trouble, problem: str
) -> None:
    result, _ = play(demo, trouble)
    put = next(each for each in result.transfers if each.action == "put")
    assert put.state == "failed" and re.search(problem, put.problem or "")
    assert result.digest == play(demo, trouble)[0].digest, "the trace tells of the place of the run"
