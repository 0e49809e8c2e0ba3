"""Clouds: unions are exact, the field has its cover, correlation and crossing rate, and needs no state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from linkemu.weather.clouds import CloudField, blocked_intervals, union

EPOCH = datetime(2024, 5, 10, tzinfo=UTC)
DAY = 86400.0

spans = st.lists(st.tuples(st.integers(-50, 150), st.integers(0, 40)), max_size=12)


def field(**changes: object) -> CloudField:
    settings = {"seed": 1, "station": "a", "cover": 0.4, "correlation_s": 600.0, "epoch": EPOCH}
    return CloudField(**(settings | changes))  # type: ignore[arg-type]


@given(spans)
def test_union_covers_the_same_seconds(scripted: list[tuple[int, int]]) -> None:
    found = blocked_intervals(scripted, 0.0, 100.0)
    middle = np.arange(100) + 0.5
    expected = [any(start <= t < start + length for start, length in scripted) for t in middle]
    got = [bool(np.any((found[:, 0] <= t) & (t < found[:, 1]))) for t in middle]
    assert got == expected


@given(spans)
def test_union_is_sorted_disjoint_and_inside(scripted: list[tuple[int, int]]) -> None:
    found = blocked_intervals(scripted, 0.0, 100.0)
    assert np.all(found[:, 1] > found[:, 0])
    assert np.all(found[1:, 0] > found[:-1, 1])
    assert np.all((found >= 0.0) & (found <= 100.0))


def test_nothing_scripted_is_nothing_blocked() -> None:
    assert blocked_intervals([], 0.0, 10.0).shape == (0, 2)


def test_scripted_and_drawn_clouds_join() -> None:
    drawn = field().blocked(0.0, DAY)
    joined = blocked_intervals([(100.0, 5000.0)], 0.0, DAY, field())
    assert np.array_equal(joined, union(np.concatenate([drawn, [[100.0, 5100.0]]]), 0.0, DAY))


@pytest.mark.parametrize("cover", [0.1, 0.5, 0.8])
def test_field_blocks_its_cover(cover: float) -> None:
    days = 200 * DAY
    blocked = field(cover=cover).blocked(0.0, days)
    effective = days / (4.0 / field().rate)  # integral time scale of the Matern driver is 4/w over both sides
    sigma = np.sqrt(cover * (1.0 - cover) / effective)
    assert np.sum(blocked[:, 1] - blocked[:, 0]) / days == pytest.approx(cover, abs=4.0 * sigma)


def test_clouds_come_at_rices_rate() -> None:
    days = 200 * DAY
    cloud = field(cover=0.3)
    expected = cloud.rate / (2.0 * np.pi) * np.exp(-(ndtri(0.3) ** 2) / 2.0) * days
    assert len(cloud.blocked(0.0, days)) == pytest.approx(expected, rel=0.06)


def test_driver_is_standard_normal_with_half_correlation_at_its_time() -> None:
    values = field().values(10**9, 400_000)
    lag = round(600.0 / field().step_s)
    assert np.mean(values) == pytest.approx(0.0, abs=0.05)
    assert np.var(values) == pytest.approx(1.0, abs=0.05)
    assert np.mean(values[lag:] * values[:-lag]) == pytest.approx(0.5, abs=0.04)


def test_a_part_of_the_field_is_the_same_alone() -> None:
    whole = field().values(10**6, 3000)
    assert np.array_equal(field().values(10**6 + 1234, 500), whole[1234:1734])


def test_another_start_of_the_scenario_meets_the_same_clouds() -> None:
    early = field().blocked(0.0, DAY)
    late = field(epoch=EPOCH + timedelta(hours=6)).blocked(0.0, DAY / 2)
    expected = union(early - 6 * 3600.0, 0.0, DAY / 2)
    assert late == pytest.approx(expected, abs=1e-4)


def test_stations_and_seeds_have_skies_of_their_own() -> None:
    first = field().blocked(0.0, DAY)
    for other in (field(station="b"), field(seed=2)):
        assert not np.array_equal(first, other.blocked(0.0, DAY))
    assert np.array_equal(first, field().blocked(0.0, DAY))


def test_cover_zero_never_blocks_and_cover_one_always_does() -> None:
    assert len(field(cover=0.0).blocked(0.0, DAY)) == 0
    assert np.array_equal(field(cover=1.0).blocked(0.0, DAY), [[0.0, DAY]])
