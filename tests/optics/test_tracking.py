"""Acquisition and tracking told as stories: who is without lock, when, in which state, and who notices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.optics import tracking
from linkemu.optics.tracking import Phase, State, Steps, darkness, noticed

CLOUD = 6
SCAN, COARSE, FINE, COMM = State.SCAN, State.COARSE, State.FINE, State.COMM


def acquire(dark_s: float | None) -> Steps:
    """5 + 2 + 1 s at first, without the scan 1.5 + 0.5 s after a loss shorter than 30 s."""
    return Steps(5.0, 2.0, 1.0) if dark_s is None or dark_s >= 30.0 else Steps(0.0, 1.5, 0.5)


def cloud(start_s: float, end_s: float) -> Phase:
    return Phase(start_s, end_s, State.BLOCKED, CLOUD)


def told(start_s: float, end_s: float, *blocks: Phase, hold_s: float = 1.0) -> list[list[tuple[float, str]]]:
    """Of each time without lock the starts and names of its phases, and its end."""
    found = darkness(start_s, end_s, blocks, hold_s, acquire)
    return [[*((p.start_s, p.state.name) for p in each.phases), (each.end_s, "end")] for each in found]


FIRST = [(0.0, "SCAN"), (5.0, "COARSE"), (7.0, "FINE"), (8.0, "end")]


def test_a_clear_contact_is_acquired_once_step_by_step() -> None:
    assert told(0.0, 100.0) == [FIRST]


def test_a_long_block_costs_lock_and_a_short_one_comes_back_without_a_scan() -> None:
    assert told(0.0, 100.0, cloud(40.0, 46.0)) == [
        FIRST,
        [(40.0, "BLOCKED"), (46.0, "COARSE"), (47.5, "FINE"), (48.0, "end")],
    ]
    assert told(0.0, 100.0, cloud(40.0, 80.0))[1] == [
        *((40.0, "BLOCKED"), (80.0, "SCAN"), (85.0, "COARSE"), (87.0, "FINE"), (88.0, "end"))
    ]


def test_a_block_within_the_hold_time_costs_no_lock() -> None:
    assert told(0.0, 100.0, cloud(40.0, 41.0)) == [FIRST]


def test_a_block_breaks_off_any_step_and_the_search_begins_anew() -> None:
    assert told(0.0, 100.0, cloud(6.0, 7.0)) == [
        [*((0.0, "SCAN"), (5.0, "COARSE"), (6.0, "BLOCKED")), *((t + 7.0, name) for t, name in FIRST)]
    ]
    assert told(0.0, 100.0, cloud(-9.0, 2.0))[0][:2] == [(0.0, "BLOCKED"), (2.0, "SCAN")]
    assert told(0.0, 100.0, cloud(40.0, 46.0), cloud(47.0, 47.5))[1] == [
        *((40.0, "BLOCKED"), (46.0, "COARSE"), (47.0, "BLOCKED")),
        *((47.5, "COARSE"), (49.0, "FINE"), (49.5, "end")),
    ]


def test_a_contact_may_end_before_lock() -> None:
    assert told(0.0, 3.0) == [[(0.0, "SCAN"), (3.0, "end")]]
    assert told(0.0, 50.0, cloud(40.0, 99.0))[1] == [(40.0, "BLOCKED"), (50.0, "end")]


def test_each_end_notices_after_its_light_time_and_its_hold_time() -> None:
    first, loss = darkness(0.0, 100.0, [cloud(40.0, 46.0)], 1.0, acquire)
    late = noticed(first, 1.0, lambda _: 0.25)
    assert (late[0].start_s, late[-1].end_s) == (0.0, 8.25)
    assert noticed(loss, 1.0, lambda _: 0.0)[0] == cloud(41.0, 46.0)
    assert noticed(loss, 1.5, lambda _: 0.25) == [
        cloud(41.75, 46.25),
        Phase(46.25, 47.75, COARSE),
        Phase(47.75, 48.25, FINE),
    ]
    assert noticed(loss, 9.0, lambda _: 0.25) == []


def test_the_story_of_a_contact_has_no_gaps() -> None:
    dark = darkness(2.0, 100.0, [cloud(40.0, 46.0)], 1.0, acquire)
    story = tracking.story(0.0, 2.0, 100.0, dark)
    assert [phase.state.name for phase in story] == [
        *("SLEW", "SCAN", "COARSE", "FINE", "COMM", "BLOCKED", "COARSE", "FINE", "COMM")
    ]
    assert all(one.end_s == two.start_s for one, two in itertools.pairwise(story))
    assert (story[0].start_s, story[-1].end_s) == (0.0, 100.0)


blocks_of = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=8)


@given(blocks_of, st.floats(0.1, 5.0))
def test_lock_is_lost_exactly_under_blocks_that_outlast_the_hold_time(
    pairs: list[tuple[int, int]], hold_s: float
) -> None:
    blocks: list[Phase] = []
    for start, length in sorted(pairs):
        begin = max(float(start), blocks[-1].end_s if blocks else 0.0)
        if begin < start + length:
            blocks.append(cloud(begin, float(start + length)))
    dark = darkness(0.0, 80.0, blocks, hold_s, acquire)
    story = tracking.story(0.0, 0.0, 80.0, dark)
    for lit in (phase for phase in story if phase.state is COMM):
        for block in blocks:
            if lit.start_s <= block.start_s < lit.end_s:
                assert block.end_s - block.start_s <= hold_s
    assert dark[0].start_s == 0.0 and not dark[0].loss
    assert all(two.start_s >= one.end_s and two.loss for one, two in itertools.pairwise(dark))
    assert all(one.end_s == pytest.approx(two.start_s) for one, two in itertools.pairwise(story))


def test_acquisitions_are_gamma_distributed_about_their_mean() -> None:
    luck = (np.arange(100_000) + 0.5) / 100_000
    lengths = tracking.lengths_s(luck, np.array(20.0), 2.0)
    assert lengths.mean() == pytest.approx(20.0, rel=1e-3)
    assert lengths.var() == pytest.approx(20.0**2 / 2.0, rel=5e-3)
    assert np.mean(lengths < 100.0) > 0.999  # what the SDA's standard allows


def test_the_last_seconds_of_an_acquisition_are_coarse_and_fine() -> None:
    assert tracking.steps(20.0, 2.0, 1.0, scan=True) == Steps(17.0, 2.0, 1.0)
    assert tracking.steps(3.0, 2.0, 1.0, scan=True) == Steps(1.5, 1.0, 0.5)
    assert tracking.steps(3.0, 2.0, 1.0, scan=False) == Steps(0.0, 2.0, 1.0)
    assert tracking.steps(4.0, 0.0, 0.0, scan=True) == Steps(4.0, 0.0, 0.0)
    assert tracking.steps(4.0, 0.0, 0.0, scan=False).total_s == 4.0
