"""Passes of a constellation: linkemu's search against Skyfield's find_events, in one run, interleaved.

    python bench/geometry.py [--elements FILE] [--satellites 24] [--sites 6] [--hours 24] [--rounds 3]

Prints microseconds per satellite, site and day, the ratio of each round, and the contacts that each found.
Skyfield reports only passes that culminate within the span, so its count is a little lower. Without
--elements, a Walker shell of 550 km is made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from skyfield.api import EarthSatellite, load, wgs84

from linkemu.orbit import elements, passes
from linkemu.orbit.element_set import Elements
from linkemu.orbit.site import Site

MASK_DEG = 10.0
PLACES = ((28.3, -16.5), (35.7, 139.5), (34.4, -117.7), (20.7, -156.3), (48.1, 11.3), (-32.0, 115.8))


def walker(count: int) -> list[Elements]:
    """A shell at 550 km and 53 degrees, one satellite a plane."""
    messages = [
        {
            "OBJECT_NAME": f"W{i}",
            "NORAD_CAT_ID": 900_000_000 + i,
            "EPOCH": "2024-05-09T00:00:00",
            "MEAN_MOTION": 15.05,
            "ECCENTRICITY": 0.0001,
            "INCLINATION": 53.0,
            "RA_OF_ASC_NODE": 360.0 * i / count,
            "ARG_OF_PERICENTER": 0.0,
            "MEAN_ANOMALY": (137.5 * i) % 360.0,
            "BSTAR": 1e-4,
            "MEAN_MOTION_DOT": 0.0,
            "MEAN_MOTION_DDOT": 0.0,
        }
        for i in range(count)
    ]
    return elements.parse(json.dumps(messages), "walker")


def by_linkemu(satellites: list[Elements], sites: list[Site], epoch: datetime, hours: float) -> int:
    return len(passes.find(satellites, sites, epoch, hours * 3600.0))


def by_skyfield(satellites: list[Elements], sites: list[Site], epoch: datetime, hours: float) -> int:
    scale = load.timescale(builtin=True)
    start, end = scale.from_datetime(epoch), scale.from_datetime(epoch + timedelta(hours=hours))
    found = 0
    for one in satellites:
        satellite = EarthSatellite.from_satrec(one.satrec, scale)
        for site in sites:
            place = wgs84.latlon(site.latitude_deg, site.longitude_deg, site.altitude_m)
            _, events = satellite.find_events(place, start, end, altitude_degrees=site.mask_deg)
            found += int((events == 1).sum())
    return found


def timed(finder: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    found = finder()
    return time.perf_counter() - start, found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--elements", help="TLE or OMM file instead of the Walker shell")
    options.add_argument("--satellites", type=int, default=24)
    options.add_argument("--sites", type=int, default=len(PLACES))
    options.add_argument("--hours", type=float, default=24.0)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    satellites = elements.read(chosen.elements) if chosen.elements else walker(chosen.satellites)
    satellites = satellites[: chosen.satellites]
    sites = [Site(f"s{i}", *place, 100.0, MASK_DEG) for i, place in enumerate(PLACES[: chosen.sites])]
    epoch = max(one.epoch for one in satellites).replace(microsecond=0).astimezone(UTC)
    arguments = (satellites, sites, epoch, chosen.hours)
    cells = len(satellites) * len(sites) * chosen.hours / 24.0
    ratios = []
    for number in range(1, chosen.rounds + 1):
        ours_s, ours = timed(lambda: by_linkemu(*arguments))
        theirs_s, theirs = timed(lambda: by_skyfield(*arguments))
        ratios.append(theirs_s / ours_s)
        print(
            f"round {number}: linkemu {ours_s / cells * 1e6:8.1f} us ({ours} passes)   "
            f"skyfield {theirs_s / cells * 1e6:8.1f} us ({theirs})   ratio {ratios[-1]:.1f}"
        )
    print(
        f"{len(satellites)} satellites x {len(sites)} sites x {chosen.hours:g} h, mask {MASK_DEG:g} deg: "
        f"median ratio {statistics.median(ratios):.1f}"
    )


if __name__ == "__main__":
    main()
