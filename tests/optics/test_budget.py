"""Invariants of the budget: energy, monotony, and agreement with the textbook's gain form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.machine import Direction
from linkemu.optics import atmosphere, beam, budget, coupling
from linkemu.optics.budget import Air, Receiver, Transmitter

SENDER = Transmitter(1.55e-6, 1.0, 30e-6, 0.0, 0.0)
RECEIVER = Receiver(0.4, 0.0, 0.0)
ranges = st.floats(1.0, 1e9)
divergences = st.floats(5e-6, 1e-3)


def power_dBm(
    direction: Direction, sender: Transmitter, receiver: Receiver, elevation_deg: float = 60.0
) -> float:
    elevation = np.radians(np.array([elevation_deg]))
    whole = budget.budget(direction, sender, receiver, Air(0.0), np.array([1e6]), elevation)
    return float(whole.power_dBm[0])


@given(ranges, divergences, st.floats(0.001, 10.0))
def test_no_aperture_collects_more_than_all(range_m: float, divergence: float, aperture: float) -> None:
    radius = beam.beam_radius_m(np.array([range_m]), divergence, 1.55e-6)
    whole = beam.collected(radius, aperture)[0]
    assert 0.0 <= whole <= 1.0
    assert 0.0 <= beam.collected(radius, aperture, aperture / 3.0)[0] <= whole


@given(divergences)
def test_far_away_it_is_the_gain_form(divergence: float) -> None:
    range_m, aperture = np.array([4e7]), 0.3
    radius = beam.beam_radius_m(range_m, divergence, 1.55e-6)
    gains = 8.0 / divergence**2 * (np.pi * aperture / 1.55e-6) ** 2 * (1.55e-6 / (4 * np.pi * range_m)) ** 2
    assert beam.collected(radius, aperture)[0] == pytest.approx(gains[0], rel=1e-3)


def test_lines_add_up_and_each_loss_counts_once() -> None:
    plain = power_dBm(Direction.DOWN, SENDER, RECEIVER)
    assert power_dBm(Direction.DOWN, replace(SENDER, power_W=10.0), RECEIVER) == pytest.approx(plain + 10.0)
    assert power_dBm(Direction.DOWN, replace(SENDER, loss_dB=2.5), RECEIVER) == pytest.approx(plain - 2.5)
    assert power_dBm(Direction.DOWN, SENDER, replace(RECEIVER, loss_dB=1.5)) == pytest.approx(plain - 1.5)


def test_jitter_of_a_quarter_divergence_costs_what_the_beta_law_says() -> None:
    jittery = replace(SENDER, jitter_rad=SENDER.divergence_rad / 4.0)  # gamma^2 = 4: mean 4/5
    loss = power_dBm(Direction.DOWN, SENDER, RECEIVER) - power_dBm(Direction.DOWN, jittery, RECEIVER)
    assert loss == pytest.approx(-10.0 * np.log10(4.0 / 5.0), abs=0.01)


def test_turbulence_spreads_the_uplink_only() -> None:
    narrow = replace(SENDER, divergence_rad=8e-6)
    elevation, range_m = np.radians([30.0]), np.array([1e6])
    up, down = (
        budget.budget(direction, narrow, RECEIVER, Air(0.0), range_m, elevation) for direction in Direction
    )
    assert "turbulent spread" not in {line.name for line in down.lines}
    assert up.gain_dB("turbulent spread")[0] < -1.0


@given(st.floats(5.0, 89.0), st.floats(0.0, 3000.0), st.floats(2.0, 60.0))
def test_air_costs_less_higher_up(elevation_deg: float, altitude_m: float, visibility_km: float) -> None:
    here = np.radians(np.array([elevation_deg, elevation_deg + 1.0]))
    low, high = atmosphere.clear_air_dB(here, 1.55e-6, altitude_m, visibility_km)
    assert low > high > 0.0
    assert atmosphere.clear_air_dB(here, 1.55e-6, altitude_m + 100.0, visibility_km)[0] < low
    assert atmosphere.clear_air_dB(here, 1.55e-6, altitude_m, visibility_km * 1.2)[0] <= low


def test_refraction_lifts_the_horizon_by_half_a_degree() -> None:
    lifted = np.degrees(atmosphere.apparent(np.radians(np.array([0.0, 10.0, 90.0])))) - [0.0, 10.0, 90.0]
    assert lifted == pytest.approx([0.48, 0.09, 0.0], abs=0.01)  # Meeus, chapter 16


def lines(direction: Direction, sender: Transmitter, **more: object) -> budget.Budget:
    elevation, range_m = np.radians([40.0]), np.array([1e6])
    air = more.pop("air", Air(0.0))
    receiver = more.pop("receiver", RECEIVER)
    # type: ignore[arg-type]
    return budget.budget(direction, sender, receiver, air, range_m, elevation, **more)


def test_gains_and_free_space_say_the_same_as_the_bucket() -> None:
    hole = replace(RECEIVER, obscuration_m=0.1)
    one = lines(Direction.DOWN, SENDER, receiver=hole)
    other = lines(Direction.DOWN, SENDER, receiver=hole, form=budget.Form.GAIN)
    assert one.power_dBm == pytest.approx(other.power_dBm, abs=1e-3)
    assert {line.name for line in other.lines} > {"transmitter gain", "free space", "receiver gain"}


def test_every_line_has_its_source_and_every_loss_is_one() -> None:
    thick = Air(0.0, 10.0, cloud_dB=1.3, rain_mmph=2.0, snow_mmph=0.5)
    loose = replace(SENDER, bias_rad=5e-6, jitter_rad=5e-6, loss_dB=1.0, truncation=1.12, obscuration=0.2)
    for direction in Direction:
        whole = lines(direction, loose, air=thick)
        assert all(line.source for line in whole.lines)
        assert all(line.gain_dB[0] < 0.0 for line in whole.lines if line.name != "receiver optics")


def test_thin_cloud_rain_and_snow_are_taken_off_once() -> None:
    clear = lines(Direction.DOWN, SENDER).power_dBm
    assert lines(Direction.DOWN, SENDER, air=Air(0.0, cloud_dB=1.3)).power_dBm == pytest.approx(clear - 1.3)
    path_km = 3.0 / np.sin(np.radians(40.0))
    wet = lines(Direction.DOWN, SENDER, air=Air(0.0, rain_mmph=5.0)).power_dBm
    assert clear - wet == pytest.approx(path_km * 1.076 * 5.0**0.67)
    high = lines(Direction.DOWN, SENDER, air=Air(3500.0, rain_mmph=5.0))
    assert high.gain_dB("precipitation")[0] == 0.0  # the station stands above the rain


def test_truncation_at_its_best_leaves_the_gain_of_klein_and_degnan() -> None:
    """A beam cut by its aperture: gain over (pi D / lambda)^2 is 0.8145, and less behind an obscuration."""
    aperture, wavelength = 0.1, 1.55e-6
    for hole in (0.0, 0.25):
        alpha = beam.best_truncation(hole)
        divergence = wavelength / (np.pi * aperture / 2.0 / alpha)
        cut = replace(SENDER, divergence_rad=divergence, truncation=alpha, obscuration=hole)
        whole = lines(Direction.DOWN, cut, form=budget.Form.GAIN)
        gain = whole.gain_dB("transmitter gain")[0] + whole.gain_dB("truncation")[0]
        limit = 20.0 * np.log10(np.pi * aperture / wavelength)
        assert 10.0 ** ((gain - limit) / 10.0) == pytest.approx(beam.aperture_efficiency(alpha, hole))
    assert beam.aperture_efficiency(beam.best_truncation(0.25), 0.25) < 0.8145


@given(st.floats(0.0, 40e-6), st.floats(1e-7, 40e-6))
def test_bias_and_jitter_together_are_the_mean_of_a_rician(bias_rad: float, jitter_rad: float) -> None:
    whole = lines(Direction.DOWN, replace(SENDER, bias_rad=bias_rad, jitter_rad=jitter_rad))
    loss = whole.gain_dB("pointing bias")[0] + whole.gain_dB("pointing jitter, mean")[0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    x, y = nodes[:, None] * jitter_rad + bias_rad, nodes[None, :] * jitter_rad
    radius = beam.beam_radius_m(np.array([1e6]), SENDER.divergence_rad, SENDER.wavelength_m)
    width2 = beam.equivalent2_m2(radius, RECEIVER.aperture_m)[0] / 1e12
    mean = np.sum(weights[:, None] * weights * np.exp(-2.0 * (x**2 + y**2) / width2)) / (2.0 * np.pi)
    assert loss == pytest.approx(10.0 * np.log10(mean), abs=2e-3)


def test_wander_counts_once() -> None:
    """In the long-term radius, or with the jitter over the short-term one: the same mean power."""
    narrow = replace(SENDER, divergence_rad=15e-6)
    whole = lines(Direction.UP, narrow)
    parts = lines(Direction.UP, narrow, wander_rad=np.array([3e-6]))
    assert parts.gain_dB("turbulent spread")[0] > whole.gain_dB("turbulent spread")[0]
    assert parts.gain_dB("pointing jitter, mean")[0] < whole.gain_dB("pointing jitter, mean")[0]
    assert parts.power_dBm == pytest.approx(whole.power_dBm, abs=1e-3)
    huge = lines(Direction.UP, narrow, wander_rad=np.array([1e-3]))
    assert huge.power_dBm == pytest.approx(whole.power_dBm, abs=1e-3)


def test_a_fibre_in_orbit_sees_a_flat_wave_and_one_on_the_ground_does_not() -> None:
    fibre = replace(RECEIVER, coupling=coupling.Fibre())
    up, down = (lines(direction, SENDER, receiver=fibre) for direction in Direction)
    assert up.gain_dB("fibre coupling, mean")[0] == pytest.approx(10.0 * np.log10(coupling.BEST))
    assert down.gain_dB("fibre coupling, mean")[0] < -6.0


def test_adaptive_optics_that_are_too_slow_for_the_air_cost_a_downlink_and_no_uplink() -> None:
    slow, fast = (replace(RECEIVER, coupling=coupling.CorrectedFibre(hertz, 0.02)) for hertz in (5.0, 5000.0))
    down_dB, up_dB = (
        power_dBm(direction, SENDER, slow) - power_dBm(direction, SENDER, fast)
        for direction in (Direction.DOWN, Direction.UP)
    )
    assert down_dB < -3.0
    assert up_dB == 0.0


@given(st.floats(1.0, 1e3), st.floats(0.01, 1.0))
def test_spread_grows_with_turbulence_without_a_step(ratio: float, fried: float) -> None:
    radius = np.array([10.0])
    here, more = (
        beam.spread_m(radius, ratio * fried * scale, np.array([fried]))[0] for scale in (1.0, 1.0 + 1e-6)
    )
    assert 10.0 < here < more < here * (1.0 + 1e-5)


def test_full_width_at_half_maximum() -> None:
    assert beam.from_fwhm(70.8e-6) == pytest.approx(60.1e-6, rel=1e-3)  # CLICK, 14.6 arcsec
