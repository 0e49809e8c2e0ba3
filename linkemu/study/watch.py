"""One task of a study: a station watches satellites over a part of the span, second by second.

A sight is open while the satellite stands above the mask, the Sun is far enough, nothing blocks the line of
sight and the weather takes no more than the margin. Terminals, modes and acquisition don't count here:
`linkemu forecast` does them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast import start
from linkemu.forecast.geometry import SUNRISE_rad, site
from linkemu.forecast.overhead import attenuation_dB
from linkemu.forecast.skies import skies
from linkemu.orbit import passes
from linkemu.orbit.element_set import Elements
from linkemu.orbit.track import Track
from linkemu.scenario.model import Satellite, Scenario, Station
from linkemu.study import spans
from linkemu.study.spans import Spans
from linkemu.weather.station import Weather

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

ZENITH_STEP_s = 600
_LOWEST_rad = math.radians(0.5)
_SERVED_s = 60  # of open sight, that make a pass count as served
_EDGE_s = 1800  # passes are sought from so long before a part, so that none is cut at its start


@dataclass(frozen=True, slots=True)
class Task:
    """A station of a scenario over [begin_s, end_s) seconds from the epoch."""

    scenario: Scenario  # its duration is the whole study's
    epoch: datetime
    station: int
    begin_s: int
    end_s: int
    step_s: int
    margin_dB: float


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """What a station saw of a satellite in a part: spans of seconds from the epoch, and tallies."""

    station: str
    satellite: str
    visible: Spans
    open: Spans
    sun_s: int
    blocked_s: int
    dim_s: int
    passes: int  # that culminate in the part
    served: int  # of these, with a sight that was open for _SERVED_s in all


def watch(task: Task) -> list[Sights]:
    """Do a task: the sights of each satellite of the scenario."""
    station = task.scenario.stations[task.station]
    weather = _skies(task.scenario, task.epoch)[station.id]
    chosen = _chosen(task.scenario)
    return [
        _sights(task, station, satellite, elements, weather)
        for satellite, elements in zip(task.scenario.satellites, chosen, strict=True)
    ]


@lru_cache(maxsize=2)
def _skies(scenario: Scenario, epoch: datetime) -> dict[str, Weather]:
    return skies(scenario, epoch)


@lru_cache(maxsize=2)
def _chosen(scenario: Scenario) -> list[Elements]:
    return start.choose(scenario)


def _sights(
    task: Task, station: Station, satellite: Satellite, elements: Elements, weather: Weather
) -> Sights:
    begin = task.epoch + timedelta(seconds=task.begin_s - _EDGE_s)
    length_s = task.end_s - task.begin_s + 2 * _EDGE_s
    found = passes.find([elements], [site(station)], begin, length_s)
    track = Track(elements, site(station), task.epoch)
    shift = task.begin_s - _EDGE_s
    visible, opened, tally, seen, served = [], [], np.zeros(3, dtype=np.int64), 0, 0
    for one in found:
        first = max(-(-math.ceil(one.aos_s + shift) // task.step_s) * task.step_s, task.begin_s)
        last = min(math.floor(one.los_s + shift), task.end_s - 1)
        t_s = np.arange(first, last + 1, task.step_s)
        if len(t_s) == 0:
            continue
        sun, blocked, dim = _closed(task, station, satellite, track, weather, t_s.astype(np.float64))
        free = ~(sun | blocked | dim)
        tally += [
            np.count_nonzero(sun),
            np.count_nonzero(blocked & ~sun),
            np.count_nonzero(dim & ~blocked & ~sun),
        ]
        visible.append(spans.of(np.ones(len(t_s), dtype=bool), first, task.step_s))
        opened.append(spans.of(free, first, task.step_s))
        if task.begin_s <= one.tca_s + shift < task.end_s:
            seen += 1
            served += int(np.count_nonzero(free) * task.step_s >= _SERVED_s)
    sun_s, blocked_s, dim_s = (tally * task.step_s).tolist()
    return Sights(
        station.id,
        satellite.id,
        spans.union(visible),
        spans.union(opened),
        sun_s,
        blocked_s,
        dim_s,
        seen,
        served,
    )


def _closed(
    task: Task, station: Station, satellite: Satellite, track: Track, weather: Weather, t_s: Array
) -> tuple[Flags, Flags, Flags]:
    """At times (k,): too close to the Sun, blocked by cloud, dimmed beyond the margin."""
    look = track.look(t_s)
    azimuth, elevation = look.azimuth_rad, look.elevation_rad
    state = weather.along(t_s, azimuth, elevation)
    wavelength_m = satellite.terminal.wavelength_m
    loss_dB = attenuation_dB(state, np.maximum(elevation, _LOWEST_rad), wavelength_m, station.altitude_m)
    apart = track.sun_separation_rad(t_s)
    by_day = (track.sun_elevation_rad(t_s) > SUNRISE_rad) & (apart < math.radians(station.sun_exclusion_deg))
    in_light = (track.sunlit(t_s) > 0) & (math.pi - apart < satellite.terminal.sun_exclusion_rad)
    return by_day | in_light, state.blocked, loss_dB > task.margin_dB


def zenith(task: Task) -> tuple[str, Flags]:
    """The station's id, and whether cloud blocks its zenith at every step of ZENITH_STEP_s, (k,)."""
    station = task.scenario.stations[task.station]
    weather = _skies(task.scenario, task.epoch)[station.id]
    t_s = np.arange(task.begin_s, task.end_s, ZENITH_STEP_s, dtype=np.float64)
    state = weather.along(t_s, np.zeros(t_s.shape), np.full(t_s.shape, math.pi / 2.0))
    return station.id, state.blocked
