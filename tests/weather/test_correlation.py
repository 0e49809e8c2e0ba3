"""Sites together: the published correlation over distance, mixtures of fields, and Phi2 for two of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from linkemu.rng import Stream
from linkemu.weather.correlation import correlation, joint, mixtures
from linkemu.weather.genera import Genus
from linkemu.weather.report import Deck, History, Report, seconds
from linkemu.weather.station import Weather

EPOCH = datetime(2024, 5, 10, tzinfo=UTC)


def test_published_correlation(holds: Callable[[str, str, float], None]) -> None:
    holds("CLOUD-SPATIAL-CORR", "r10", float(correlation(10e3)))
    holds("CLOUD-SPATIAL-CORR", "r100", float(correlation(100e3)))


def places(*kilometres: float) -> dict[str, list[float]]:
    return {f"s{place}": [6.4e6, 1e3 * away, 0.0] for place, away in enumerate(kilometres)}


@given(st.lists(st.floats(0.0, 3000.0), min_size=1, max_size=8))
def test_mixtures_have_unit_power_and_the_correlation_of_their_distance(away: list[float]) -> None:
    found = mixtures(places(*away))
    for one, (name, parts) in enumerate(found.items()):
        assert sum(weight**2 for _, weight in parts) == pytest.approx(1.0, abs=1e-9)
        assert {each for each, _ in parts} <= set(list(found)[: one + 1]), "only sites before it"
        for other, (_, others) in enumerate(found.items()):
            shared = sum(weight * dict(others).get(each, 0.0) for each, weight in parts)
            expected = float(correlation(1e3 * abs(away[one] - away[other])))
            assert shared == pytest.approx(expected, abs=5e-3), name


def test_a_site_at_the_end_changes_nothing_before_it() -> None:
    few, more = mixtures(places(0.0, 60.0)), mixtures(places(0.0, 60.0, 30.0))
    assert {name: more[name] for name in few} == few


def test_sites_in_one_place_share_one_sky_and_far_ones_nothing() -> None:
    found = mixtures(places(0.0, 0.0, 5000.0))
    assert found["s1"] == (("s0", pytest.approx(1.0)),)
    assert found["s2"] == (("s2", pytest.approx(1.0)),)


@pytest.mark.parametrize(
    ("first", "second", "away_km"), [(0.5, 0.5, 10.0), (0.3, 0.6, 60.0), (0.7, 0.4, 200.0)]
)
def test_joint_cloud_is_phi2(first: float, second: float, away_km: float) -> None:
    """Over 2 million independent draws of the drivers, mixed as a field mixes them: within 1 %."""
    draws = 2_000_000
    drivers = {}
    for name, parts in mixtures(places(0.0, away_km)).items():
        drivers[name] = sum(weight * Stream(1, "draw", each).normal(0, draws) for each, weight in parts)
    both = (drivers["s0"] > -ndtri(first)) & (drivers["s1"] > -ndtri(second))
    expected = joint(first, second, float(correlation(1e3 * away_km)))
    assert np.mean(both) == pytest.approx(expected, rel=0.01)


def test_joint_cloud_of_halves_is_sheppards() -> None:
    for rho in (-0.5, 0.0, 0.3, 0.9):
        assert joint(0.5, 0.5, rho) == pytest.approx(0.25 + math.asin(rho) / (2.0 * math.pi), abs=1e-6)


def test_joint_cloud_at_its_limits() -> None:
    assert joint(0.3, 0.6, 0.0) == pytest.approx(0.18, abs=1e-6)
    assert joint(0.3, 0.6, 1.0) == pytest.approx(0.3, abs=1e-5)
    assert joint(0.0, 0.6, 0.5) == 0.0
    assert joint(1.0, 0.6, 0.5) == 0.6


def test_two_stations_see_it_in_their_skies() -> None:
    """The same through fields, genera and lines of sight: 10 km apart, cumulus, some 8,000 dwell times."""
    deck = Deck.of(0.4, Genus.CUMULUS, 0.0)
    history = History([Report(seconds(EPOCH), (None, deck, None, None))])
    t_s = np.arange(0.0, 4000 * 600.0, 150.0)
    blocked = [
        Weather(name, 0.0, EPOCH, history, 1, parts)
        .along(t_s, np.zeros(t_s.shape), np.full(t_s.shape, np.pi / 2))
        .blocked
        for name, parts in mixtures(places(0.0, 10.0)).items()
    ]
    expected = joint(0.4, 0.4, float(correlation(10e3)))
    assert np.mean(blocked[0] & blocked[1]) == pytest.approx(expected, rel=0.05)
