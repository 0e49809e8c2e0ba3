"""Link budgets of a year: every second of every pass of one satellite over one station, both directions.

    python bench/budget.py [--elements FILE] [--norad 25544] [--days 365] [--rounds 3]

Prints seconds for the passes, the geometry and the budgets of each direction, and the samples in them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from linkemu.forecast import terminals
from linkemu.machine import Direction
from linkemu.optics import modem
from linkemu.optics.budget import Air, budget
from linkemu.orbit import elements, passes
from linkemu.orbit.element_set import Elements
from linkemu.orbit.site import Site
from linkemu.orbit.track import Track
from linkemu.scenario import build, presets
from linkemu.scenario.terminal_shape import TerminalTable

ELEMENTS = Path(__file__).parents[1] / "configs" / "elements" / "stations_2024-05-09.tle"
PLACE = Site("koganei", 35.7068, 139.4885, 128.0, 20.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--elements", type=Path, default=ELEMENTS)
    parser.add_argument("--norad", default="25544")
    parser.add_argument("--days", type=float, default=365.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    one = elements.select(elements.read(given.elements), norad=given.norad)
    rounds = [year(one, given.days) for _ in range(given.rounds)]
    for name in rounds[0]:
        print(f"{name:24} {statistics.median(each[name] for each in rounds):12.3f}")


def year(one: Elements, days: float) -> dict[str, float]:
    """Seconds by step, and how many samples."""
    ground, space = (
        build.terminal(TerminalTable.model_validate(presets.terminals()[name]))
        for name in ("ogs-illuma", "illuma-t")
    )
    epoch = one.epoch
    times = [time.perf_counter()]
    found = passes.find([one], [PLACE], epoch, days * 86_400.0)
    times.append(time.perf_counter())
    track = Track(one, PLACE, epoch)
    t_s = np.concatenate([np.arange(np.ceil(each.aos_s), each.los_s) for each in found])
    look, slew = track.look(t_s), track.slew_rate_radps(t_s)
    times.append(time.perf_counter())
    result = {"samples": float(len(t_s)), "passes": float(len(found))}
    for direction, (sender, receiver) in {
        Direction.UP: (ground, space),
        Direction.DOWN: (space, ground),
    }.items():
        whole = budget(
            direction,
            terminals.transmitter(sender),
            terminals.receiver(receiver),
            Air(PLACE.altitude_m),
            look.range_m,
            look.elevation_rad,
            slew_radps=slew,
        )
        modem.choose(whole.power_dBm, terminals.modes(receiver), terminals.control(receiver))
        times.append(time.perf_counter())
    names = ("passes, s", "geometry, s", "budget and modes up, s", "budget and modes down, s")
    return result | dict(zip(names, np.diff(times).tolist(), strict=True))


if __name__ == "__main__":
    main()
