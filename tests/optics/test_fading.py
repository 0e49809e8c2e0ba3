"""The irradiance: its maps by quadrature, its samples, its fades against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from linkemu.optics import fading, turbulence
from linkemu.optics.driver import FINEST, SECONDS, Driver, SEGMENT_s

START = 26_000_000
CONDITIONS = [(0.01, 0.3), (0.25, 0.3), (0.31, 0.4), (0.9, 1.6), (1.2, 3.5), (0.45, 3.5)]


def law(driver: np.ndarray, index: float, rytov: float) -> np.ndarray:
    strong = index >= fading.LOGNORMAL_BELOW
    return fading.gamma_gamma(driver, index, rytov) if strong else fading.lognormal(driver, index)


def samples(rate: float, segments: int, seed: int = 1) -> np.ndarray:
    one, steady = Driver(1, seed, "irradiance"), np.full(SECONDS, rate)
    parts = [one.segment(START + k, steady, SEGMENT_s, FINEST)[1][0] for k in range(segments)]
    return np.concatenate(parts)


@pytest.mark.parametrize(("index", "rytov"), CONDITIONS)
def test_the_maps_have_mean_1_and_the_index_within_half_a_percent(index: float, rytov: float) -> None:
    x = np.linspace(-8.3, 8.3, 400_001)
    weight = np.exp(-(x**2) / 2.0) / np.sqrt(2.0 * np.pi) * (x[1] - x[0])
    power = law(x, index, rytov)
    mean = np.sum(power * weight)
    assert mean == pytest.approx(1.0, rel=5e-3)
    assert np.sum((power - mean) ** 2 * weight) == pytest.approx(index, rel=5e-3)


@pytest.mark.parametrize(("index", "rytov"), CONDITIONS[2:])
def test_the_gamma_gamma_map_is_the_quantile_of_its_density(index: float, rytov: float) -> None:
    parameters = fading.parameters(index, rytov)
    for deviate in (-3.0, -1.0, 0.0, 2.0):
        at = float(np.log(fading.gamma_gamma(np.array([deviate]), index, rytov))[0])
        share, _ = quad(lambda u: float(fading.density(np.array([u]), *parameters)[0]), -25.0, at, limit=200)
        assert share == pytest.approx(ndtr(deviate), rel=0.02)


def test_gamma_gamma_has_the_index_of_its_own_parameters() -> None:
    index = float(turbulence.scintillation(np.array([1.6]))[0])
    alpha, beta = turbulence.gamma_gamma(1.6)
    assert 1 / alpha + 1 / beta + 1 / (alpha * beta) == pytest.approx(index, rel=1e-9)
    assert fading.parameters(index, 1.6) == pytest.approx((alpha, beta), rel=1e-9)


@pytest.mark.parametrize(("index", "rytov"), CONDITIONS)
def test_the_sampled_index(index: float, rytov: float) -> None:
    """Within 3 % up to 0.3, within 3 standard errors beyond, the errors from blocks of the run itself."""
    power = law(samples(3000.0, 3, seed=4), index, rytov)
    blocks = power[: len(power) // 60 * 60].reshape(60, -1)
    values = blocks.var(axis=1) / power.mean() ** 2
    if index <= 0.3:
        assert power.var() / power.mean() ** 2 == pytest.approx(index, rel=0.03)
    else:
        assert abs(values.mean() - index) < 3.0 * values.std() / np.sqrt(60) + 0.005 * index


@pytest.mark.parametrize("depth_dB", [2.0, 3.0, 4.0])
def test_fades_come_as_rice_says(depth_dB: float) -> None:
    """At least 4,000 of them at 8 samples in 1/w; share, rate and mean length within 5 %."""
    index, bandwidth_Hz = 0.13, 1500.0
    rate = 2.0 * np.pi * bandwidth_Hz
    power = fading.lognormal(samples(rate, 4), index)
    length_s = len(power) * FINEST / rate
    below = power < 10.0 ** (-depth_dB / 10.0)
    fades = np.count_nonzero(below[1:] & ~below[:-1])
    share, rate_Hz, mean_s = fading.statistics(index, bandwidth_Hz, depth_dB)
    assert fades >= 4000
    assert below.mean() == pytest.approx(share, rel=0.05)
    assert fades / length_s == pytest.approx(rate_Hz, rel=0.05)
    assert below.mean() * length_s / fades == pytest.approx(mean_s, rel=0.05)


@pytest.mark.parametrize(("index", "rytov"), CONDITIONS)
def test_level_undoes_the_map(index: float, rytov: float) -> None:
    driver = np.array([-3.0, -0.5, 0.0, 1.5])
    power_dB = 10.0 * np.log10(law(driver, index, rytov))
    np.testing.assert_allclose(fading.level(power_dB, index, rytov), driver, atol=0.02)


def test_conditions_may_change_from_piece_to_piece() -> None:
    rng_free = np.linspace(-3.0, 3.0, 300)
    piece = np.repeat(np.arange(3), 100)
    index, rytov = np.array([0.1, 0.5, 0.29]), np.array([0.12, 0.7, 0.3])
    made = fading.irradiance(rng_free, piece, index, rytov)
    for k in range(3):
        np.testing.assert_allclose(made[piece == k], law(rng_free[piece == k], index[k], rytov[k]))
