"""Spans, runs, the canvas, and the story of lock told in spans."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.forecast.lock import darkness, noticed
from linkemu.forecast.spans import Canvas, Runs, Span, disjoint, gaps, positive
from linkemu.link.timeline import Cause

spans = st.lists(
    st.builds(
        lambda start, length, cause: Span(float(start), float(start + length), cause),
        st.integers(0, 50),
        st.integers(1, 20),
        st.sampled_from([Cause.CLOUD, Cause.FAULT]),
    ),
    max_size=8,
)


def cover(parts: list[Span]) -> set[int]:
    return {second for part in parts for second in range(int(part.start_s), int(part.end_s))}


@given(spans)
def test_disjoint_spans_cover_the_same_time_once(parts: list[Span]) -> None:
    result = disjoint(parts)
    assert cover(result) == cover(parts)
    assert sum(part.end_s - part.start_s for part in result) == len(cover(parts))
    assert result == sorted(result, key=lambda part: part.start_s)


@given(spans)
def test_gaps_are_what_spans_leave(parts: list[Span]) -> None:
    left = {second for start, end in gaps(5.0, 60.0, parts) for second in range(int(start), int(end))}
    assert left == set(range(5, 60)) - cover(parts)


def test_a_function_is_cut_at_its_zeros() -> None:
    t_s = np.array([0.0, 1.0, 2.0, 3.0])
    assert positive(t_s, np.array([1.0, -1.0, -1.0, 3.0]), Cause.SUN) == [
        Span(0.0, 0.5, Cause.SUN),
        Span(2.25, 3.0, Cause.SUN),
    ]
    assert positive(t_s, np.full(4, -1.0), Cause.SUN) == []
    assert positive(t_s, np.full(4, 1.0), Cause.SUN) == [Span(0.0, 3.0, Cause.SUN)]


def test_the_canvas_keeps_the_last_coat_and_merges_equals() -> None:
    canvas = Canvas(10.0)
    canvas.dark(-5.0, 99.0, Cause.BELOW_MASK, known=True)
    canvas.rate(2.0, 5.0, 100)
    canvas.rate(5.0, 8.0, 100)
    canvas.dark(6.0, 7.0, Cause.CLOUD, known=False)
    made = canvas.flatten()
    assert (made.edge_ns / 1e9).tolist() == [0.0, 2.0, 6.0, 7.0, 8.0, 10.0]
    assert made.rate_bps.tolist() == [0, 100, 0, 100, 0]
    assert made.known.tolist() == [True, False, False, False, True]


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 60), st.integers(0, 60), st.integers(1, 59))
def test_runs_are_sets_of_slots(mask: list[bool], start: int, stop: int, cut: int) -> None:
    lost = np.array(mask, dtype=np.bool_)
    runs = Runs.of(lost, 100)
    expected = {100 + slot for slot, gone in enumerate(mask) if gone}

    def slots(made: Runs) -> set[int]:
        return {
            f + k for f, n in zip(made.first.tolist(), made.count.tolist(), strict=True) for k in range(n)
        }

    assert slots(runs) == expected
    low, high = 100 + min(start, stop), 100 + max(start, stop)
    assert slots(runs.without(low, high)) == expected - set(range(low, high))
    joined = Runs.joined([Runs.of(lost[:cut], 100), Runs.of(lost[cut:], 100 + cut)])
    assert joined.first.tolist() == runs.first.tolist() and joined.count.tolist() == runs.count.tolist()
    assert slots(runs.longer(2)) == {
        f + k
        for f, n in zip(runs.first.tolist(), runs.count.tolist(), strict=True)
        if n > 2
        for k in range(n)
    }


def scan(dark_s: float | None) -> float:
    """8 s at first, 2 s after a loss shorter than 30 s."""
    return 8.0 if dark_s is None or dark_s >= 30.0 else 2.0


def story(
    start_s: float, end_s: float, *blocks: Span, hold_s: float = 1.0
) -> list[list[tuple[float, float, str]]]:
    found = darkness(start_s, end_s, blocks, hold_s, scan)
    return [[(p.start_s, p.end_s, p.cause.name) for p in each.phases] for each in found]


def cloud(start_s: float, end_s: float) -> Span:
    return Span(start_s, end_s, Cause.CLOUD)


def test_a_clear_contact_scans_once() -> None:
    assert story(10.0, 100.0) == [[(10.0, 18.0, "ACQUIRING")]]


def test_a_long_block_costs_lock_and_a_scan_follows() -> None:
    assert story(0.0, 100.0, cloud(40.0, 46.0))[1:] == [[(40.0, 46.0, "CLOUD"), (46.0, 48.0, "ACQUIRING")]]
    assert story(0.0, 100.0, cloud(40.0, 80.0))[1] == [(40.0, 80.0, "CLOUD"), (80.0, 88.0, "ACQUIRING")]


def test_a_short_block_costs_no_lock() -> None:
    assert len(story(0.0, 100.0, cloud(40.0, 41.0))) == 1


def test_a_block_breaks_off_a_scan() -> None:
    assert story(0.0, 100.0, cloud(3.0, 20.0)) == [
        [(0.0, 3.0, "ACQUIRING"), (3.0, 20.0, "CLOUD"), (20.0, 28.0, "ACQUIRING")]
    ]
    assert story(0.0, 100.0, cloud(-9.0, 2.0))[0][0] == (0.0, 2.0, "CLOUD")
    assert story(0.0, 100.0, cloud(40.0, 46.0), cloud(47.0, 47.5))[1] == [
        (40.0, 46.0, "CLOUD"),
        (46.0, 47.0, "ACQUIRING"),
        (47.0, 47.5, "CLOUD"),
        (47.5, 49.5, "ACQUIRING"),
    ]


def test_a_contact_may_end_before_lock() -> None:
    assert story(0.0, 5.0) == [[(0.0, 5.0, "ACQUIRING")]]
    assert story(0.0, 50.0, cloud(40.0, 99.0))[1] == [(40.0, 50.0, "CLOUD")]


def test_each_end_notices_after_its_light_time_and_its_hold_time() -> None:
    first, loss = darkness(0.0, 100.0, [cloud(40.0, 46.0)], 1.0, scan)
    assert noticed(first, 1.0, lambda _: 0.25) == [Span(0.0, 8.25, Cause.ACQUIRING)]
    assert noticed(loss, 1.0, lambda _: 0.0) == [cloud(41.0, 46.0), Span(46.0, 48.0, Cause.ACQUIRING)]
    assert noticed(loss, 1.5, lambda _: 0.25) == [cloud(41.75, 46.25), Span(46.25, 48.25, Cause.ACQUIRING)]
    assert noticed(loss, 9.0, lambda _: 0.25) == []


@given(spans, st.floats(0.1, 5.0))
def test_lock_is_lost_exactly_under_blocks_that_outlast_the_hold_time(
    parts: list[Span], hold_s: float
) -> None:
    blocks = disjoint(parts)
    dark = darkness(0.0, 80.0, blocks, hold_s, scan)
    lit = gaps(0.0, 80.0, [phase for each in dark for phase in each.phases])
    for start_s, end_s in lit:
        assert all(
            min(block.end_s, end_s) - max(block.start_s, start_s) <= hold_s or block.start_s >= end_s
            for block in blocks
            if block.end_s > start_s
        )
    assert dark[0].start_s == 0.0 and not dark[0].loss
    for one, two in itertools.pairwise(dark):
        assert two.start_s >= one.end_s and two.loss
    for each in dark:
        for before, after in zip(each.phases, each.phases[1:], strict=False):
            assert before.end_s == pytest.approx(after.start_s)
