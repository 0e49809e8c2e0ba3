"""Where stations and satellites of a scenario are, for pictures: nothing of the link depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.orbit import elements
from linkemu.orbit.site import Site
from linkemu.orbit.track import Track
from linkemu.scenario.model import Scenario

_STEP_S = 60.0  # an interpolation of degree 5 is then within metres in low orbit
_CENTRE = Site("centre", 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Stations as (latitude, longitude, altitude) in deg and m; satellites Earth-fixed at ``time_s``."""

    stations: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    satellites: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # (k, 3), m
    time_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # (k,)


def of_scenario(scenario: Scenario, epoch: datetime, end_s: float) -> Places:
    """The places from the start to ``end_s``. ElementsError if a satellite isn't in its files."""
    sets = [one for path in scenario.elements for one in elements.read(path)]
    count = max(6, int(np.ceil(end_s / _STEP_S)) + 1)
    time_s = np.linspace(0.0, end_s, count)
    satellites = {}
    for satellite in scenario.satellites:
        chosen = elements.select(sets, name=satellite.name, norad=satellite.norad, at=epoch)
        satellites[satellite.id] = Track(chosen, _CENTRE, epoch).satellite_fixed_m(time_s).T
    stations = {
        station.id: (station.latitude_deg, station.longitude_deg, station.altitude_m)
        for station in scenario.stations
    }
    return Places(stations, satellites, time_s)
