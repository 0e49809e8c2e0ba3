"""Sensitivity, background light, fibre coupling, and the depth of fades of all causes together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.optics import background, coupling, fading, margin, pointing, sensitivity
from linkemu.optics.background import Sky
from linkemu.optics.coupling import CorrectedFibre, Detector, Fibre, TiltedFibre
from linkemu.optics.margin import Fading
from linkemu.optics.profile import HV57
from linkemu.optics.sensitivity import Detection

KINDS = (Detector(), Fibre(), TiltedFibre(), CorrectedFibre(200.0, 0.05))
FRIED = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 2.0])


@given(st.floats(0.1, 1e4), st.floats(1e3, 1e12), st.floats(5e-7, 1e-5))
def test_photons_and_power_are_two_words_for_one_thing(
    photons: float, rate: float, wavelength: float
) -> None:
    watts = sensitivity.power_W(photons, rate, wavelength)
    assert sensitivity.photons_per_bit(watts, rate, wavelength) == pytest.approx(photons)


def test_ten_photons_a_bit_are_the_limit_of_counting() -> None:
    assert sensitivity.ook_error(10.0) == pytest.approx(1.03e-9, rel=0.01)  # textbook, Pratt 1969
    assert sensitivity.scaled_dBm(-40.0, 1e9, 1e10) == pytest.approx(-30.0)
    assert sensitivity.scaled_dBm(-40.0, 1e9, 1e10, 0.5) == pytest.approx(-35.0)


@given(st.floats(0.0, 1e-6), st.floats(1e-9, 1e-5), st.floats(1e6, 1e10))
def test_background_only_ever_costs(shining: float, level: float, rate: float) -> None:
    cost = sensitivity.background_dB(shining, level, rate, 1.55e-6, Detection.DIRECT)
    more = sensitivity.background_dB(2.0 * shining, level, rate, 1.55e-6, Detection.DIRECT)
    assert 0.0 <= cost <= more
    assert sensitivity.background_dB(shining, level, rate, 1.55e-6, Detection.COHERENT) == 0.0


def test_background_as_strong_as_the_receivers_own_noise_costs_three_decibels_of_variance() -> None:
    level, rate = 1e-8, 1e9
    shining = (level / sensitivity.QUALITY) ** 2 / (sensitivity.photon_J(1.55e-6) * rate)
    cost = sensitivity.background_dB(shining, level, rate, 1.55e-6, Detection.DIRECT)
    assert cost == pytest.approx(5.0 * np.log10(2.0))


def test_skies_are_ordered_and_the_earth_shines_as_the_sun_lets_it() -> None:
    shine = {sky: background.radiance(sky, 1.5e-6) for sky in Sky}
    assert shine[Sky.BRIGHT] > shine[Sky.NORMAL] > shine[Sky.OVERCAST] > shine[Sky.NIGHT]
    assert shine[Sky.BRIGHT] == pytest.approx(13.01)  # ITU-R P.1621-2 Table 1
    assert background.radiance(Sky.NORMAL, 850e-9) == pytest.approx(42.58)
    # ASTM E490 has 288 W/(m2 um) at 1.5 um (recalled); a black body is a sixth below
    assert shine[Sky.EARTH] == pytest.approx(0.3 * 288.0 / np.pi, rel=0.2)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_better_air_couples_more_and_never_more_than_all(kind: coupling.Coupling) -> None:
    part = coupling.efficiency(kind, 0.4, FRIED, 30.0)
    best = 1.0 if isinstance(kind, Detector) else coupling.BEST
    assert np.all(np.diff(part) >= 0.0)
    assert np.all((part > 0.0) & (part <= best))
    steady = coupling.coherent(kind, 0.4, FRIED, 30.0)
    assert np.all((steady >= 0.0) & (steady <= 1.0))


def test_each_correction_couples_more_than_the_one_before() -> None:
    bare, tilt, full = (coupling.efficiency(kind, 0.4, FRIED, 10.0) for kind in KINDS[1:])
    assert np.all(bare < tilt) and np.all(tilt < full)
    assert bare[2] == pytest.approx(coupling.BEST / (1.0 + 4.0**2))


def test_what_corrections_leave_of_the_phase_is_as_published() -> None:
    one = np.array([0.4])

    def left(kind: coupling.Coupling, greenwood_Hz: float) -> float:
        return float(coupling.residual_rad2(kind, 0.4, one, greenwood_Hz)[0])

    assert left(TiltedFibre(), 0.0) == pytest.approx(0.134)  # Noll 1976, table IV, at D = r0
    assert left(CorrectedFibre(200.0, 0.4), 0.0) == pytest.approx(0.28)  # Hardy 1998, at pitch = r0
    assert left(CorrectedFibre(200.0, 1e-6), 200.0) == pytest.approx(1.0)  # Greenwood 1977: 1 rad at f = fG


def test_without_air_only_the_mode_mismatch_is_left() -> None:
    for kind in KINDS[1:]:
        assert coupling.efficiency(kind, 0.1, np.array([np.inf]), 0.0)[0] == pytest.approx(coupling.BEST)


def test_adaptive_optics_must_keep_up_with_the_air() -> None:
    slow, fast = (
        coupling.efficiency(CorrectedFibre(bandwidth, 0.05), 0.4, FRIED, 60.0) for bandwidth in (30.0, 300.0)
    )
    assert np.all(slow < fast)


def test_the_air_hurries_when_the_line_of_sight_sweeps_it() -> None:
    elevation = np.radians([90.0, 30.0])
    still = coupling.greenwood_Hz(1.55e-6, elevation, np.zeros(2), HV57, 0.0)
    swept = coupling.greenwood_Hz(1.55e-6, elevation, np.full(2, np.radians(1.0)), HV57, 0.0)
    # 0.134 / tau0 (Andrews and Phillips 2005, section 12.5); the notes have tau0 = 7.24 ms
    assert still[0] == pytest.approx(0.134 / 7.24e-3, rel=0.02)
    assert np.all(swept > 2.0 * still)


def test_fades_of_one_cause_are_that_causes() -> None:
    assert margin.fade_dB(Fading(), 0.01) == 0.0
    index = Fading(index=0.1, rytov=0.1)
    assert margin.fade_dB(index, 0.01) == pytest.approx(fading.depth_dB(0.1, 0.01), rel=0.02)
    jitter = Fading(width_rad=100e-6, jitter_rad=25e-6)
    exact = -10.0 * np.log10(pointing.quantile(4.0, 0.01) / pointing.mean(100e-6, 25e-6))
    assert margin.fade_dB(jitter, 0.01) == pytest.approx(float(exact), rel=0.03)


def test_fades_of_two_causes_are_less_than_their_sum_and_more_than_each() -> None:
    one, two = Fading(index=0.2, rytov=0.2), Fading(width_rad=100e-6, jitter_rad=25e-6)
    both = replace(one, width_rad=two.width_rad, jitter_rad=two.jitter_rad)
    depths = [margin.fade_dB(each, 0.01) for each in (one, two, both)]
    assert max(depths[:2]) < depths[2] < sum(depths[:2])
    assert margin.relative(both).mean() == pytest.approx(1.0, abs=0.01)


def test_pure_speckle_fades_exponentially() -> None:
    depth = margin.fade_dB(Fading(coherent=0.0), 0.01)
    assert depth == pytest.approx(-10.0 * np.log10(-np.log(0.99)), abs=0.25)
