"""How fast a year goes by: one station and one satellite, second by second, in this process alone.

Run by hand from the checkout: ``python bench/availability.py``. Wall times, and the process's largest memory.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from linkemu import scenario as scenarios
from linkemu.study.availability import Settings, study
from linkemu.weather.field import Field

CONFIGS = Path(__file__).parents[1] / "configs"
LIMIT_s, LIMIT_MB = 60.0, 1024.0


def year(mask_deg: float) -> None:
    """A year of the ISS over Greensboro and its real hours."""
    read = scenarios.load(CONFIGS / "weather-greensboro.toml")
    (station,) = read.stations
    scenario = replace(read, stations=(replace(station, mask_deg=mask_deg),))
    assert not isinstance(scenario.start, str)
    begin = time.perf_counter()
    found = study(scenario, scenario.start, Settings(days=365.0, jobs=1)).document()
    seconds, megabytes = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    (pair,) = found["pairs"]
    cost = f"{seconds:5.1f} s (limit {LIMIT_s:g}), {megabytes:4.0f} MB (limit {LIMIT_MB:g})"
    seen = f"{pair['passes']} passes, {pair['visible_s']} s in sight, {pair['availability']:.1%} open"
    print(f"a year at 1 s above {mask_deg:2.0f} deg: {cost}; {seen}")


def field() -> None:
    """Ten minutes of a cumulus field, as one pass asks for it."""
    place = np.linspace(0.0, 6.0, 600)
    begin = time.perf_counter()
    for number in range(50):
        Field(1, "bench", (("a", 1.0),)).values(place + 100.0 * number, place)
    print(f"the field along one pass, 600 samples: {(time.perf_counter() - begin) / 50 * 1e3:.2f} ms")


if __name__ == "__main__":
    field()
    year(20.0)
    year(0.0)
