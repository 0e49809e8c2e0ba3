"""Pointing and coupling: sampled power against closed forms of Farid and Hranilovic, and of Goodman."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.optics import beam, pointing, speckle
from linkemu.optics.driver import FINEST, SECONDS, Driver, SEGMENT_s
from linkemu.rng import Stream

DRAWS = 2_000_000


def axes(count: int = DRAWS) -> np.ndarray:
    return np.stack([Stream(11, "axis", k).normal(0, count) for k in range(2)])


@pytest.mark.parametrize("gamma2", [1.5, 4.0, 19.4])
def test_the_one_percent_quantile_of_linear_loss(gamma2: float) -> None:
    """Zero bias, W/a = 40, two million draws: within 3 %."""
    aperture_m, beam_m = 0.5, np.array([10.0])
    width_m = float(np.sqrt(beam.equivalent2_m2(beam_m, aperture_m))[0])
    jitter_m = width_m / (2.0 * np.sqrt(gamma2))
    assert pointing.gamma2(width_m, jitter_m) == pytest.approx(gamma2)
    x, y = axes() * jitter_m
    power = pointing.loss(x, y, width_m)
    assert np.quantile(power, 0.01) == pytest.approx(pointing.quantile(gamma2, 0.01), rel=0.03)
    assert power.mean() == pytest.approx(gamma2 / (gamma2 + 1.0), rel=2e-3)


def test_the_quantile_in_decibels_is_20_over_gamma2() -> None:
    assert -10.0 * np.log10(pointing.quantile(19.4, 0.01)) == pytest.approx(20.0 / 19.4)


@pytest.mark.parametrize("bias_rad", [0.0, 5e-6, 20e-6])
def test_bias_is_rician_and_its_mean_exact(bias_rad: float) -> None:
    x, y = axes() * 8e-6
    power = pointing.loss(x + bias_rad, y, 30e-6)
    assert power.mean() == pytest.approx(pointing.mean(30e-6, 8e-6, bias_rad), rel=2e-3)
    assert pointing.relative(axes(), 30e-6, 8e-6, bias_rad).mean() == pytest.approx(1.0, rel=3e-3)


@given(st.floats(1e-6, 1e-3), st.floats(0.0, 1e-3), st.floats(0.0, 1e-3))
def test_no_error_gains_light(width: float, jitter: float, bias: float) -> None:
    assert 0.0 <= float(pointing.mean(width, jitter, bias)) <= 1.0
    assert float(pointing.loss(np.array(bias), np.array(jitter), width)) <= 1.0


def test_the_process_keeps_the_closed_form() -> None:
    """Drawn in time, by the driver that the forecast uses, not as independent numbers."""
    driver = Driver(2, 3, "pointing")
    steady = np.full(SECONDS, 2.0 * np.pi * 400.0)
    drawn = np.concatenate(
        [driver.segment(26_000_000 + k, steady, SEGMENT_s, FINEST)[1] for k in range(3)], axis=1
    )
    power = pointing.loss(*(drawn * 5e-6), 20e-6)  # gamma^2 = 4
    for probability in (0.01, 0.1, 0.5):
        below = np.mean(power < pointing.quantile(4.0, probability))
        assert below == pytest.approx(probability, rel=0.05)


@pytest.mark.parametrize("coherent", [0.0, 0.5, 0.95, 1.0])
def test_fibre_power_has_mean_1_and_goodmans_variance(coherent: float) -> None:
    power = speckle.relative(axes(), coherent)
    assert power.mean() == pytest.approx(1.0, rel=3e-3)
    assert power.var() == pytest.approx(float(speckle.index(np.array(coherent))), rel=0.02, abs=1e-12)


def test_pure_speckle_is_exponential() -> None:
    power = speckle.relative(axes(), 0.0)
    assert np.mean(power < 0.01) == pytest.approx(1.0 - np.exp(-0.01), rel=0.03)


def test_correction_steadies_a_fibre_and_large_apertures_shake_it() -> None:
    fried = np.array([0.1])
    small, large = (speckle.uncorrected(aperture, fried) for aperture in (0.02, 0.4))
    assert small[0] > 0.9 and large[0] < 1e-4
    core = np.array([0.0, 0.5, 1.0])
    steady = speckle.coherence(core, np.full(3, 0.1))
    assert steady[0] == 0.0 and 0.9 < steady[1] < 1.0 and steady[2] == 1.0
