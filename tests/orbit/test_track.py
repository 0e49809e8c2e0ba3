"""Tracks against Orekit's samples and Skyfield; light time and its polynomials against their definitions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skyfield.api import EarthSatellite, load, wgs84

from linkemu.machine import Direction
from linkemu.orbit import elements, light, passes
from linkemu.orbit.element_set import julian
from linkemu.orbit.frames import orientation, sidereal_angle, turn
from linkemu.orbit.light import SPEED_OF_LIGHT_MPS
from linkemu.orbit.site import Site
from linkemu.orbit.track import Track
from tests.orbit.cases import (
    EPOCH,
    GROUND_CASES,
    KOGANEI,
    STATIONS_TLE,
    case_elements,
    case_epoch,
    case_id,
    case_orientation,
    case_site,
    made,
    message,
    orbit_class,
)

SITE = Site("koganei", *KOGANEI, 10.0)
ISS = elements.select(elements.read(STATIONS_TLE), norad=25544)


def sampled(case: dict[str, Any], key: str) -> np.ndarray:
    return np.array([sample[key] for one in case["passes"] for sample in one["samples"]])


def check_look(case: dict[str, Any], track: Track, angle_deg: float, range_m: float) -> None:
    t_s = sampled(case, "t_s")
    look = track.look(t_s)
    turned_deg = (np.degrees(look.azimuth_rad) - sampled(case, "az_deg") + 180.0) % 360.0 - 180.0
    assert np.abs(turned_deg * np.cos(look.elevation_rad)).max() < angle_deg
    assert np.abs(np.degrees(look.elevation_rad) - sampled(case, "el_deg")).max() < angle_deg
    assert np.abs(look.range_m - sampled(case, "range_m")).max() < range_m
    # Orekit has SGP4's velocity, which is not quite the derivative of its position; times are to 1 ms.
    rate_mps = {"LEO": 0.2, "MEO": 0.2, "GEO": 0.2, "HEO": 3.0}[orbit_class(case)]
    assert np.abs(look.range_rate_mps - sampled(case, "range_rate_mps")).max() < rate_mps


@pytest.mark.parametrize("case", [case for case in GROUND_CASES if case["passes"]], ids=case_id)
def test_look_angles_and_sun_of_orekit(case: dict[str, Any]) -> None:
    satellite, site, epoch = case_elements(case["tle"]), case_site(case), case_epoch(case)
    track = Track(satellite, site, epoch)
    check_look(case, track, 0.005, 50.0)
    check_look(case, Track(satellite, site, epoch, case_orientation(case)), 0.0002, 2.0)
    t_s = sampled(case, "t_s")
    assert np.abs(np.degrees(track.sun_separation_rad(t_s)) - sampled(case, "sun_sep_deg")).max() < 0.02
    assert np.abs(np.degrees(track.sun_elevation_rad(t_s)) - sampled(case, "sun_el_deg")).max() < 0.02


@pytest.mark.parametrize("case", GROUND_CASES, ids=case_id)
def test_states_of_orekit(case: dict[str, Any]) -> None:
    epoch, earth = case_epoch(case), case_orientation(case)
    track = Track(case_elements(case["tle"]), case_site(case), epoch, earth)
    for state in case["states"]:
        t_s = np.array(state["t_s"])
        teme_m = track.satellite_inertial_m(t_s)
        itrf_m = earth.polar_motion().T @ turn(teme_m, sidereal_angle(epoch, t_s, earth))
        assert np.linalg.norm(teme_m - state["teme_m"]) < 0.05
        # IAU 1982 sidereal time against IERS 2010: 0.03 arcseconds, the more metres the higher.
        assert np.linalg.norm(itrf_m - state["itrf_m"]) < 2e-7 * np.linalg.norm(teme_m)


@pytest.mark.parametrize("norad", [25544, 49271])
def test_elevation_and_range_are_skyfields(norad: int) -> None:
    satellite = elements.select(elements.read(STATIONS_TLE), norad=norad)
    scale = load.timescale(builtin=True)
    sight = EarthSatellite.from_satrec(satellite.satrec, scale) - wgs84.latlon(*KOGANEI)
    t_s = np.linspace(0.0, 7 * 86400.0, 200)
    elevation, azimuth, distance = sight.at(scale.utc(2024, 5, 9, 0, 0, t_s)).altaz()
    look = Track(satellite, SITE, EPOCH).look(t_s)
    assert np.abs(np.degrees(look.elevation_rad) - elevation.degrees).max() < 1e-6
    assert np.abs((look.azimuth_rad - azimuth.radians) * np.cos(look.elevation_rad)).max() < 1e-7
    assert np.abs(look.range_m - distance.m).max() < 0.05


def test_answers_have_the_shape_of_the_times() -> None:
    track = Track(ISS, SITE, EPOCH)
    t_s = np.arange(6.0).reshape(2, 3) * 1000.0
    look = track.look(t_s)
    assert look.azimuth_rad.shape == look.range_rate_mps.shape == (2, 3)
    assert track.light_time(t_s, Direction.UP).shape == track.sunlit(t_s).shape == (2, 3)
    assert track.sun_separation_rad(t_s).shape == track.slew_rate_radps(t_s).shape == (2, 3)
    assert float(track.look(4000.0).range_m) == look.range_m[1, 1]


def test_no_position_is_nan() -> None:
    decaying = made([message(1, 16.3, INCLINATION=51.6, BSTAR=0.01)])[0]
    track = Track(decaying, SITE, EPOCH + timedelta(days=60))
    assert np.isnan(track.look(0.0).elevation_rad)
    assert np.isnan(track.light_time(0.0, Direction.DOWN))
    # SGP4 still gives numbers for what has just decayed, with error 6: they are no position.
    error, position_km, _ = decaying.satrec.sgp4(*julian(EPOCH + timedelta(hours=19)))
    assert error == 6 and np.isfinite(position_km).all()
    assert np.isnan(Track(decaying, SITE, EPOCH).look(19 * 3600.0).range_m)


def test_range_rate_is_the_derivative_of_the_range() -> None:
    molniya = made([message(1, 2.006, ECCENTRICITY=0.74, INCLINATION=63.4, ARG_OF_PERICENTER=270.0)])[0]
    track = Track(molniya, SITE, EPOCH)
    t_s = np.linspace(0.0, 86400.0, 500)
    travelled_m = track.look(t_s + 1.0).range_m - track.look(t_s - 1.0).range_m
    assert np.abs(track.look(t_s).range_rate_mps - travelled_m / 2.0).max() < 0.05


@given(st.floats(0.0, 7 * 86400.0))
@settings(max_examples=50, deadline=None)
def test_light_meets_the_other_end_where_it_will_be(t_s: float) -> None:
    earth = orientation(EPOCH, 8 * 86400.0)
    track = Track(ISS, SITE, EPOCH, earth)

    def ground_m(at_s: float) -> np.ndarray:
        return turn(SITE.position_m(), -sidereal_angle(EPOCH, np.array(at_s), earth))

    up_s = float(track.light_time(t_s, Direction.UP))
    flight_m = np.linalg.norm(track.satellite_inertial_m(np.array(t_s + up_s)) - ground_m(t_s))
    assert abs(flight_m / SPEED_OF_LIGHT_MPS - up_s) < 1e-14
    down_s = float(track.light_time(t_s, Direction.DOWN))
    flight_m = np.linalg.norm(track.satellite_inertial_m(np.array(t_s)) - ground_m(t_s + down_s))
    assert abs(flight_m / SPEED_OF_LIGHT_MPS - down_s) < 1e-14
    # Both are the geometric range over c but for the motion during the flight.
    assert max(abs(up_s - down_s), abs(up_s - float(track.look(t_s).range_m) / SPEED_OF_LIGHT_MPS)) < 3e-6


def evaluated(start_ns: np.ndarray, coefficients: np.ndarray, length_s: float, t_s: np.ndarray) -> np.ndarray:
    segment = np.searchsorted(start_ns * 1e-9, t_s, side="right") - 1
    u = (t_s - start_ns[segment] * 1e-9) / length_s
    return sum(coefficients[segment, k] * u**k for k in range(8))


@pytest.mark.parametrize("direction", list(Direction))
def test_delay_polynomials_hold_the_light_time(direction: Direction) -> None:
    case = next(case for case in GROUND_CASES if case["id"] == "G01-iss26-tenerife")  # culminates at 89.9 deg
    satellite, site, epoch = case_elements(case["tle"]), case_site(case), case_epoch(case)
    one = passes.find([satellite], [site], epoch, case["duration_s"])[0]
    track = Track(satellite, site, epoch)
    start_ns, coefficients = track.delay_polynomials(one.aos_s, one.los_s, direction)
    assert coefficients.shape == (len(start_ns), 8)
    assert start_ns.dtype == np.int64 and set(np.diff(start_ns)) == {10_000_000_000}
    assert start_ns[0] * 1e-9 <= one.aos_s and (start_ns[-1] + 10_000_000_000) * 1e-9 >= one.los_s
    t_s = np.linspace(one.aos_s, one.los_s, 2003)
    error_s = evaluated(start_ns, coefficients, 10.0, t_s) - track.light_time(t_s, direction)
    assert np.abs(error_s).max() < 1e-12


def test_delay_polynomials_of_a_line_are_that_line() -> None:
    start_ns, coefficients = light.polynomials(lambda t: 1.0 + 2.0 * t, 5.0, 5.5, 10.0)
    assert start_ns.tolist() == [5_000_000_000]
    assert coefficients[0] == pytest.approx([11.0, 20.0, 0, 0, 0, 0, 0, 0], abs=1e-8)


def test_slew_and_point_ahead_are_those_of_the_orbit() -> None:
    one = max(passes.find([ISS], [SITE], EPOCH, 86400.0 * 7), key=lambda each: each.max_elevation_deg)
    track = Track(ISS, SITE, EPOCH)
    t_s = np.linspace(one.aos_s, one.los_s, 200)
    # The table of docs/geometry.md: at most 1 deg/s at the zenith, 19 to 50 microradians for the ISS.
    assert 0.8 < np.degrees(track.slew_rate_radps(t_s).max()) < 1.1
    ahead = track.point_ahead_rad(t_s)
    assert 15e-6 < ahead.min() < ahead.max() < 51e-6
    look = track.look(t_s)
    east, north, up = (
        np.cos(look.elevation_rad) * np.sin(look.azimuth_rad),
        np.cos(look.elevation_rad) * np.cos(look.azimuth_rad),
        np.sin(look.elevation_rad),
    )
    turned = np.linalg.norm(np.diff([east, north, up], axis=1), axis=0).sum()
    assert np.trapezoid(track.slew_rate_radps(t_s), t_s) == pytest.approx(turned, rel=1e-3)
