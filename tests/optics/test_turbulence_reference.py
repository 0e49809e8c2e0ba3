"""Every reference case of turbulence and fading, within the tolerance that the case states.

Most cases carry a second number from an independent computation of the same formula, held to 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from linkemu.optics import beam, fading, turbulence, wander

Cases = Callable[[str], Any]


def rad(degrees: float) -> np.ndarray:
    return np.radians(np.array([degrees]))


def test_profile_named_5_7(case: Cases) -> None:
    one, m = case("HV57-NAMED"), turbulence.moments(turbulence.HV57)
    one.holds("r0", 100.0 * float(turbulence.fried_m(one.inputs["lambda_m"], rad(90.0), m)[0]))
    one.holds("theta0", 1e6 * float(turbulence.isoplanatic_rad(one.inputs["lambda_m"], rad(90.0), m)[0]))
    case("HV57-MU0").holds("mu0", m.zero)


@pytest.mark.parametrize(
    "identity",
    ["P1622-T2-w21-0.532um", "P1622-T2-w21-1.064um", "P1622-T2-w30-0.85um", "P1622-T2-w30-1.55um"],
)
def test_rytov_variance_of_p1622(case: Cases, identity: str) -> None:
    one, inputs = case(identity), case(identity).inputs
    m = turbulence.moments(turbulence.HufnagelValley(wind_mps=inputs["v_rms"]), start_m=inputs["h0_m"])
    variance = turbulence.rytov(inputs["lambda_um"] * 1e-6, rad(inputs["elevation_deg"]), m)
    one.exactness = 2e-3  # the integral begins where the case has its ground
    one.holds("sigma2_lnN", float(variance[0]))


def test_rytov_variance_of_aotools(case: Cases) -> None:
    one = case("AOTOOLS-RYTOV")
    variance = turbulence.rytov(one.inputs["lambda_m"], rad(90.0), turbulence.moments(turbulence.HV57))
    one.exactness = 1e-3
    one.holds("sigma_R2", float(variance[0]))


def test_uplink_and_downlink_to_geostationary_orbit(case: Cases) -> None:
    one, inputs = case("AP12-WE1-r0-W"), case("AP12-WE1-r0-W").inputs
    wavelength, waist = inputs["lambda_um"] * 1e-6, inputs["W0_cm"] / 100.0
    m, elevation = turbulence.moments(turbulence.HV57), rad(90.0 - inputs["zenith_deg"])
    one.exactness = 5e-3  # the book has 0.42 for our 0.423
    one.holds("r0", 100.0 * float(turbulence.fried_m(wavelength, elevation, m)[0]))
    path = np.array([inputs["H_m"]]) * turbulence.slant(elevation)
    one.holds("W_GEO", float(beam.beam_radius_m(path, wavelength / (np.pi * waist), wavelength)[0]))
    downlink = turbulence.scintillation(turbulence.rytov(wavelength, elevation, m))
    weak = turbulence.rytov(wavelength, elevation, m)
    two = case("AP12-WE2-downlink")
    two.exactness = 1e-3
    two.holds("sigma2_down", float(weak[0]))
    assert downlink[0] == pytest.approx(weak[0], rel=0.1)  # hardly saturated


@pytest.mark.parametrize("identity", ["GG-RYTOV-0.2", "GG-RYTOV-3.5"])
def test_gamma_gamma_parameters(case: Cases, identity: str) -> None:
    alpha, beta = turbulence.gamma_gamma(case(identity).inputs["sigma_R2"])
    case(identity).holds("alpha", alpha)
    case(identity).holds("beta", beta)


@pytest.mark.parametrize(
    "identity", ["P1814-T4-0.98um-1e-14", "P1814-T4-1.55um-1e-16", "P1814-T4-1.55um-1e-13"]
)
def test_fade_scale_of_p1814(case: Cases, identity: str) -> None:
    one, inputs = case(identity), case(identity).inputs
    variance = turbulence.uniform_rytov(inputs["lambda_um"] * 1e-6, inputs["Cn2"], inputs["L_m"])
    one.exactness = 2e-3  # 23.17 dB^2 for our 1.23 / 4 Np^2
    one.holds("fade_depth", turbulence.fade_scale_dB(variance))


def test_wander_along_a_level_path(case: Cases) -> None:
    one, inputs = case("AP6-WE2-wander"), case("AP6-WE2-wander").inputs
    wavelength, length, waist = inputs["lambda_um"] * 1e-6, inputs["L_m"], inputs["W0_m"]
    at_m = (np.arange(2000) + 0.5) * length / 2000
    strength = np.full(2000, inputs["Cn2"] * length / 2000)
    one.exactness = 5e-3
    one.holds("sigma_R2", turbulence.uniform_rytov(wavelength, inputs["Cn2"], length))
    vacuum = beam.beam_radius_m(np.array([length]), wavelength / (np.pi * waist), wavelength)
    one.holds("W", 100.0 * float(vacuum[0]))
    variance = wander.variance_m2(strength, at_m, length, waist)
    one.holds("rms_rc", 100.0 * float(np.sqrt(variance)))
    fried = wander.spherical_fried_m(wavelength, strength, at_m, length)
    long_term = vacuum * np.sqrt(1.0 + (2.0 * np.sqrt(2.0) * waist / fried) ** (5 / 3))
    one.exactness = 0.02  # the book's spread, from Rytov's variance, for ours by Fried's diameter
    one.holds("W_LT", 100.0 * float(long_term[0]))
    one.holds("W_ST", 100.0 * float(wander.short_term_m(long_term, np.array([variance]))[0]))


def test_seeing_of_aotools(case: Cases) -> None:
    one, inputs = case("AOTOOLS-SEEING"), case("AOTOOLS-SEEING").inputs
    wavelength, second = inputs["lambda_m"], np.radians(1.0 / 3600.0)
    of_one = turbulence.seeing_rad(wavelength, np.array([inputs["r0_m"]])) / second
    one.holds("seeing", float(of_one[0]))
    one.holds("r0", float(inputs["r0_m"] * of_one[0] / inputs["seeing_arcsec"]))  # they are inverse


def test_aperture_averaging_along_a_level_path(case: Cases) -> None:
    length, wavelength = 1000.0, 1.55e-6
    aperture = np.sqrt(wavelength * length)
    case("APAVG-FRESNEL").holds("A", turbulence.level_averaging(aperture, wavelength, length))


def test_aperture_averaging(case: Cases) -> None:
    one, inputs = case("APAVG-ITU-1m-75"), case("APAVG-ITU-1m-75").inputs
    height = turbulence.moments(turbulence.HV57).height_m
    one.holds("z0", height)
    factor = turbulence.averaging(inputs["D_m"], inputs["lambda_m"], rad(inputs["elevation_deg"]), height)
    one.holds("A", float(factor[0]))


def test_fade_depth_and_fade_statistics(case: Cases) -> None:
    one = case("LN-FADE-Q")
    one.holds("fade", fading.depth_dB(one.inputs["sigma_P2"], one.inputs["p"]))
    two = case("LN-LCR")
    share, rate_Hz, mean_s = fading.statistics(
        two.inputs["sigma_I2"], two.inputs["nu0_Hz"], two.inputs["F_dB"]
    )
    two.exactness = 1e-3
    two.holds("P_fade", share)
    two.holds("rate", rate_Hz)
    two.holds("mean_fade", 1e3 * mean_s)


def test_matern_correlation(case: Cases) -> None:
    one = case("MATERN-ACF")
    rate = 2.0 * np.pi * one.inputs["nu0_Hz"]
    for lag_ms in one.inputs["lag_ms"]:
        one.holds(f"r{lag_ms}", float(fading.correlation(rate, np.array([lag_ms * 1e-3]))[0]))
