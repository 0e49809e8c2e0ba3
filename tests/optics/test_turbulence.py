"""Turbulence against integrals, limits and the numbers that everybody quotes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from linkemu.optics import beam, profile, turbulence, wander
from linkemu.optics.profile import HV57, HufnagelValley, SubmarineLaser

UM = 1.55e-6


def rad(*degrees: float) -> np.ndarray:
    return np.radians(np.array(degrees))


@pytest.mark.parametrize(
    "air", [HV57, HufnagelValley(30.0, 3e-15), SubmarineLaser(), SubmarineLaser(night=True)]
)
def test_moments_are_the_integrals(air: profile.Profile) -> None:
    m = profile.moments(air)
    for power, value in ((0.0, m.zero), (5 / 6, m.five_sixths), (5 / 3, m.five_thirds), (2.0, m.two)):
        whole = 0.0
        for low, high in itertools.pairwise(air.edges_m):
            whole += quad(lambda h, p: air.strength(h) * h**p, low, high, (power,), epsabs=0.0)[0]
        assert value == pytest.approx(whole, rel=1e-6)


def test_a_vertical_path_at_1550_nm() -> None:
    m = profile.moments(HV57)
    assert turbulence.fried_m(UM, rad(90.0), m)[0] == pytest.approx(0.1929, rel=1e-3)
    assert turbulence.isoplanatic_rad(UM, rad(90.0), m)[0] == pytest.approx(27.25e-6, rel=1e-3)
    assert turbulence.rytov(UM, rad(90.0), m)[0] == pytest.approx(0.0621, rel=2e-3)
    drift = profile.drift_mps(HV57, 0.0, rad(90.0), np.zeros(1))
    assert turbulence.coherence_s(UM, rad(90.0), m, drift)[0] == pytest.approx(7.24e-3, rel=2e-3)
    fried = turbulence.fried_m(UM, rad(90.0), m)
    assert turbulence.coherence_s(UM, rad(90.0), m, drift)[0] == pytest.approx(
        0.314 * fried[0] / drift[0], rel=2e-3
    )


def test_the_slc_day_is_rougher_than_its_night() -> None:
    day, night = profile.moments(SubmarineLaser()), profile.moments(SubmarineLaser(night=True))
    assert turbulence.fried_m(0.5e-6, rad(90.0), day)[0] < turbulence.fried_m(0.5e-6, rad(90.0), night)[0]
    h = np.array([10.0, 50.0, 1000.0, 5000.0, 10_000.0])
    expected = [1.7e-14, 3.13e-13 * 50**-1.05, 1.3e-15, 8.87e-7 * 5000.0**-3, 2e-16 * 0.01]
    np.testing.assert_allclose(SubmarineLaser().strength(h), expected, rtol=1e-9)


@pytest.mark.parametrize("ground_mps", [0.0, 5.0, 12.0])
def test_rms_wind_is_the_integral_of_buftons(ground_mps: float) -> None:
    square, _ = quad(lambda h: float(profile.bufton_mps(np.array([h]), ground_mps)[0]) ** 2, 5e3, 20e3)
    assert profile.rms_wind_mps(ground_mps) == pytest.approx(np.sqrt(square / 15e3), rel=1e-3)


def test_high_sites_low_wavelengths_and_low_elevations() -> None:
    sea, teide = profile.moments(HV57), profile.moments(HV57, 2390.0)
    assert turbulence.rytov(UM, rad(40.0), teide)[0] < turbulence.rytov(UM, rad(40.0), sea)[0]
    assert turbulence.rytov(0.85e-6, rad(40.0), sea)[0] > turbulence.rytov(UM, rad(40.0), sea)[0]
    variances = turbulence.rytov(UM, rad(90.0, 60.0, 30.0, 29.0, 15.0, 10.0), sea)
    assert np.all(np.diff(variances) > 0.0)


def test_saturation_stays_in_bounds() -> None:
    index = turbulence.scintillation(np.array([1e-3, 0.06, 1.0, 5.0, 50.0]))
    assert index[0] == pytest.approx(1e-3, rel=0.02)
    assert np.all(np.diff(index)[:2] > 0) and np.all(index < 1.4)


def test_apertures_average_the_downlink() -> None:
    height = profile.moments(HV57).height_m
    factors = turbulence.averaging(0.4, UM, rad(10.0, 30.0, 90.0), height)
    assert np.all(factors < 1.0) and np.all(np.diff(factors) < 0.0)
    assert turbulence.averaging(0.0, UM, rad(50.0), height)[0] == 1.0


def test_point_ahead_of_low_and_geostationary_orbits() -> None:
    ahead = turbulence.point_ahead_rad(np.array([7000.0, 3075.0]))
    np.testing.assert_allclose(ahead, [46.7e-6, 20.5e-6], rtol=2e-3)
    lost = turbulence.decorrelation(ahead, np.array([27.25e-6, 27.25e-6]))
    assert 0.9 < lost[0] < 1.0 and 0.4 < lost[1] < 0.5


def test_fades_of_a_low_orbit_are_faster_than_those_of_a_geostationary_one() -> None:
    low = turbulence.bandwidth_Hz(0.4, UM, rad(60.0), np.array([0.013]))
    ring = turbulence.bandwidth_Hz(0.4, UM, rad(45.0), np.array([0.0]))
    assert 100.0 < low[0] < 500.0 and 20.0 < ring[0] < 50.0
    point = turbulence.bandwidth_Hz(0.0, UM, rad(60.0), np.array([0.013]))
    assert point[0] > low[0]  # smaller eddies


def test_wander_of_the_books_example() -> None:
    """A&P chapter 12: 1.06 um, W0 = 2 cm, 38 500 km high, 30 degrees from the zenith: 366, 369 m."""
    elevation, range_m = rad(60.0), np.array([38.5e6]) / np.sin(np.radians(60.0))
    exact = np.sqrt(wander.variance_rad2(HV57, 0.0, elevation, range_m, 0.02))[0] * range_m[0]
    fried = turbulence.fried_m(1.06e-6, elevation, profile.moments(HV57))
    short = np.sqrt(wander.short_form_rad2(1.06e-6, 0.02, fried))[0] * range_m[0]
    assert exact == pytest.approx(369.0, rel=0.01)
    assert short == pytest.approx(366.0, rel=0.01)
    less = wander.variance_rad2(HV57, 0.0, elevation, range_m, 0.02, wander.BELMONTE)
    assert np.sqrt(less)[0] * range_m[0] == pytest.approx(exact * np.sqrt(2.07 / 7.25), rel=1e-9)


def test_a_focused_beam_wanders_more_and_tilt_helps_within_the_isoplanatic_angle_only() -> None:
    at_m = (np.arange(500) + 0.5) * 2.0
    strength = np.full(500, 1e-14 * 2.0)
    level, focused = (wander.variance_m2(strength, at_m, 1000.0, 0.01, focus=focus) for focus in (1.0, 0.0))
    assert level == pytest.approx(7.25 / 3.0 * 1e-14 * 1000.0**3 * 0.01 ** (-1 / 3), rel=1e-3)  # A&P eq. 6.91
    assert focused > level
    left = wander.precompensated(np.array([1.0, 1.0, 1.0]), np.array([0.0, 27e-6, 300e-6]), np.full(3, 27e-6))
    np.testing.assert_allclose(left, [0.0, 1.0 - np.exp(-1.0), 1.0], atol=1e-6)


@pytest.mark.parametrize(("scale", "spread"), [(8.0, 32.0), (1.0, 1.0), (1 / 8, 1 / 32)])
def test_a_long_term_beam_widens_with_five_thirds_of_its_waist(scale: float, spread: float) -> None:
    waist, fried = scale * 0.05 / (2.0 * np.sqrt(2.0)), 0.05  # A&P chapter 12: T = (2 sqrt2 W0 / r0)^(5/3)
    expected = 3.0 * (1.0 + spread) ** (0.5 + 0.1 * spread / (1.0 + spread))
    np.testing.assert_allclose(beam.spread_m(np.array([3.0]), waist, np.array([fried])), expected, rtol=1e-12)
