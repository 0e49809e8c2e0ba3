"""Passes: when a satellite stands above the mask of a site, between the start and the end of a span.

This file is the door and the record; search.py does the finding, for whole constellations at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from linkemu.errors import InputError
from linkemu.orbit import search
from linkemu.orbit.element_set import Elements
from linkemu.orbit.frames import EarthOrientation, orientation
from linkemu.orbit.site import Site


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass. Times in seconds since the epoch of the search; elevation geometric (no refraction)."""

    satellite: str
    norad_id: str
    station: str
    aos_s: float
    tca_s: float  # of the highest elevation within the pass
    los_s: float
    max_elevation_deg: float
    range_at_tca_m: float
    rises: bool  # False: above the mask when the span, or SGP4's positions, begin
    sets: bool  # False: above the mask when the span, or SGP4's positions, end

    @property
    def duration_s(self) -> float:
        return self.los_s - self.aos_s


def find(
    satellites: Sequence[Elements],
    sites: Sequence[Site],
    epoch: datetime,
    duration_s: float,
    eop: EarthOrientation | None = None,
) -> list[Pass]:
    """All passes of the satellites over the sites from ``epoch`` (aware) on, by time of rising.

    A pass that the span cuts is clipped, and says so. Where SGP4 gives no position (decayed), and up to ten
    minutes before, there is no pass; ``Elements.problem_at`` tells why. ``eop`` replaces the built-in table
    of the Earth's rotation.
    """
    if not (math.isfinite(duration_s) and duration_s > 0.0):
        raise InputError("duration", f"{duration_s:g} s, expected more than 0 s")
    earth = eop if eop is not None else orientation(epoch, duration_s)
    found = search.contacts([one.satrec for one in satellites], sites, epoch, duration_s, earth)
    rows = zip(*(column.tolist() for column in found), strict=True)
    passes = [
        Pass(
            satellites[satellite].name,
            satellites[satellite].norad_id,
            sites[site].id,
            aos_s,
            tca_s,
            los_s,
            math.degrees(elevation_rad),
            range_m,
            rises,
            sets,
        )
        for satellite, site, aos_s, tca_s, los_s, elevation_rad, range_m, rises, sets in rows
    ]
    return sorted(passes, key=lambda one: (one.aos_s, one.station, one.satellite, one.norad_id))
