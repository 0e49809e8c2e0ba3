"""The field: unit variance, Matern 3/2 both ways, crossings by Rice, and no state."""

from __future__ import annotations

import numpy as np
import pytest

from linkemu.weather.field import Field, covariance

LONE = Field(1, "texture", (("a", 1.0),))


def along(count: int, step: float, start: float = 0.0, field: Field = LONE) -> np.ndarray:
    place = start + np.arange(count) * step
    return field.values(place, np.zeros(count))


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """20,000 correlation lengths along the wind, 16 samples each."""
    return along(320_000, 1.0 / 16.0)


def test_it_is_standard_normal(walk: np.ndarray) -> None:
    assert np.mean(walk) == pytest.approx(0.0, abs=0.03)
    assert np.var(walk) == pytest.approx(1.0, abs=0.04)
    assert np.mean(walk**4) / np.var(walk) ** 2 == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize("lag", [0.5, 1.0, 2.0, 4.0])
def test_its_covariance_along_the_wind_is_matern(walk: np.ndarray, lag: float) -> None:
    shift = round(lag * 16)
    assert np.mean(walk[shift:] * walk[:-shift]) == pytest.approx(float(covariance(np.array(lag))), abs=0.03)


def test_its_covariance_across_the_wind_is_matern() -> None:
    place = np.arange(2000) * 8.0
    first, *others = (LONE.values(place, 0.0 * place + lag) for lag in (0.0, 0.5, 1.0, 2.0, 4.0))
    expected = covariance(np.array([0.5, 1.0, 2.0, 4.0]))
    assert [np.mean(first * other) for other in others] == pytest.approx(expected, abs=0.07)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_it_crosses_levels_at_rices_rate(walk: np.ndarray, level: float) -> None:
    crossings = np.count_nonzero((walk[1:] > level) & (walk[:-1] <= level))
    assert crossings == pytest.approx(20_000 / (2.0 * np.pi) * np.exp(-(level**2) / 2.0), rel=0.04)


def test_a_part_is_the_same_alone() -> None:
    whole = along(2000, 0.05, start=1e6)
    assert along(300, 0.05, start=1e6 + 50.0) == pytest.approx(whole[1000:1300], abs=1e-6)


def test_a_long_walk_is_worked_in_halves_and_stays_whole() -> None:
    long = along(6001, 1.0)
    assert along(3, 1.0, start=2999.0) == pytest.approx(long[2999:3002], abs=1e-6)


def test_names_and_weights_make_correlation() -> None:
    mixed = Field(1, "texture", (("a", 0.6), ("b", 0.8)))
    first, second = along(1500, 8.0), along(1500, 8.0, field=mixed)
    assert np.mean(first * second) == pytest.approx(0.6, abs=0.08)


def test_names_textures_and_seeds_are_apart() -> None:
    others = [
        Field(2, "texture", (("a", 1.0),)),
        Field(1, "other", (("a", 1.0),)),
        Field(1, "texture", (("b", 1.0),)),
    ]
    base = along(1500, 8.0)
    for other in others:
        assert np.mean(base * along(1500, 8.0, field=other)) == pytest.approx(0.0, abs=0.1)


def test_no_point_gives_no_value() -> None:
    assert LONE.values(np.zeros(0), np.zeros(0)).shape == (0,)


def test_gaps_are_left_out_and_change_nothing() -> None:
    long = along(4001, 1.0)
    chosen = np.r_[0:5, 1000:1005, 3990:4001]
    assert LONE.values(chosen * 1.0, np.zeros(len(chosen))) == pytest.approx(long[chosen], abs=1e-6)
