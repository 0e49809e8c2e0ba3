"""Invariants of a timeline, the constant one, and the questions that displays ask."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import TimelineError
from linkemu.link.outages import Outage, available_bits, delay_s, outages, state_at
from linkemu.link.timeline import Cause, LinkTimeline, check, constant
from linkemu.machine import Direction

UP, DOWN = Direction.UP, Direction.DOWN


def timeline(**changes: Any) -> LinkTimeline:
    whole = constant(
        "g", "s", UP, 10**9, 0.005, 10.0, erased=[(100, 5), (6000, 500)], dark=[(2.0, 3.0, Cause.CLOUD)]
    )
    return replace(whole, **changes)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_a_constant_link_is_what_was_asked_for() -> None:
    made = constant("g", "s", DOWN, 1000, 0.1, 5.0, dark=[(0.0, 1.0, Cause.SUN), (4.0, 9.0, Cause.FAULT)])
    assert made.edge_ns.tolist() == [0, 10**9, 4 * 10**9, 5 * 10**9]
    assert made.rate_bps.tolist() == [0, 1000, 0]
    assert made.cause.tolist() == [Cause.SUN, Cause.NONE, Cause.FAULT]
    assert made.known.tolist() == [True, False, False]
    assert delay_s(made, integers(0, 5 * 10**9)).tolist() == [0.1, 0.1]
    assert made.end_ns == 5 * 10**9


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"slot_ns": 0}, "positive integers"),
        ({"slot_ns": "1"}, "positive integers"),
        ({"edge_ns": integers(1, 2, 3, 4)}, "must start at 0"),
        ({"edge_ns": integers(0, 2, 2, 4)}, "must increase"),
        ({"edge_ns": integers(0, 2, 2**62, -(2**63))}, "must increase"),
        ({"edge_ns": integers(0, 2)}, "edge_ns is int64"),
        ({"rate_bps": integers(-1, 0, 1)}, "negative"),
        ({"rate_bps": integers(1, 1, 1)}, "if and only if"),
        ({"rate_bps": np.ones(3)}, "rate_bps is float64"),
        ({"cause": np.array([0, 99, 0], np.uint8)}, "unknown cause"),
        ({"known": np.array([True, True, True])}, "known in advance"),
        ({"delay_start_ns": integers(1, 1), "delay_s": np.zeros((2, 8))}, "delay segments are not sorted"),
        ({"delay_s": np.full((1, 8), np.nan)}, "finite"),
        ({"delay_s": np.zeros((1, 7))}, "delay_s is float64"),
        ({"delay_start_ns": integers(), "delay_s": np.zeros((0, 8))}, "needs its delay"),
        ({"erased_count": integers(0, 1)}, "empty"),
        ({"erased_slot": integers(-1, 5)}, "count from 0"),
        ({"erased_slot": integers(6, 5)}, "not sorted"),
        ({"erased_slot": integers(100, 104)}, "overlap"),
        ({"erased_cause": np.array([7, 0], np.uint8)}, "needs a cause"),
        ({"sample_ns": integers(1)}, "elevation_deg is float32"),
    ],
)
def test_a_broken_invariant_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(TimelineError, match=problem) as caught:
        check(timeline(**changes))
    assert str(caught.value).startswith("link g-s up: ")


def test_outages_join_erasure_with_the_silence_that_follows() -> None:
    link = constant("g", "s", UP, 10**9, 0.0, 10.0, erased=[(1000, 1000)], dark=[(2.0, 3.0, Cause.FADE)])
    assert outages(link) == [Outage(1.0, 3.0, Cause.FADE, False)]


def test_erasure_under_silence_is_no_second_outage() -> None:
    link = constant("g", "s", UP, 10**9, 0.0, 10.0, erased=[(1500, 2000)], dark=[(2.0, 3.0, Cause.CLOUD)])
    rows = outages(link)
    assert [(row.start_s, row.end_s, row.cause) for row in rows] == [
        (1.5, 2.0, Cause.FADE),
        (2.0, 3.0, Cause.CLOUD),
        (3.0, 3.5, Cause.FADE),
    ]


def test_short_fades_are_no_outage() -> None:
    assert [row.cause for row in outages(timeline())] == [Cause.CLOUD, Cause.FADE]
    assert len(outages(timeline(), shortest_s=0.001)) == 3


def test_downlink_erasure_is_seen_earlier_by_its_sender() -> None:
    link = constant("g", "s", DOWN, 10**9, 0.25, 10.0, erased=[(1000, 1000)])
    assert outages(link) == [Outage(0.75, 1.75, Cause.FADE, False)]


def test_state_names_the_cause_that_holds() -> None:
    assert state_at(timeline(), 2.5).cause is Cause.CLOUD
    erased = state_at(timeline(), 6.2)
    assert (erased.rate_bps, erased.cause, erased.until_s) == (10**9, Cause.FADE, 6.5)
    clear = state_at(timeline(), 5.0)
    assert (clear.cause, clear.until_s, clear.delay_s, clear.elevation_deg) == (Cause.NONE, 10.0, 0.005, None)


def test_a_state_has_the_figures_of_the_latest_sample_while_that_is_fresh() -> None:
    named = ("elevation_deg", "azimuth_deg", "range_m", "range_rate_mps", "power_dBm", "margin_dB")
    types = ("f4", "f4", "f8", "f8", "f4", "f4")
    columns: dict[str, Any] = {
        name: np.array([10.0 * place, 10.0 * place + 1.0], dtype=kind)
        for place, (name, kind) in enumerate(zip(named, types, strict=True))
    }
    columns["margin_dB"][1] = np.nan
    link = timeline(sample_ns=integers(1_000_000_000, 4_000_000_000), **columns)
    check(link)

    def figures(t_s: float) -> list[float | None]:
        state = state_at(link, t_s)
        return [getattr(state, name) for name in named]

    first, second, none = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0], [1.0, 11.0, 21.0, 31.0, 41.0, None], [None] * 6
    assert [figures(t_s) for t_s in (0.9, 1.0, 3.0, 3.1, 4.0, 6.0, 6.1)] == [
        *(none, first, first, none),
        *(second, second, none),
    ]
    darkness = timeline(
        rate_bps=integers(0, 0, 0),
        cause=np.full(3, Cause.CLOUD, dtype=np.uint8),
        delay_start_ns=integers(),
        delay_s=np.zeros((0, 8)),
    )
    assert state_at(darkness, 1.0).delay_s is None


def test_a_pass_of_tbird_can_carry_what_was_published() -> None:
    cases = json.loads((Path(__file__).parents[1] / "reference" / "physics_cases.json").read_text())["cases"]
    case = next(case for case in cases if case["id"] == "TBIRD-PASS")
    rate, length_s = int(case["inputs"]["rate_bps"]), float(case["inputs"]["pass_s"])
    link = constant("octl", "tbird", DOWN, rate, 0.003, length_s)
    assert available_bits(link, 0.0, length_s) / 8e12 == pytest.approx(
        case["expected"]["max_TB"]["value"], rel=1e-6
    )


@given(
    st.integers(1, 10**12),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 30)), max_size=5),
    st.sampled_from(list(Direction)),
)
def test_available_bits_is_the_sum_over_clear_slots(
    rate: int, runs: list[tuple[int, int]], direction: Direction
) -> None:
    disjoint: list[tuple[int, int]] = []
    for gap, count in runs:
        disjoint.append((sum(disjoint[-1]) + gap if disjoint else gap, count))
    link = constant("g", "s", direction, rate, 0.004, 3.0, erased=disjoint)
    lost = {slot for first, count in disjoint for slot in range(first, first + count)}
    lead = 4 if direction is DOWN else 0  # slots of light time
    clear = sum(slot + lead not in lost for slot in range(3000))
    assert available_bits(link, 0.0, 3.0) == pytest.approx(clear * rate / 1000, abs=1)
    halves = available_bits(link, 0.0, 1.2) + available_bits(link, 1.2, 3.0)
    assert halves == pytest.approx(available_bits(link, 0.0, 3.0), abs=2)
