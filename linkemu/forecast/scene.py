"""What fading hangs on, at whole seconds of UTC: geometry, day and night, on a grid of its own.

Not the samples of a view: these reach over whole segments of the drivers, however the scenario cuts a pass
and whatever step its geometry has. So two scenarios that share a second meet the same fades in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast.geometry import Pair, SUNRISE_rad
from linkemu.optics.driver import SECONDS, SEGMENT_s
from linkemu.optics.profile import NIGHT_GROUND, HufnagelValley, Profile, SubmarineLaser
from linkemu.scenario.model import Turbulence

Array = NDArray[np.float64]

UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST_rad = math.radians(5.0)  # turbulence is taken from here on (physics notes, section B5)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Arrays (n,) at whole seconds of UTC, from the second before a segment on."""

    first_segment: int
    elevation_rad: Array
    range_m: Array
    slew_radps: Array
    point_ahead_rad: Array
    night: NDArray[np.bool_]

    def rows(self, segment: int) -> slice:
        """Where the conditions of a driver's segment stand."""
        first = (segment - self.first_segment) * SEGMENT_s
        return slice(first, first + SECONDS)


def scene(pair: Pair, epoch: datetime, start_s: float, end_s: float) -> Scene:
    """The scene of a contact, reaching over every segment that it touches and the one after."""
    epoch_s = (epoch - UNIX).total_seconds()
    first = math.floor((epoch_s + start_s) / SEGMENT_s)
    last = math.floor((epoch_s + end_s) / SEGMENT_s) + 1
    t_s = np.arange(first * SEGMENT_s - 1, (last + 1) * SEGMENT_s + 1) - epoch_s
    look = pair.track.look(t_s)
    return Scene(
        first_segment=first,
        elevation_rad=np.maximum(look.elevation_rad, _LOWEST_rad),
        range_m=look.range_m,
        slew_radps=pair.track.slew_rate_radps(t_s),
        point_ahead_rad=pair.track.point_ahead_rad(t_s),
        night=pair.track.sun_elevation_rad(t_s) <= SUNRISE_rad,
    )


def profiles(settings: Turbulence) -> tuple[Profile, Profile]:
    """Profiles by day and by night."""
    if settings.model == "slc":
        return SubmarineLaser(night=False), SubmarineLaser(night=True)
    day = HufnagelValley(settings.wind_mps, settings.ground)
    return day, HufnagelValley(settings.wind_mps, min(settings.ground, NIGHT_GROUND))
