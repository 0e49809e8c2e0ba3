"""Edges of spans to the figure, whatever the step of the samples; and runs of nothing."""

from __future__ import annotations

import numpy as np

from linkemu.forecast.spans import Canvas, Runs, Span, clip, disjoint, gaps, positive
from linkemu.link.timeline import Cause


def test_edges_are_interpolated_at_any_step() -> None:
    t_s = np.array([10.0, 10.5, 11.0, 15.0])
    assert positive(t_s, np.array([-1.0, 3.0, -3.0, 1.0]), Cause.SUN) == [
        Span(10.125, 10.75, Cause.SUN),
        Span(14.0, 15.0, Cause.SUN),
    ]
    assert positive(t_s, np.array([0.0, 0.0, 0.0, -1.0]), Cause.SUN) == []
    assert positive(t_s, np.array([-1.0, -1.0, -1.0, 0.0]), Cause.SUN) == []


def test_of_spans_that_begin_together_the_longest_is_to_blame() -> None:
    short, long = Span(1.0, 2.0, Cause.CLOUD), Span(1.0, 5.0, Cause.FAULT)
    assert disjoint([short, long]) == disjoint([long, short]) == [long]
    later = Span(4.0, 7.0, Cause.CLOUD)
    assert disjoint([later, short, long]) == [long, Span(5.0, 7.0, Cause.CLOUD)]


def test_a_window_without_length_has_no_part_and_no_gap() -> None:
    span = Span(1.0, 2.0, Cause.CLOUD)
    assert clip([span], 2.0, 3.0) == clip([span], 0.0, 1.0) == []
    assert gaps(1.0, 2.0, [span]) == gaps(3.0, 3.0, []) == []
    assert gaps(0.0, 2.0, [span]) == [(0.0, 1.0)]


def test_the_canvas_rounds_to_the_nanosecond_and_drops_what_lies_beyond() -> None:
    canvas = Canvas(1.0)
    canvas.rate(0.0, 2.0, 5)
    canvas.dark(0.2999999999, 0.7, Cause.CLOUD, known=False)
    canvas.dark(0.5, 0.5, Cause.FAULT, known=False)
    canvas.dark(1.0, 2.0, Cause.FAULT, known=False)
    made = canvas.flatten()
    assert made.edge_ns.tolist() == [0, 300_000_000, 700_000_000, 10**9]
    assert made.cause.tolist() == [Cause.NONE, Cause.CLOUD, Cause.NONE]


def test_runs_of_nothing() -> None:
    none = Runs.none()
    one = Runs.of(np.array([True]), 7)
    for made in (none, Runs.joined([]), Runs.joined([none, none]), one.without(7, 8), one.longer(1)):
        assert (made.first.tolist(), made.count.tolist()) == ([], [])
    for parts in ([none, one], [one, none]):
        assert Runs.joined(parts).first.tolist() == [7]
    assert Runs.joined([one, Runs.of(np.array([True]), 9)]).count.tolist() == [1, 1]
