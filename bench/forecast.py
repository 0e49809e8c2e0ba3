"""How fast the sky compiles: one long pass, a whole day, and the fading process by itself.

Run by hand from the checkout: ``python bench/forecast.py``. Times are CPU times
of one process, so that a busy machine decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from linkemu import scenario as scenarios
from linkemu.forecast import Forecast, forecast
from linkemu.link.timeline import Sky
from linkemu.optics.driver import FINEST, SECONDS, Driver, SEGMENT_s
from linkemu.optics.fading import gamma_gamma, lognormal
from linkemu.scenario.model import Front

CONFIGS = Path(__file__).parents[1] / "configs"


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Best of three times of this process's CPU in s, and the last result."""
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        result = work()
        best = min(best, time.process_time() - begin)
    return best, result


def row(what: str, seconds: float, more: str = "") -> None:
    print(f"{what:<58} {seconds * 1e3:10.1f} ms   {more}")


def one_pass() -> None:
    """The ISS from horizon to horizon: scintillation, jitter, wander and a fibre, all drawn in both ways."""
    demo = scenarios.load(CONFIGS / "demo.toml")
    front = Front("adaptive", ao_bandwidth_Hz=300.0)
    station = replace(demo.stations[0], mask_deg=0.0)
    station = replace(station, terminal=replace(station.terminal, front=front))
    start = datetime(2024, 5, 10, 18, 45, 40, tzinfo=UTC)
    long = replace(demo, stations=(station,), start=start, duration_s=620.0, clouds=(), transfers=())

    def work() -> int:
        """Compile, and draw what the margins made unnecessary too."""
        (meeting,) = forecast(long).links[0].meetings
        slots = 0
        for light in meeting.light.values():
            ends = (meeting.contact.start_s, meeting.contact.end_s)
            first, stop = (round(t_s * 1e3) + light.first_slot for t_s in ends)
            slots += len(light.fading.relative(first, stop))
        return slots

    seconds, slots = timed(work)
    row("one pass of the ISS, both directions, all of it drawn", seconds, f"{slots} slots of 1 ms")


def one_day() -> None:
    """The constellation of the examples; then its file."""
    day = scenarios.load(CONFIGS / "constellation.toml")
    seconds, result = timed(lambda: forecast(day))
    assert isinstance(result, Forecast)
    row("a day of 3 satellites over 2 stations", seconds, f"{len(result.passes)} passes")
    with TemporaryDirectory() as directory:
        path = Path(directory) / "day.sky"
        seconds, _ = timed(lambda: result.sky.save(path))
        row("  saving its sky", seconds, f"{path.stat().st_size / 1e3:.0f} kB")
        seconds, _ = timed(lambda: Sky.load(path))
        row("  loading and checking it", seconds)


def fading() -> None:
    """A driver in operational time, and the maps to irradiance."""
    steady, segments = np.full(SECONDS, 2.0 * np.pi * 300.0), 10
    driver = Driver(1, 1, "bench")
    seconds, drawn = timed(
        lambda: [driver.segment(k, steady, SEGMENT_s, FINEST)[1][0] for k in range(segments)]
    )
    assert isinstance(drawn, list)
    samples = np.concatenate(drawn)
    row(f"driver, {len(samples)} samples", seconds, f"{seconds / len(samples) * 1e9:.0f} ns a sample")
    for name, work in (
        ("lognormal", lambda: lognormal(samples, 0.1)),
        ("gamma-gamma", lambda: gamma_gamma(samples, 0.5, 0.6)),
    ):
        seconds, _ = timed(work)
        row(f"  {name}", seconds, f"{seconds / len(samples) * 1e9:.0f} ns a sample")


if __name__ == "__main__":
    one_pass()
    one_day()
    fading()
