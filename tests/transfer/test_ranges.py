"""RangeSet against a plain set of integers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from linkemu.transfer.ranges import RangeSet

BOUND = 40
spans = st.tuples(st.integers(0, BOUND), st.integers(0, BOUND))
steps = st.lists(st.tuples(st.sampled_from(["add", "remove"]), spans), max_size=30)


@given(steps, spans)
def test_range_set_is_a_set_of_integers(
    steps: list[tuple[str, tuple[int, int]]], probe: tuple[int, int]
) -> None:
    ranges, model = RangeSet(), set[int]()
    for verb, (start, end) in steps:
        getattr(ranges, verb)(start, end)
        model = model | set(range(start, end)) if verb == "add" else model - set(range(start, end))
        assert {n for start, end in ranges for n in range(start, end)} == model
        assert ranges.size == len(model)
    pairs = list(ranges)
    assert all(a < b for a, b in pairs)
    assert all(before[1] < after[0] for before, after in pairwise(pairs)), "not merged"
    assert ranges.covers(*probe) == (set(range(*probe)) <= model)
    assert {n for gap in ranges.gaps(*probe) for n in range(*gap)} == set(range(*probe)) - model
    assert {n for pair in ranges.within(*probe) for n in range(*pair)} == set(range(*probe)) & model
    assert ranges.span() == ((min(model), max(model) + 1) if model else None)


@given(st.lists(spans, min_size=1), st.integers(1, BOUND))
def test_take_empties_a_set_from_the_left(pairs: list[tuple[int, int]], limit: int) -> None:
    ranges = RangeSet(pairs)
    everything = [n for start, end in ranges for n in range(start, end)]
    taken = []
    while ranges.size:
        start, end = ranges.take(limit)
        assert 0 < end - start <= limit
        taken += range(start, end)
    assert taken == everything
    assert len(ranges) == 0


def test_a_copy_is_independent() -> None:
    ranges = RangeSet([(0, 4)])
    twin = ranges.copy()
    twin.add(4, 8)
    assert list(ranges) == [(0, 4)]
    assert list(twin) == [(0, 8)]
    ranges.clear()
    assert ranges == RangeSet() and ranges.size == 0
