"""The Sun's formula against a published example, and shadows and sights against Orekit's events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from linkemu.orbit import isl, shadow, sun
from linkemu.orbit.shadow import Illumination
from linkemu.orbit.site import EQUATOR_M, POLE_M, Site
from linkemu.orbit.track import Track
from tests.orbit.cases import (
    GROUND_CASES,
    ISL_CASES,
    case_elements,
    case_epoch,
    case_id,
    case_site,
)


def test_meeus_example_25a() -> None:
    """1992 October 13 at 0h TD: apparent right ascension 198.38083, declination -7.78507 degrees."""
    epoch = datetime(1992, 10, 13, tzinfo=UTC)
    x, y, z = sun.position_m(epoch, np.array(-69.184))  # the formula adds TT - UTC
    distance_m = np.linalg.norm([x, y, z])
    assert distance_m / sun.ASTRONOMICAL_UNIT_M == pytest.approx(0.99766, abs=1e-5)
    assert np.degrees(np.arcsin(z / distance_m)) == pytest.approx(-7.78507, abs=2e-4)
    # TEME's mean equinox is up to 0.0044 deg from the true one of the example.
    assert np.degrees(np.arctan2(y, x)) % 360.0 == pytest.approx(198.38083, abs=0.0046)


EVENTS = {
    "umbra_entry": (0, 1.0),
    "umbra_exit": (0, -1.0),
    "penumbra_entry": (1, 1.0),
    "penumbra_exit": (1, -1.0),
}


@pytest.mark.parametrize("case", [case for case in GROUND_CASES if case["eclipse_events"]], ids=case_id)
def test_eclipses_of_orekit(case: dict[str, Any]) -> None:
    track = Track(case_elements(case["tle"]), case_site(case), case_epoch(case))

    def depth(t_s: float, which: int) -> float:
        at = np.array(t_s)
        return float(shadow.depths(track.satellite_inertial_m(at), sun.position_m(track.epoch, at))[which])

    for event in case["eclipse_events"]:
        which, sign = EVENTS[event["event"]]
        before, after = event["t_s"] - 1.5, event["t_s"] + 1.5
        assert sign * depth(before, which) < 0.0 < sign * depth(after, which), event
        assert abs(brentq(depth, before, after, args=(which,)) - event["t_s"]) < 1.5


def test_states_of_light_follow_each_other() -> None:
    case = next(case for case in GROUND_CASES if case["id"] == "G01-iss26-tenerife")
    track = Track(case_elements(case["tle"]), case_site(case), case_epoch(case))
    entry, umbra, leaving, light = (event["t_s"] for event in case["eclipse_events"][:4])
    times = [entry - 2, (entry + umbra) / 2, (umbra + leaving) / 2, (leaving + light) / 2, light + 2]
    expected = [Illumination[name] for name in ("SUNLIT", "PENUMBRA", "UMBRA", "PENUMBRA", "SUNLIT")]
    assert track.sunlit(np.array(times)).tolist() == expected
    assert track.sunlit(times[2]) == Illumination.UMBRA


def test_no_position_no_light() -> None:
    nowhere = np.full((3, 2), np.nan)
    assert shadow.illumination(nowhere, np.ones((3, 2)) * 1e11).tolist() == [Illumination.UNKNOWN] * 2


def test_separation_is_exact_near_its_ends() -> None:
    a = np.array([1.0, 0.0, 0.0])
    tiny = np.array([np.cos(1e-9), np.sin(1e-9), 0.0])
    assert shadow.separation(a, tiny) == pytest.approx(1e-9, rel=1e-6)
    assert shadow.separation(a, -tiny) == pytest.approx(np.pi - 1e-9, abs=1e-15)
    assert shadow.separation(a, 7.0 * np.array([0.0, 0.0, 2.0])) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("case", ISL_CASES, ids=case_id)
def test_sights_between_satellites_of_orekit(case: dict[str, Any]) -> None:
    site, epoch = Site("unused", 0.0, 0.0, 0.0, 0.0), case_epoch(case)
    a, b = (Track(case_elements(case[end]["tle"]), site, epoch) for end in ("a", "b"))

    def clearance(t_s: Any) -> Any:
        at = np.asarray(t_s, dtype=float)
        ends = a.satellite_inertial_m(at), b.satellite_inertial_m(at)
        return isl.clearance_m(*ends, case["skimming_altitude_km"] * 1e3)

    for event in case["events"]:
        sign = 1.0 if event["event"] == "los_begin" else -1.0
        around = sign * clearance([event["t_s"] - 0.05, event["t_s"] + 0.05])
        assert around[0] < 0.0 < around[1], event
    for sample in case["samples"]:
        at = np.array(sample["t_s"])
        range_m = np.linalg.norm(a.satellite_inertial_m(at) - b.satellite_inertial_m(at))
        assert range_m == pytest.approx(sample["range_m"], abs=1.0)


def test_sight_ends_at_the_satellites() -> None:
    near, far = np.array([EQUATOR_M + 500e3, 0.0, 0.0]), np.array([EQUATOR_M + 900e3, 0.0, 0.0])
    assert isl.clearance_m(near, far, 0.0) == pytest.approx(500e3)
    assert isl.clearance_m(near, -far, 0.0) == pytest.approx(-EQUATOR_M)
    over_pole = np.array([1e7, 0.0, POLE_M + 1.0]), np.array([-1e7, 0.0, POLE_M + 1.0])
    assert 0.0 < isl.clearance_m(*over_pole, 0.0) < 1.1
