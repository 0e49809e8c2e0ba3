"""Spans, runs and the canvas."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_function_that_only_just_rises_above_zero_has_no_span_of_no_length() -> None:
    assert positive(np.array([0.0, 1.0]), np.array([-1.0, 1e-20]), Cause.SUN) == []
    assert positive(np.array([0.0, 1.0]), np.array([-1.0, 1.0]), Cause.SUN) == [Span(0.5, 1.0, Cause.SUN)]


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
