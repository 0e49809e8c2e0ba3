"""Invariants of the budget: energy, monotony, and agreement with the textbook's gain form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.machine import Direction
from linkemu.optics import atmosphere, beam, budget
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
