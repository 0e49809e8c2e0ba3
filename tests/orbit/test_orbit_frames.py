"""Frames: Vallado's published example, Skyfield's sidereal time, and the Earth's orientation."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from skyfield.api import load
from skyfield.sgp4lib import theta_GMST1982

from linkemu.orbit.frames import EarthOrientation, orientation, sidereal_angle, turn
from tests.orbit.cases import GROUND_CASES, PUBLISHED, case_epoch, case_id


def test_vallado_example_of_teme_to_itrf() -> None:
    case = PUBLISHED["P3-VALLADO-TEME-ITRF"]
    epoch = datetime.fromisoformat(case["utc"])
    dut1 = case["ut1_minus_utc_s"]
    earth = EarthOrientation.measured((dut1, dut1), 86400.0, (case["xp_arcsec"], case["yp_arcsec"]))
    teme_m = np.array(case["teme_km"]) * 1e3
    pef_m = turn(teme_m, sidereal_angle(epoch, np.array(0.0), earth))
    itrf_m = earth.polar_motion().T @ pef_m
    # The example's printed values hold an older precession; the case file measures 0.013 m.
    assert np.linalg.norm(itrf_m - np.array(case["itrf_km"]) * 1e3) < 0.02


def test_sidereal_time_is_skyfields() -> None:
    scale = load.timescale(builtin=True)
    epoch = datetime(2024, 5, 9, 13, 7, 11, 250000, tzinfo=UTC)
    t_s = np.linspace(0.0, 30 * 86400.0, 301)
    time = scale.utc(2024, 5, 9, 13, 7, 11.25 + t_s)
    theta, _ = theta_GMST1982(time.whole, time.ut1_fraction)
    ours = sidereal_angle(epoch, t_s, orientation(epoch, t_s[-1]))
    apart = (ours - theta + math.pi) % math.tau - math.pi
    assert np.abs(apart).max() < 1e-10  # 0.6 mm at the equator


def test_a_leap_second_is_no_jump_of_the_earth() -> None:
    epoch = datetime(2016, 12, 31, 23, 0, 0, tzinfo=UTC)
    t_s = np.arange(0.0, 7200.0, 60.0)
    rate = np.diff(np.unwrap(sidereal_angle(epoch, t_s, orientation(epoch, 7200.0)))) / 60.0
    assert np.ptp(rate) < 1e-12


def test_polar_motion_is_a_rotation_of_its_size() -> None:
    earth = EarthOrientation.measured((0.0, 0.0), 1.0, (0.2, 0.4))
    matrix = earth.polar_motion()
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-15)
    moved = np.linalg.norm(matrix @ [0.0, 0.0, 6356752.0] - [0.0, 0.0, 6356752.0])
    assert abs(moved - 6356752.0 * math.radians(math.hypot(0.2, 0.4) / 3600.0)) < 0.01
    assert np.array_equal(orientation(datetime(2024, 1, 1, tzinfo=UTC), 10.0).polar_motion(), np.eye(3))


@pytest.mark.parametrize("case", [case for case in GROUND_CASES if case["t0_utc"] < "2026"], ids=case_id)
def test_the_built_in_table_agrees_with_the_iers_bulletin(case: dict[str, Any]) -> None:
    epoch, span_s = case_epoch(case), case["duration_s"]
    table = orientation(epoch, span_s)
    start_s, end_s = np.interp([0.0, span_s], table.knot_s, table.ut1_minus_utc_s)
    assert start_s == pytest.approx(case["eop"]["ut1_minus_utc_s"], abs=0.001)
    assert end_s == pytest.approx(case["eop"]["ut1_minus_utc_end_s"], abs=0.001)
