"""Geometry of each pair over the scenario: passes, samples at whole seconds of UTC, delay, Sun, mount turns.

The only file of the forecast that asks orbit/. Samples lie on whole seconds of UTC and reach a little beyond
each pass, so that they don't depend on the start of the scenario.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast.spans import Span, positive
from linkemu.link.timeline import Cause
from linkemu.machine import Direction
from linkemu.optics import mount
from linkemu.orbit import passes
from linkemu.orbit.element_set import Elements
from linkemu.orbit.passes import Pass
from linkemu.orbit.site import Site
from linkemu.orbit.track import Track
from linkemu.scenario.model import Satellite, Scenario, Station

Array = NDArray[np.float64]

LEAD_s = 3600.0  # passes are sought from so long before the scenario, so that none is cut at its start
_HIGH_s, _FOLLOW_s = (-300.0, 300.0), 0.1  # where a keyhole is sought, around culmination
_LOW_deg, _FEWEST = 45.0, 16  # it isn't in low or short passes
_PAD_s = 6.0  # samples and delays reach so far beyond a pass
SUNRISE_rad = math.radians(-0.833)  # refraction and semi-diameter (Meeus, Astronomical Algorithms, ch. 15)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One pass of one pair with its samples, all (k,), in scenario seconds; it may begin before 0."""

    aos_s: float
    tca_s: float
    los_s: float
    max_elevation_deg: float
    t_s: Array
    azimuth_rad: Array
    elevation_rad: Array
    range_m: Array
    range_rate_mps: Array
    slew_radps: Array
    point_ahead_rad: Array
    night: NDArray[np.bool_]
    light_s: dict[Direction, Array]  # one-way light time of light that leaves at t_s
    step_s: float  # between samples; a second holds a whole number of them
    sun: list[Span]  # exclusion at either end
    keyhole: list[Span]  # when the mount on the ground can't follow
    eclipse: list[tuple[float, float]]  # when the Earth hides the Sun from the satellite

    @property
    def whole(self) -> slice:
        """The samples at whole seconds of UTC."""
        return slice(None, None, round(1.0 / self.step_s))

    def delay_s(self, t_s: float, direction: Direction) -> float:
        """One-way light time at a time, linear between the samples (50 ns in low orbit)."""
        return float(np.interp(t_s, self.t_s, self.light_s[direction]))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A station, a satellite and all their passes in the scenario."""

    number: int
    station: Station
    satellite: Satellite
    track: Track
    passes: tuple[Pass, ...]
    views: tuple[View, ...]

    @property
    def eclipses(self) -> list[tuple[float, float]]:
        """When the Earth hides the Sun from the satellite, during the passes."""
        return [(round(start, 3), round(end, 3)) for view in self.views for start, end in view.eclipse]

    @property
    def names(self) -> tuple[str, str]:
        return self.station.id, self.satellite.id


def site(station: Station) -> Site:
    """The place of a station, as orbit/ wants it."""
    where = (station.latitude_deg, station.longitude_deg, station.altitude_m)
    return Site(station.id, *where, station.mask_deg)


def seek(scenario: Scenario, chosen: Sequence[Elements], epoch: datetime, duration_s: float) -> list[Pass]:
    """Passes of the chosen elements over all stations, named by the scenario's ids, times from ``epoch``."""
    named = [
        replace(elements, name=satellite.id)
        for elements, satellite in zip(chosen, scenario.satellites, strict=True)
    ]
    return passes.find(named, [site(station) for station in scenario.stations], epoch, duration_s)


def pairs(scenario: Scenario, chosen: Sequence[Elements], epoch: datetime, step_s: float = 1.0) -> list[Pair]:
    """Every station with every satellite, numbered in the order of the scenario; some have no pass."""
    early = epoch - timedelta(seconds=LEAD_s)
    late = [
        _shifted(each, LEAD_s) for each in seek(scenario, chosen, early, scenario.duration_s + 2 * LEAD_s)
    ]
    result: list[Pair] = []
    for station in scenario.stations:
        for satellite, elements in zip(scenario.satellites, chosen, strict=True):
            track = Track(elements, site(station), epoch)
            mine = tuple(
                each
                for each in late
                if (each.station, each.satellite) == (station.id, satellite.id)
                and each.los_s > 0.0
                and each.aos_s < scenario.duration_s
            )
            views = tuple(_view(each, station, satellite, track, scenario, step_s) for each in mine)
            result.append(Pair(len(result), station, satellite, track, mine, views))
    return result


def _shifted(one: Pass, by_s: float) -> Pass:
    return replace(one, aos_s=one.aos_s - by_s, tca_s=one.tca_s - by_s, los_s=one.los_s - by_s)


