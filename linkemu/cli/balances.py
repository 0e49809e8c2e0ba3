"""Budgets for the command line: from a scenario or from presets to places, and as tables or as a document.

The arithmetic is forecast.balance's. A case is one pair of terminals at some places, a result its two
directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu import scenario as scenarios
from linkemu.errors import InputError
from linkemu.forecast import geometry, scene, start
from linkemu.forecast.balance import Balance, Places, balance, circular
from linkemu.machine import Direction
from linkemu.optics import atmosphere
from linkemu.optics.background import Sky
from linkemu.optics.budget import Air, Form
from linkemu.orbit.track import Track
from linkemu.scenario import build, presets
from linkemu.scenario.complaints import nearest
from linkemu.scenario.model import Terminal, Turbulence
from linkemu.scenario.terminal_shape import TerminalTable
from linkemu.units import format_length, length_m

USUAL_DEG = 30.0
LOWEST_DEG = 10  # over a pass; below it the model isn't trusted


@dataclass(frozen=True, slots=True)
class Weather:
    """What the user says of the air; ``sky`` None goes by the Sun."""

    visibility_m: float
    cirrus: float  # vertical optical depth
    rain_mmph: float
    sky: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A pair at some places."""

    title: str
    ground: Terminal
    space: Terminal
    altitude_m: float
    places: Places
    turbulence: Turbulence
    night: bool


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Both directions of a case."""

    case: Case
    outage: float
    sides: dict[Direction, Balance]


def of_scenario(
    path: Path, station: str | None, satellite: str | None, elevation_deg: float | None, *, over_pass: bool
) -> Case:
    """A pair of a scenario, at the highest pass that touches it."""
    read = scenarios.load(path)
    ground = _one("--station", station, {each.id: each for each in read.stations})
    orbiter = _one("--satellite", satellite, {each.id: each for each in read.satellites})
    chosen = start.choose(read)
    epoch = start.epoch(read, chosen)
    found = [
        each
        for each in geometry.seek(read, chosen, epoch, read.duration_s)
        if (each.station, each.satellite) == (ground.id, orbiter.id)
    ]
    if not found:
        raise InputError(str(path), f"{orbiter.id} doesn't rise over {ground.id} in this scenario")
    best = max(found, key=lambda each: each.max_elevation_deg)
    elements = chosen[read.satellites.index(orbiter)]
    track = Track(elements, geometry.site(ground), epoch)
    t_s = _times(track, best.aos_s, best.tca_s, best.los_s, elevation_deg, over_pass=over_pass)
    look = track.look(t_s)
    turning = (track.slew_rate_radps(t_s), track.point_ahead_rad(t_s))
    places = Places(look.elevation_rad, look.range_m, *turning)
    night = bool(track.sun_elevation_rad(t_s)[0] <= geometry.SUNRISE_rad)
    title = f"{orbiter.id} ({orbiter.terminal.id}) over {ground.id} ({ground.terminal.id})"
    return Case(title, ground.terminal, orbiter.terminal, ground.altitude_m, places, read.turbulence, night)


def of_presets(
    ground: str,
    space: str,
    site: str | None,
    orbit_m: float,
    elevation_deg: float | None,
    *,
    over_pass: bool,
) -> Case:
    """Two preset terminals and a circular orbit through the zenith."""
    altitude_m = 0.0
    if site is not None:
        row = _one("--site", site, presets.stations())
        altitude_m = length_m(row["altitude"])
    ends = [_preset(option, name) for option, name in (("--ground", ground), ("--space", space))]
    degrees = [elevation_deg or USUAL_DEG]
    if over_pass:
        degrees = [float(each) for each in range(LOWEST_DEG, 91, 10)]
    places = circular(np.radians(np.array(degrees)), orbit_m, altitude_m)
    where = f"{space} at {format_length(orbit_m)} over {ground}"
    title = where if site is None else f"{where}, {site}"
    return Case(title, ends[0], ends[1], altitude_m, places, Turbulence(), night=False)


def result(case: Case, weather: Weather, outage: float, *, gain: bool) -> Result:
    """Both directions of a case in this weather."""
    sky = Sky(weather.sky) if weather.sky else (Sky.NIGHT if case.night else Sky.NORMAL)
    day, night = scene.profiles(case.turbulence)
    elevation = case.places.elevation_rad
    air = Air(
        altitude_m=case.altitude_m,
        visibility_km=weather.visibility_m / 1e3,
        profile=night if sky is Sky.NIGHT else day,
        cloud_dB=atmosphere.layer_dB(weather.cirrus) * atmosphere.airmass(atmosphere.apparent(elevation)),
        rain_mmph=weather.rain_mmph,
    )
    form = Form.GAIN if gain else Form.BUCKET
    seen = {Direction.DOWN: sky, Direction.UP: Sky.NIGHT if sky is Sky.NIGHT else Sky.EARTH}
    ends = {Direction.UP: (case.ground, case.space), Direction.DOWN: (case.space, case.ground)}
    sides = {
        direction: balance(
            direction,
            *ends[direction],
            case.places,
            air,
            seen[direction],
            outage,
            settings=case.turbulence,
            form=form,
        )
        for direction in Direction
    }
    return Result(case, outage, sides)


def _times(
    track: Track, aos_s: float, tca_s: float, los_s: float, elevation_deg: float | None, *, over_pass: bool
) -> NDArray[np.float64]:
    """Times of the places: culmination, an elevation on the way up (or down), or every ten degrees."""
    grid = np.linspace(aos_s, los_s, 2001)
    degrees = np.degrees(track.look(grid).elevation_rad)
    if not over_pass and elevation_deg is None:
        return np.array([tca_s])
    wanted = range(LOWEST_DEG, 91, 10) if over_pass else [elevation_deg]
    crossings = [_crossing(grid, degrees, float(each)) for each in wanted if each is not None]
    times = sorted([t for found in crossings for t in (found if over_pass else found[:1])])
    if over_pass:
        return np.array(sorted([*times, tca_s]))
    if not times:
        low, high = degrees.min(), degrees.max()
        raise InputError("--elevation", f"the pass goes from {low:.1f} to {high:.1f} degrees")
    return np.array(times)


def _crossing(t_s: NDArray[np.float64], degrees: NDArray[np.float64], level: float) -> list[float]:
    above = degrees >= level
    left = np.flatnonzero(above[1:] != above[:-1])
    share = (level - degrees[left]) / (degrees[left + 1] - degrees[left])
    return (t_s[left] + share * (t_s[left + 1] - t_s[left])).tolist()  # type: ignore[no-any-return]


def _one(option: str, name: str | None, known: dict[str, Any]) -> Any:
    if name is None:
        return next(iter(known.values()))
    if name not in known:
        raise InputError(option, f'no "{name}", {nearest(name, known)}')
    return known[name]


def _preset(option: str, name: str) -> Terminal:
    return build.terminal(TerminalTable.model_validate(_one(option, name, presets.terminals())))
