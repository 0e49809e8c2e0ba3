"""The fading process: its law, its memory, its fades (Rice), and that any block can be had alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.optics import fading, turbulence
from linkemu.optics.fading import SAMPLES_PER_SLOT, Process, Turbulence

START = 400_000_000  # a block of these days


def process(seed: int = 1, slot_ns: int = 1_000_000) -> Process:
    return Process(seed, "koganei", "iss", "down", slot_ns)


def long(bandwidth_Hz: float, blocks: int, slot_ns: int = 1_000_000) -> np.ndarray:
    one = process(slot_ns=slot_ns)
    return np.concatenate([one.driver(START + block, bandwidth_Hz) for block in range(blocks)])


@pytest.mark.parametrize("bandwidth_Hz", [30.0, 100.0, 400.0])
def test_the_driver_is_gaussian_with_matern_memory(bandwidth_Hz: float) -> None:
    samples = long(bandwidth_Hz, 60)
    step_s = 1e-3 / SAMPLES_PER_SLOT
    independent = len(samples) * step_s * bandwidth_Hz  # about
    assert abs(samples.mean()) < 5.0 / np.sqrt(independent)
    assert samples.var() == pytest.approx(1.0, abs=6.0 / np.sqrt(independent))
    for lag in (1, 2, 5, 20):
        expected = fading.correlation(2 * np.pi * bandwidth_Hz, np.array([lag * step_s]))[0]
        assert np.mean(samples[lag:] * samples[:-lag]) == pytest.approx(
            expected, abs=6.0 / np.sqrt(independent)
        )


def test_fades_come_as_rice_says() -> None:
    index, bandwidth_Hz, depth_dB = 0.13, 50.0, 3.0
    slot_ns = 400_000  # 10 kHz of samples, fine enough to count crossings
    irradiance = fading.lognormal(long(bandwidth_Hz, 200, slot_ns), index)
    length_s = len(irradiance) * slot_ns * 1e-9 / SAMPLES_PER_SLOT
    below = irradiance < 10.0 ** (-depth_dB / 10.0)
    fades = np.count_nonzero(below[1:] & ~below[:-1])
    share, rate_Hz, mean_s = fading.statistics(index, bandwidth_Hz, depth_dB)
    assert below.mean() == pytest.approx(share, rel=0.05)
    assert fades / length_s == pytest.approx(rate_Hz, rel=0.05)
    assert below.sum() * slot_ns * 1e-9 / SAMPLES_PER_SLOT / fades == pytest.approx(mean_s, rel=0.05)


def test_neighbouring_blocks_join_without_a_step() -> None:
    samples = long(20.0, 2)
    edge = len(samples) // 2
    steps = np.abs(np.diff(samples))
    assert steps[edge - 1] <= np.quantile(steps, 0.9999)


@given(st.integers(0, 10**9), st.floats(5.0, 500.0))
def test_any_block_can_be_had_alone(block: int, bandwidth_Hz: float) -> None:
    air = Turbulence(0.1, 0.15, bandwidth_Hz)
    first = process().power(block, air)
    other = process()
    other.power(block + 1, air)
    np.testing.assert_array_equal(first, other.power(block, air))
    assert first.shape == (4096,)


def test_seed_and_identity_make_the_sky() -> None:
    air = Turbulence(0.1, 0.15, 100.0)
    skies = [process(1), process(2), Process(1, "koganei", "iss", "up", 1_000_000)]
    one, two, three = (each.power(START, air) for each in skies)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.1 and abs(np.corrcoef(one, three)[0, 1]) < 0.1


@pytest.mark.parametrize(("index", "rytov"), [(0.01, 0.3), (0.25, 0.3), (0.31, 0.4), (0.9, 1.6), (1.2, 3.5)])
def test_mean_power_is_kept_and_the_index_is_met(index: float, rytov: float) -> None:
    deviates = fading.ndtri((np.arange(200_000) + 0.5) / 200_000)
    law = fading.lognormal(deviates, index) if index < 0.3 else fading.gamma_gamma(deviates, index, rytov)
    assert law.mean() == pytest.approx(1.0, abs=2e-3)
    assert law.var() == pytest.approx(index, rel=0.01)


def test_gamma_gamma_has_the_index_of_its_own_parameters() -> None:
    rytov = 1.6
    index = float(turbulence.scintillation(np.array([rytov]))[0])
    alpha, beta = turbulence.gamma_gamma(rytov)
    assert 1 / alpha + 1 / beta + 1 / (alpha * beta) == pytest.approx(index, rel=1e-9)


def test_slots_are_erased_as_often_as_the_power_says() -> None:
    one, air = process(), Turbulence(0.2, 0.3, 200.0)
    mean_dBm, sensitivity_dBm = np.full(4096, -38.0), np.full(4096, -40.0)
    lost = np.concatenate([one.erased(START + k, air, mean_dBm, sensitivity_dBm) for k in range(40)])
    power = np.concatenate([one.power(START + k, air) for k in range(40)])
    deep = 10 * np.log10(power) < -2.0 - 1.8  # where even the middle of the curve is long past
    assert lost[deep].mean() > 0.99
    assert lost[10 * np.log10(power) > -2.0 + 1.0].sum() == 0
    assert 0.001 < lost.mean() < 0.2


def test_a_wide_margin_erases_nothing_and_no_mode_erases_nothing() -> None:
    one, air = process(), Turbulence(0.2, 0.3, 200.0)
    assert not one.erased(START, air, np.full(4096, 10.0), np.full(4096, -40.0)).any()
    assert not one.erased(START, air, np.full(4096, -60.0), np.full(4096, np.nan)).any()
    assert one.erased(START, air, np.full(4096, -80.0), np.full(4096, -40.0)).all()


def test_saturation_and_averaging_stay_in_bounds() -> None:
    variances = np.array([1e-3, 0.06, 1.0, 5.0, 50.0])
    index = turbulence.scintillation(variances)
    assert index[0] == pytest.approx(1e-3, rel=0.02)
    assert np.all(np.diff(index)[:2] > 0) and np.all(index < 1.4)
    height = turbulence.moments(turbulence.HV57).height_m
    factors = turbulence.averaging(0.4, 1.55e-6, np.radians(np.array([10.0, 30.0, 90.0])), height)
    assert np.all(factors < 1.0) and np.all(np.diff(factors) < 0.0)
    assert turbulence.averaging(0.0, 1.55e-6, np.radians(np.array([50.0])), height)[0] == 1.0