def _view(
    one: Pass, station: Station, satellite: Satellite, track: Track, scenario: Scenario, step_s: float
) -> View:
    start_s, end_s = max(one.aos_s, 0.0) - _PAD_s, min(one.los_s, scenario.duration_s) + _PAD_s
    within_s = track.epoch.microsecond * 1e-6  # of a second of UTC, at the epoch
    first, last = math.floor(start_s + within_s), math.ceil(end_s + within_s)
    t_s: Array = first + np.arange(round((last - first) / step_s) + 1, dtype=np.float64) * step_s - within_s
    look = track.look(t_s)
    return View(
        aos_s=one.aos_s,
        tca_s=one.tca_s,
        los_s=one.los_s,
        max_elevation_deg=one.max_elevation_deg,
        t_s=t_s,
        azimuth_rad=look.azimuth_rad,
        elevation_rad=look.elevation_rad,
        range_m=look.range_m,
        range_rate_mps=look.range_rate_mps,
        slew_radps=track.slew_rate_radps(t_s),
        point_ahead_rad=track.point_ahead_rad(t_s),
        night=track.sun_elevation_rad(t_s) <= SUNRISE_rad,
        light_s={direction: track.light_time(t_s, direction) for direction in Direction},
        step_s=step_s,
        sun=_sun(track, t_s, station, satellite),
        keyhole=_keyhole(one, station, track, scenario.acquisition.spin_up_s),
        eclipse=_eclipse(track, t_s),
    )


def _keyhole(one: Pass, station: Station, track: Track, spin_up_s: float) -> list[Span]:
    """When the mount on the ground can't follow, close to the zenith; foreseen, on a grid of its own."""
    rate = station.terminal.slew_radps
    t_s = np.arange(_HIGH_s[0], _HIGH_s[1], _FOLLOW_s) + one.tca_s
    t_s = t_s[(t_s >= one.aos_s) & (t_s <= one.los_s)]
    if one.max_elevation_deg < _LOW_deg or len(t_s) < _FEWEST:
        return []
    hole = mount.keyhole(t_s, track.look(t_s).azimuth_rad, rate, rate / spin_up_s)
    return [] if hole is None else [Span(*hole, Cause.KEYHOLE)]


def _eclipse(track: Track, t_s: Array) -> list[tuple[float, float]]:
    """Stretches without direct sunlight on the satellite, to the nearest sample."""
    dark = np.concatenate([[False], np.asarray(track.sunlit(t_s)) == 0, [False]])
    edges = np.flatnonzero(dark[1:] != dark[:-1])
    return [
        (float(t_s[first]), float(t_s[stop - 1])) for first, stop in zip(edges[::2], edges[1::2], strict=True)
    ]


def _sun(track: Track, t_s: Array, station: Station, satellite: Satellite) -> list[Span]:
    """When the Sun stands too close to the line of sight, seen from either end.

    No exclusion on the ground by night, nor in orbit while the Sun is hidden by the Earth. The Sun is so far
    that both ends see it in the same direction.
    """
    apart_rad = track.sun_separation_rad(t_s)
    up = track.sun_elevation_rad(t_s) > SUNRISE_rad
    lit = track.sunlit(t_s) > 0
    ground_rad = np.where(up, math.radians(station.sun_exclusion_deg) - apart_rad, -1.0)
    orbit_rad = np.where(lit, satellite.terminal.sun_exclusion_rad - (math.pi - apart_rad), -1.0)
    return positive(t_s, np.maximum(ground_rad, orbit_rad), Cause.SUN)


def delay_segments(pair: Pair, direction: Direction, length_s: float) -> tuple[NDArray[np.int64], Array]:
    """Delay polynomials of all passes: starts in ns (m,), coefficients (m, 8), padded around each pass."""
    starts, coefficients = [np.zeros(0, np.int64)], [np.zeros((0, 8))]
    for view in pair.views:
        start_s = float(view.t_s[0])
        if len(starts[-1]):  # passes that all but touch share a segment
            start_s = max(start_s, float(starts[-1][-1]) * 1e-9 + length_s)
        if start_s < view.t_s[-1]:
            segments = pair.track.delay_polynomials(start_s, float(view.t_s[-1]), direction, length_s)
            starts.append(segments[0])
            coefficients.append(segments[1])
    # a picosecond's thousandth: far below the fit, far above the last bit of another machine
    return np.concatenate(starts), np.concatenate(coefficients).round(15).astype(np.float64)


def pointing(pair: Pair, t_s: float) -> Array:
    """Earth-fixed unit vector from the station to the satellite, shape (3,)."""
    look = pair.track.look(np.array([t_s]))
    azimuth, elevation = float(look.azimuth_rad[0]), float(look.elevation_rad[0])
    level = math.cos(elevation)
    local = np.array([level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation)])
    return local @ site(pair.station).axes()


def turn_s(name: str, before: Pair | None, to: Pair, left_s: float, begins_s: float) -> float:
    """Seconds in which a terminal turns from the pair that it left to the pair that begins.

    A parked mount looks at the zenith (in orbit: along the station's zenith, which is at least as far as the
    nadir); both directions are taken Earth-fixed, as the ends lie minutes apart at most when it matters.
    Within one pass a mount keeps tracking, whatever interrupts the light.
    """
    if before is to and any(view.aos_s <= left_s and begins_s <= view.los_s for view in to.views):
        return 0.0
    terminal = to.station.terminal if name == to.station.id else to.satellite.terminal
    target = pointing(to, begins_s)
    park = site(to.station).axes()[2]
    origin = park if before is None else pointing(before, left_s)
    angle = math.acos(max(-1.0, min(1.0, float(origin @ target))))
    return angle / terminal.slew_radps
