"""How fast the sky compiles: one long pass, a whole day, and the fading process by itself.

Run by hand from the checkout: ``python bench/forecast.py``. Wall times of one process; nothing else decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from linkemu import scenario as scenarios
from linkemu.forecast import Forecast, forecast
from linkemu.link.timeline import Sky
from linkemu.optics.fading import Process, Turbulence

CONFIGS = Path(__file__).parents[1] / "configs"


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Best of three wall times in s, and the last result."""
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return best, result


def row(what: str, seconds: float, more: str = "") -> None:
    print(f"{what:<58} {seconds * 1e3:10.1f} ms   {more}")


def one_pass() -> None:
    """The ISS from horizon to horizon, with a receiver near its limit so that every slot is evaluated."""
    demo = scenarios.load(CONFIGS / "demo.toml")
    station = replace(demo.stations[0], mask_deg=0.0)
    modes = tuple(replace(mode, sensitivity_W=mode.sensitivity_W * 20.0) for mode in station.terminal.modes)
    station = replace(station, terminal=replace(station.terminal, modes=modes))
    start = datetime(2024, 5, 10, 18, 45, 40, tzinfo=UTC)
    long = replace(demo, stations=(station,), start=start, duration_s=620.0, clouds=(), transfers=())
    seconds, result = timed(lambda: forecast(long))
    assert isinstance(result, Forecast)
    runs = sum(len(each.erased_slot) for each in result.sky.timelines.values())
    row("one pass of the ISS, 620 s, both directions, 1 ms slots", seconds, f"{runs} runs of erased slots")


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
    """Slots of the fading process, lognormal and gamma-gamma."""
    process = Process(1, "station", "satellite", "up", 1_000_000)
    for name, air in (
        ("lognormal", Turbulence(0.1, 0.1, 200.0)),
        ("gamma-gamma", Turbulence(0.5, 0.6, 200.0)),
    ):
        seconds, _ = timed(lambda air=air: [process.power(block, air) for block in range(100, 200)])  # type: ignore[misc]
        slots = 100 * process.slots
        row(f"fading, {name}, {slots} slots", seconds, f"{seconds / slots * 1e9:.0f} ns a slot")


if __name__ == "__main__":
    one_pass()
    one_day()
    fading()
