"""Passes against Orekit's cases, an STK report, Skyfield's exact elevations, and a brute search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from skyfield.api import EarthSatellite, load, wgs84

from linkemu.errors import InputError
from linkemu.orbit import elements, passes
from linkemu.orbit.frames import EarthOrientation, orientation, sidereal_angle, turn
from linkemu.orbit.passes import Pass
from linkemu.orbit.site import Site
from linkemu.orbit.track import Track
from tests.orbit.cases import (
    EPOCH,
    GROUND_CASES,
    KOGANEI,
    PUBLISHED,
    STATIONS_TLE,
    case_elements,
    case_epoch,
    case_id,
    case_orientation,
    case_site,
    made,
    mean_motion,
    message,
    orbit_class,
)

WEEK_S = 7 * 86400.0
# Seconds of AOS and LOS: what the project promises, and what Earth orientation as measured gives.
PROMISED_S = {"LEO": 0.05, "MEO": 0.1, "HEO": 0.5, "GEO": 1.0}
MEASURED_S = {"LEO": 0.002, "MEO": 0.002, "HEO": 0.02, "GEO": 0.03}


def check_case(
    case: dict[str, Any], tolerance_s: float, range_m: float, eop: EarthOrientation | None
) -> None:
    satellite, site = case_elements(case["tle"]), case_site(case)
    found = passes.find([satellite], [site], case_epoch(case), case["duration_s"], eop)
    assert len(found) == case["n_passes"]
    for ours, theirs in zip(found, case["passes"], strict=True):
        assert ours.rises == (theirs["start"] == "rise") and ours.sets == (theirs["end"] == "set")
        assert ours.aos_s == pytest.approx(theirs["aos_s"], abs=tolerance_s)
        assert ours.los_s == pytest.approx(theirs["los_s"], abs=tolerance_s)
        assert ours.max_elevation_deg == pytest.approx(theirs["max_el_deg"], abs=0.002)
        if theirs["tca_s"] is not None and orbit_class(case) in ("LEO", "MEO"):  # else flat: ill conditioned
            assert ours.tca_s == pytest.approx(theirs["tca_s"], abs=tolerance_s)
            assert ours.range_at_tca_m == pytest.approx(theirs["at_tca"]["range_m"], abs=range_m)


@pytest.mark.parametrize("case", GROUND_CASES, ids=case_id)
def test_case_with_the_built_in_earth(case: dict[str, Any]) -> None:
    check_case(case, PROMISED_S[orbit_class(case)], 50.0, None)


@pytest.mark.parametrize("case", GROUND_CASES, ids=case_id)
def test_case_with_the_measured_earth(case: dict[str, Any]) -> None:
    check_case(case, MEASURED_S[orbit_class(case)], 2.0, case_orientation(case))


def test_printed_report_of_stk() -> None:
    case = PUBLISHED["P1-STK-BUGSAT1"]
    epoch = datetime(2014, 10, 23, tzinfo=UTC)
    found = passes.find([case_elements(case["tle"])], [case_site(case)], epoch, 2.3 * 86400.0)
    by_time = {round(one.tca_s / 60.0): one for one in found}
    for printed in case["passes"]:
        aos_s, tca_s, los_s = (
            (datetime.fromisoformat(printed[key]) - epoch).total_seconds() for key in ("aos", "tca", "los")
        )
        one = by_time[round(tca_s / 60.0)]
        assert one.aos_s == pytest.approx(aos_s, abs=0.01)
        assert one.tca_s == pytest.approx(tca_s, abs=0.01)
        assert one.los_s == pytest.approx(los_s, abs=0.01)
        assert one.max_elevation_deg == pytest.approx(printed["max_el_deg"], abs=0.0051)  # two digits printed


@pytest.mark.parametrize("norad", [25544, 48274])
def test_a_week_agrees_with_exact_roots_of_skyfield(norad: int) -> None:
    satellite = elements.select(elements.read(STATIONS_TLE), norad=norad)
    scale = load.timescale(builtin=True)
    sight = EarthSatellite.from_satrec(satellite.satrec, scale) - wgs84.latlon(*KOGANEI)

    def elevation_deg(t_s: Any) -> Any:
        return sight.at(scale.utc(2024, 5, 9, 0, 0, t_s)).altaz()[0].degrees

    grid_s = np.arange(0.0, WEEK_S + 1.0, 30.0)
    height = elevation_deg(grid_s)
    for mask in (10.0, 20.0):
        found = passes.find([satellite], [Site("koganei", *KOGANEI, mask)], EPOCH, WEEK_S)
        changes = np.flatnonzero((height[:-1] > mask) != (height[1:] > mask))
        roots = [brentq(lambda t: elevation_deg(t) - mask, *grid_s[i : i + 2], xtol=1e-9) for i in changes]  # noqa: B023
        assert not height[0] > mask and not height[-1] > mask
        ours = np.array([(one.aos_s, one.los_s) for one in found]).ravel()
        assert ours.shape == (len(roots),)
        assert np.abs(ours - roots).max() < 1e-4


def test_the_pass_of_the_demo() -> None:
    satellite = elements.select(elements.read(STATIONS_TLE), name="iss (zarya)")
    start = datetime(2024, 5, 10, 18, 0, tzinfo=UTC)
    (one,) = passes.find([satellite], [Site("koganei", *KOGANEI, 10.0)], start, 3600.0)
    culmination = start + timedelta(seconds=one.tca_s)
    assert abs((culmination - datetime(2024, 5, 10, 18, 51, tzinfo=UTC)).total_seconds()) < 60.0
    assert one.max_elevation_deg == pytest.approx(52.0, abs=0.5)


def orbits_of_every_kind() -> list[dict[str, Any]]:
    rng = np.random.default_rng(20240509)

    def any_plane() -> dict[str, float]:
        keys = ("RA_OF_ASC_NODE", "ARG_OF_PERICENTER", "MEAN_ANOMALY")
        return dict(zip(keys, rng.uniform(0.0, 360.0, 3).tolist(), strict=True))

    made_here = []
    for number in range(10):
        low = {"ECCENTRICITY": rng.uniform(0, 0.004), "INCLINATION": rng.uniform(0, 110)}
        made_here.append(message(number + 1, mean_motion(rng.uniform(300, 1400)), **{**any_plane(), **low}))
    for number in range(3):
        made_here.append(message(20 + number, 5.0, INCLINATION=40.0 * number, **any_plane()))
        molniya = {**any_plane(), "ECCENTRICITY": 0.74, "INCLINATION": 63.4}
        made_here.append(message(30 + number, 2.006, **molniya))
        transfer = {**any_plane(), "ECCENTRICITY": 0.729, "INCLINATION": 7.0}
        made_here.append(message(40 + number, 2.27, **transfer))
        made_here.append(message(50 + number, 1.0027, INCLINATION=6.0 * number, **any_plane()))
    return made_here


@pytest.mark.parametrize("place", [(2.0, 20.0), (-41.0, -70.0), (67.0, 120.0)])
def test_no_pass_is_missed_or_invented(place: tuple[float, float]) -> None:
    """Brute force: every 2 s, at masks from the horizon to nearly the zenith, for orbits of every kind."""
    satellites = made(orbits_of_every_kind())
    masks = (-2.0, 0.0, 10.0, 30.0, 60.0, 80.0)
    duration_s = 6 * 3600.0
    sites = [Site(f"{mask:g}", *place, 100.0, mask) for mask in masks]
    found: dict[tuple[str, str], list[Pass]] = {}
    for one in passes.find(satellites, sites, EPOCH, duration_s):
        found.setdefault((one.satellite, one.station), []).append(one)
    grid_s = np.arange(0.0, duration_s + 1.0, 2.0)
    for satellite in satellites:
        elevation_deg = np.degrees(Track(satellite, sites[0], EPOCH).look(grid_s).elevation_rad)
        for site in sites:
            ours = found.get((satellite.name, site.id), [])
            above = elevation_deg > site.mask_deg
            within = np.zeros(grid_s.shape, dtype=bool)
            for one in ours:
                # Half a grid step is the brute search's own doubt about the edges.
                within |= (grid_s >= one.aos_s) & (grid_s <= one.los_s)
            assert np.array_equal(above, within), (satellite.name, site.id)
            for one in ours:
                inside = (grid_s >= one.aos_s) & (grid_s <= one.los_s)
                if inside.any():
                    assert elevation_deg[inside].max() <= one.max_elevation_deg + 1e-4
                assert one.aos_s <= one.tca_s <= one.los_s


def test_always_in_view_is_one_clipped_pass() -> None:
    geostationary = made([message(7, 1.0027, MEAN_ANOMALY=240.0)])
    track = Track(geostationary[0], Site("x", 0.0, 0.0, 0.0, 0.0), EPOCH)
    under = np.degrees(np.arctan2(*track._line_m(np.array(0.0))[1::-1]))  # its longitude, roughly
    (one,) = passes.find(geostationary, [Site("x", 10.0, float(under), 0.0, 30.0)], EPOCH, 3 * 86400.0)
    assert (one.aos_s, one.los_s) == (0.0, 3 * 86400.0)
    assert not one.rises and not one.sets
    assert 0.0 <= one.tca_s <= one.los_s


def test_a_span_within_a_pass_cuts_it_at_both_ends() -> None:
    satellite = elements.select(elements.read(STATIONS_TLE), norad=25544)
    site = Site("koganei", *KOGANEI, 10.0)
    whole = passes.find([satellite], [site], EPOCH, WEEK_S)[3]
    start = EPOCH + timedelta(seconds=round(whole.aos_s + 30))
    (part,) = passes.find([satellite], [site], start, 20.0)
    assert (part.aos_s, part.los_s, part.rises, part.sets) == (0.0, 20.0, False, False)
    assert part.tca_s == 20.0  # still climbing
    look = Track(satellite, site, start).look(20.0)
    assert part.max_elevation_deg == pytest.approx(float(np.degrees(look.elevation_rad)), abs=1e-7)
    assert part.range_at_tca_m == pytest.approx(float(look.range_m), abs=0.01)


def test_many_at_once_find_what_each_finds_alone() -> None:
    satellites = made(orbits_of_every_kind())
    sites = [Site("a", 28.3, -16.5, 2393.0, 10.0), Site("b", 35.7, 139.5, 128.0, 35.0)]
    together = passes.find(satellites, sites, EPOCH, 43200.0)
    alone = [
        one
        for satellite in satellites
        for site in sites
        for one in passes.find([satellite], [site], EPOCH, 43200.0)
    ]
    assert len(together) == len(alone) > 50
    assert [one.aos_s for one in together] == sorted(one.aos_s for one in together)
    alone.sort(key=lambda one: (one.aos_s, one.station, one.satellite))
    for a, b in zip(together, alone, strict=True):
        assert (a.satellite, a.station, a.rises, a.sets) == (b.satellite, b.station, b.rises, b.sets)
        assert (a.aos_s, a.los_s) == pytest.approx((b.aos_s, b.los_s), abs=1e-6)


def test_a_constellation_larger_than_a_block() -> None:
    shell = made(
        [
            message(i + 1, 15.05, INCLINATION=53.0, RA_OF_ASC_NODE=i * 1.8, MEAN_ANOMALY=i * 9.0 % 360)
            for i in range(200)
        ]
    )
    found = passes.find(shell, [Site("a", 28.3, -16.5, 2393.0, 10.0)], EPOCH, 43200.0)
    last = shell[-1]
    alone = passes.find([last], [Site("a", 28.3, -16.5, 2393.0, 10.0)], EPOCH, 43200.0)
    assert [one.aos_s for one in found if one.norad_id == last.norad_id] == pytest.approx(
        [one.aos_s for one in alone]
    )
    assert len({one.norad_id for one in found}) > 96


def test_after_decay_there_are_no_passes() -> None:
    low = made([message(1, 16.3, INCLINATION=51.6, BSTAR=0.01)])
    later = EPOCH + timedelta(days=60)
    assert low[0].problem_at(EPOCH) is None
    assert low[0].problem_at(later)
    site = Site("a", 28.3, -16.5, 0.0, 0.0)
    assert passes.find(low, [site], EPOCH, 86400.0)
    assert passes.find(low, [site], later, 86400.0) == []


def test_decay_within_the_span_ends_the_passes() -> None:
    low = made([message(1, 16.3, INCLINATION=51.6, BSTAR=0.01)])[0]
    sites = [Site(f"{x} {y}", y, x, 0.0, 0.0) for x in range(-180, 180, 20) for y in range(-50, 60, 20)]
    tracks = {site.id: Track(low, site, EPOCH) for site in sites}
    grid_s = np.arange(0.0, 86400.0, 60.0)
    decay_s = grid_s[np.isnan(tracks[sites[0].id].look(grid_s).elevation_rad)][0]
    found = passes.find([low], sites, EPOCH, 86400.0)
    assert max(one.aos_s for one in found) > decay_s - 1200.0
    for one in found:
        assert one.los_s < decay_s
        look = tracks[one.station].look(one.tca_s)
        assert np.degrees(look.elevation_rad) == pytest.approx(one.max_elevation_deg, abs=1e-5)


def test_a_pass_is_cut_where_positions_end() -> None:
    """A site below the last interval whose polynomial has all its nodes, 6 minutes before the decay."""
    low = made([message(1, 16.3, INCLINATION=51.6, BSTAR=0.01)])[0]
    track = Track(low, Site("any", 0.0, 0.0, 0.0, 0.0), EPOCH)
    node_s = np.arange(0.0, 86401.0, 120.0)
    good = np.flatnonzero(np.isfinite(track.look(node_s).range_m))
    end_s = node_s[good[-1] - 3]
    earth = orientation(EPOCH, 86400.0)
    x, y, z = turn(track.satellite_inertial_m(end_s - 10.0), sidereal_angle(EPOCH, end_s - 10.0, earth))
    below = Site("below", np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x)), 0.0, 5.0)
    last = passes.find([low], [below], EPOCH, 86400.0)[-1]
    assert (last.los_s, last.rises, last.sets) == (end_s, True, False)
    assert last.tca_s == pytest.approx(end_s - 10.0, abs=2.0)


def test_nothing_to_look_for_or_nowhere_to_look() -> None:
    satellites = made([message(1, 15.0)])
    assert passes.find([], [Site("a", 0, 0, 0, 0)], EPOCH, 60.0) == []
    assert passes.find(satellites, [], EPOCH, 60.0) == []


@pytest.mark.parametrize("duration_s", [0.0, -5.0, float("nan"), float("inf")])
def test_a_span_must_have_a_length(duration_s: float) -> None:
    with pytest.raises(InputError, match="duration"):
        passes.find(made([message(1, 15.0)]), [Site("a", 0, 0, 0, 0)], EPOCH, duration_s)
