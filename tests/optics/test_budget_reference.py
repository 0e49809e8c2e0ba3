"""Every reference case of budget, air, receiver and background, within the tolerance that the case states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from linkemu.forecast.balance import circular
from linkemu.machine import Direction
from linkemu.optics import atmosphere, background, beam, sensitivity, turbulence
from linkemu.optics.beam import dB
from linkemu.optics.budget import Air, Form, Receiver, Transmitter, budget

Cases = Callable[[str], Any]

HALF = 10.0 * np.log10(2.0)  # Liang et al. take 16 / Theta^2 for a Gaussian's gain of 32 / Theta^2


def test_free_space(case: Cases) -> None:
    one = case("FSL-1000km-1550")
    loss = -dB(beam.free_space(np.array([one.inputs["d_m"]]), one.inputs["lambda_m"]))[0]
    one.holds("Lfs", float(loss))


def test_slant_range(case: Cases) -> None:
    one, inputs = case("SLANT-550km-el20"), case("SLANT-550km-el20").inputs
    elevation = np.radians(np.array([float(inputs["elevation_deg"])]))
    places = circular(elevation, inputs["h_sat_km"] * 1e3, inputs["h_site_km"] * 1e3)
    one.holds("d", float(places.range_m[0]) / 1e3)


def test_gains_of_liang(case: Cases) -> None:
    one, inputs = case("GAIN-80mm-1550"), case("GAIN-80mm-1550").inputs
    one.holds("G_R", float(dB(beam.receiver_gain(inputs["D_R_m"], inputs["lambda_m"]))))
    ours = float(dB(beam.transmitter_gain(inputs["Theta_T_rad"] / 2.0)))
    one.holds("G_T", ours - HALF)  # theirs is half of a Gaussian beam's


def test_pointing_of_liang(case: Cases) -> None:
    one, inputs = case("LIANG-POINTING"), case("LIANG-POINTING").inputs
    for name, gain, angle in (("L_T", "G_T", "theta_T_rad"), ("L_R", "G_R", "theta_R_rad")):
        divergence = np.sqrt(16.0 / inputs[gain]) / 2.0
        ours = float(dB(beam.mispointed(inputs[angle], divergence)))
        one.holds(name, 2.0 * ours)  # exp(-G theta^2) is the square of a Gaussian beam's fall


def test_range_of_starlink_by_liang(case: Cases) -> None:
    one, paper, pointing = case("STARLINK-VS-LIANG"), case("GAIN-80mm-1550"), case("LIANG-POINTING")
    sender = Transmitter(1.55e-6, one.inputs["P_T_W"], paper.inputs["Theta_T_rad"] / 2.0, 0.0, dB(1.25))
    receiver = Receiver(paper.inputs["D_R_m"], 0.0, dB(1.25))  # optics of 80 %
    range_m = np.array([one.inputs["d_km"] * 1e3])
    vacuum = budget(Direction.DOWN, sender, receiver, Air(0.0), range_m, np.radians([90.0]), form=Form.GAIN)
    names = ("transmitter optics", "transmitter gain", "free space", "receiver gain", "receiver optics")
    power_dBm = vacuum.transmitted_dBm + sum(float(vacuum.gain_dB(name)[0]) for name in names) - HALF
    for gain, angle in (("G_T", "theta_T_rad"), ("G_R", "theta_R_rad")):
        divergence = np.sqrt(16.0 / pointing.inputs[gain]) / 2.0
        power_dBm += 2.0 * float(dB(beam.mispointed(pointing.inputs[angle], divergence)))
    one.holds("LM", power_dBm - case("SENS-PHOTONS-10G").inputs["P_req_dBm"])


def test_bit_errors_of_on_off_keying(case: Cases) -> None:
    one = case("OOK-Q-BER")
    for each in one.inputs["Q"]:
        one.holds(f"BER_Q{each:g}", float(sensitivity.gaussian_error(each)))
        assert sensitivity.quality(float(sensitivity.gaussian_error(each))) == pytest.approx(each)


def test_capacity_of_pulse_positions(case: Cases) -> None:
    one = case("PPM16-ERASURE-CAP")
    capacity = sensitivity.ppm_capacity(one.inputs["M"], one.inputs["Ks"])
    one.holds("C", capacity)
    one.holds("photons_per_bit", one.inputs["Ks"] / capacity)


def test_best_truncation(case: Cases) -> None:
    one = case("KLEIN-DEGNAN-OPT")
    found = minimize_scalar(
        lambda alpha: -beam.aperture_efficiency(alpha), bounds=(0.5, 2.0), method="bounded"
    )
    one.holds("alpha_opt", float(found.x))
    one.holds("g_max", -float(found.fun))
    assert beam.best_truncation() == pytest.approx(found.x, abs=2e-3)  # their own fit


@pytest.mark.parametrize("identity", ["KRUSE-T2-1550-V0.05", "KRUSE-T2-1550-V1"])
@pytest.mark.parametrize("law", [atmosphere.kruse_exponent])
def test_fog_by_kruse(case: Cases, identity: str, law: Any) -> None:
    inputs = case(identity).inputs
    loss = atmosphere.haze_dB_per_km(inputs["V_km"], inputs["lambda_nm"] * 1e-9, law)
    case(identity).holds("gamma", float(loss))


@pytest.mark.parametrize("identity", ["P1817-VISCODE-1.9", "P1817-VISCODE-18.1"])
def test_international_visibility_code(case: Cases, identity: str) -> None:
    inputs = case(identity).inputs
    loss = atmosphere.haze_dB_per_km(inputs["V_km"], inputs["lambda_nm"] * 1e-9, atmosphere.kruse_exponent)
    case(identity).holds("gamma", float(loss))


def test_rayleigh_scattering(case: Cases) -> None:
    one, inputs = case("P1817-RAYLEIGH"), case("P1817-RAYLEIGH").inputs
    one.exactness = 5e-3  # g1550 is printed to two digits
    for um in inputs["lambda_um"]:
        loss = atmosphere.rayleigh_dB_per_km(um * 1e-6, inputs["P_hPa"], inputs["T_K"])
        one.holds(f"g{um * 1e3:.0f}", loss)


def test_snow(case: Cases) -> None:
    one, inputs = case("P1814-SNOW"), case("P1814-SNOW").inputs
    for name, wet in (("wet", True), ("dry", False)):
        loss = atmosphere.snow_dB_per_km(inputs["S_mm_h"], inputs["lambda_nm"] * 1e-9, wet=wet)
        one.holds(name, float(loss))


def test_scattering_of_p1622(case: Cases) -> None:
    one, inputs = case("P1622-MIE-1550-1km-40deg"), case("P1622-MIE-1550-1km-40deg").inputs
    elevation = np.radians(np.array([float(inputs["elevation_deg"])]))
    loss = atmosphere.scattering_dB(elevation, inputs["lambda_um"] * 1e-6, inputs["h_E_km"] * 1e3)
    one.holds("A_S", float(loss[0]))


def test_thin_cirrus_by_its_visibility(case: Cases) -> None:
    one, inputs = case("CLOUD-THINCIRRUS-VIS"), case("CLOUD-THINCIRRUS-VIS").inputs
    visibility_km = atmosphere.cloud_visibility_km(inputs["LWC"], inputs["N"])
    one.holds("V", visibility_km)
    one.holds("gamma", float(atmosphere.haze_dB_per_km(visibility_km, inputs["lambda_nm"] * 1e-9)))


def test_water_cloud(case: Cases) -> None:
    one = case("CLOUD-LWP-TAU")
    depth = atmosphere.water_depth(one.inputs["LWP_g_m2"], one.inputs["r_e_um"])
    one.holds("tau", float(depth))
    one.holds("loss", float(atmosphere.layer_dB(depth)))


def test_background(case: Cases) -> None:
    one, inputs = case("P1621-BACKGROUND"), case("P1621-BACKGROUND").inputs
    watts = background.power_W(inputs["theta_rad"], inputs["D_m"], inputs["dlambda_um"], inputs["H"])
    one.holds("P", watts)
    one.holds("rate", watts / sensitivity.photon_J(1.55e-6))


def test_point_ahead(case: Cases) -> None:
    one = case("POINT-AHEAD")
    angles = turbulence.point_ahead_rad(np.array(one.inputs["v_perp_m_s"])) * 1e6
    one.holds("leo", float(angles[0]))
    one.holds("geo", float(angles[1]))
