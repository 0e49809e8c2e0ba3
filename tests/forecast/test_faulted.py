"""What each scripted fault is, figure by figure: in a timeline if it can say it, else in the schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from linkemu.forecast.faulted import believed, faulted
from linkemu.link.overlay import ALL, Overlay, Pick
from linkemu.link.timeline import Cause, LinkTimeline, Sky, constant
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.scenario.model import Scenario, Trouble
from linkemu.schedule import DoorFault, NodeFault, Schedule

Make = Callable[..., Scenario]
UP, DOWN = Direction.UP, Direction.DOWN
S = 10**9
LINK: dict[str, Any] = {"station": "koganei", "satellite": "iss"}


def sky() -> Sky:
    ways = [constant("koganei", "iss", way, 1_000_000, 0.002, 10.0) for way in Direction]
    return Sky.of(*ways, constant("teide", "iss", UP, 1_000_000, 0.002, 10.0))


def runs(timeline: LinkTimeline) -> list[tuple[int, int, Cause]]:
    columns = (timeline.erased_slot, timeline.erased_count, timeline.erased_cause)
    return [
        (first, count, Cause(cause))
        for first, count, cause in zip(*(each.tolist() for each in columns), strict=True)
    ]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"kind": "delay", "delay_s": 0.3}, {"delay_ns": 300_000_000}),
        ({"kind": "delay", "added_s": 0.05}, {"delay_added_ns": 50_000_000}),
        ({"kind": "reorder", "late_s": 0.2}, {"reorder": ALL, "late_ns": 200_000_000}),
        ({"kind": "duplicate", "every": 3}, {"duplicate": Pick(3)}),
        ({"kind": "corrupt", "share": 0.5}, {"corrupt": Pick(share=0.5)}),
        ({"kind": "loss", "of": "datagrams", "every": 2}, {"erase_datagrams": Pick(2)}),
        ({"kind": "loss", "of": "datagrams", "share": 1.0}, {"erase_datagrams": ALL}),
    ],
)
def test_what_a_timeline_cant_say_goes_into_the_schedule(
    figures: dict[str, Any], expected: dict[str, Any], scenario: Make
) -> None:
    name, start_ns = figures["kind"], 1_500_000_000
    troubled = scenario(
        seed=11,
        troubles=(
            Trouble("kill", 9.0, None, node="iss"),
            Trouble(start_s=1.5, duration_s=2.0, **LINK, **figures),
        ),
    )
    found = faulted(troubled, sky())
    overlay = Overlay(start_ns, start_ns + 2 * S, f"fault 1 {name}", 11, **expected)
    assert Schedule.of(found).overlays == (((0, UP), overlay), ((0, DOWN), overlay))
    assert all(
        not runs(each) and set(each.rate_bps.tolist()) == {1_000_000} for each in found.timelines.values()
    )


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"kind": "blackhole"}, [(1000, 2250, Cause.FAULT)]),
        ({"kind": "loss", "every": 1000}, [(1999, 1, Cause.FAULT), (2999, 1, Cause.FAULT)]),
        (
            {"kind": "fades", "period_s": 1.0, "length_s": 0.5},
            [(1000, 500, Cause.FADE), (2000, 500, Cause.FADE), (3000, 250, Cause.FADE)],
        ),
    ],
)
def test_erased_slots_lie_in_the_timelines_asked_for(
    figures: dict[str, Any], expected: list[tuple[int, int, Cause]], scenario: Make
) -> None:
    for direction, hit in ((None, {(0, UP), (0, DOWN)}), (DOWN, {(0, DOWN)})):
        trouble = Trouble(start_s=1.0, duration_s=2.25, direction=direction, **LINK, **figures)
        found = faulted(scenario(troubles=(trouble,)), sky())
        assert Schedule.of(found) == Schedule()
        assert {key: runs(each) for key, each in found.timelines.items()} == {
            key: expected if key in hit else [] for key in found.timelines
        }


def test_a_rate_is_a_cap(scenario: Make) -> None:
    for rate_bps, seen in ((400_000, 400_000), (2_000_000, 1_000_000)):
        trouble = Trouble("rate", 1.0, 2.0, rate_bps=rate_bps, direction=UP, **LINK)
        timeline = faulted(scenario(troubles=(trouble,)), sky()).timelines[0, UP]
        played = [
            timeline.rate_bps[np.searchsorted(timeline.edge_ns, at * S, side="right") - 1] for at in (0, 2, 4)
        ]
        assert played == [1_000_000, seen, 1_000_000]


def test_faults_of_nodes_and_doors_keep_their_figures(scenario: Make) -> None:
    troubles = (
        Trouble("clock", 0.0, None, node="iss", shift_s=-2.5, drift_ppm=40.0),
        Trouble("freeze", 1.0, 0.5, node="koganei"),
        Trouble("refuse", 2.0, 3.0, door="a"),
        Trouble("bit-flip", 3.0, None, node="iss", count=3),
        Trouble("half-open", 4.0, None, door="b"),
    )
    found = Schedule.of(faulted(scenario(seed=20, troubles=troubles), sky()))
    assert found.overlays == ()
    assert found.nodes == (
        NodeFault("iss", "clock", 0, None, shift_ns=-2_500_000_000, drift_ppm=40.0, seed=20),
        NodeFault("koganei", "freeze", S, 1_500_000_000, seed=21),
        NodeFault("iss", "bit-flip", 3 * S, count=3, seed=23),
    )
    assert found.doors == (DoorFault("a", "refuse", 2 * S, 5 * S), DoorFault("b", "half-open", 4 * S))


def test_windows_that_a_plan_lacks_are_those_that_it_touches(scenario: Make) -> None:
    windows = tuple(
        Window(0, "iss", start_s, start_s + 1.0, (), (), 45.0) for start_s in (1.0, 3.0, 5.0, 7.0)
    )
    missing = Trouble("plan-missing", 4.0, 3.0, node="koganei")  # touches no edge: 4 and 7 are others' ends
    plans = {name: Plan(name, 1, windows) for name in ("koganei", "iss")}
    wrong = believed(scenario(troubles=(missing,)), plans)
    assert wrong["iss"] == plans["iss"]
    assert [each.start_s for each in wrong["koganei"].windows] == [1.0, 3.0, 7.0]
