"""What is required of the figures, and whether it was met: a line for each requirement, in numbers.

Medians over the rounds are compared; that nothing comes before its time holds for every message of every
round. A line whose peer was absent, or whose trials failed, is not judged, and says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.dataplane.measure import Figures

Key = tuple[str, str, str]  # part, task, who
Results = dict[Key, list[Figures]]


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement; ``found`` is None where it could not be judged, ``is_least`` tells its direction."""

    text: str
    required: float
    aim: float | None
    is_least: bool
    found: float | None
    part: str

    @property
    def met(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.required if self.is_least else self.found <= self.required


def median(results: Results, key: Key, figure: str) -> float | None:
    """None if there is no such figure."""
    values = [figures[figure] for figures in results.get(key, ()) if figure in figures]
    return statistics.median(values) if values else None


def worst(results: Results, key: Key, figure: str) -> float | None:
    """The least of all rounds."""
    return min((each[figure] for each in results.get(key, ()) if figure in each), default=None)


def lines(results: Results) -> list[Line]:
    """Every requirement whose part was run."""
    judged = [*_throughput(results), *_exactness(results), *_networks(results), *_datagrams(results)]
    run = {part for part, _, _ in results}
    return [line for line in judged if line.part in run]


def _throughput(results: Results) -> Iterable[Line]:
    for task, required, aim in (("5 ms", 2.0, 3.0), ("120 ms", 8.0, 12.0)):
        found = _ratio(results, ("throughput", task, "proxy"), ("throughput", task, "toxiproxy"), "Gbit/s")
        yield Line(f"proxy / toxiproxy, throughput at {task}", required, aim, True, found, "throughput")
    ours, theirs = ("throughput", "5 ms", "proxy"), ("throughput", "no delay", "socat")
    cpu = _ratio(results, ours, theirs, "CPU s/GB")
    yield Line("proxy at 5 ms / socat, CPU per GB", 0.4, 0.2, False, cpu, "throughput")


def _exactness(results: Results) -> Iterable[Line]:
    for task in ("10 Mbit/s", "100 Mbit/s", "1 Gbit/s", "5 Gbit/s", "10 Gbit/s"):
        error = median(results, ("rate", task, "proxy"), "error %")
        found = None if error is None else abs(error)
        yield Line(f"proxy, error of rate at {task}, %", 0.1, 0.01, False, found, "rate")
    for task, required, aim in _DELAYS:
        late = median(results, ("delay", task, "proxy"), "p99 us")
        found = None if late is None else late / 1e3
        yield Line(f"proxy, added delay p99 at {task}, ms", required, aim, False, found, "delay")
    for task in ("5 ms, 5 Gbit/s", "5 ms, full load", "120 ms, full load"):
        least = worst(results, ("delay", task, "proxy"), "least us")
        found = None if least is None else -least / 1e3
        yield Line(f"proxy, early by at most, at {task}, ms", 0.0, None, False, found, "delay")


_DELAYS: Sequence[tuple[str, float, float | None]] = (
    ("5 ms, idle", 1.0, 0.3),
    ("120 ms, idle", 1.0, 0.3),
    ("5 ms, 1 Gbit/s", 2.0, None),
    ("5 ms, 5 Gbit/s", 2.0, None),
)


def _networks(results: Results) -> Iterable[Line]:
    for task, required, aim in (("5 ms", 6.0, 12.0), ("60 ms", 40.0, 100.0)):
        found = _ratio(results, ("exec", task, "exec"), ("exec", task, "mm-delay"), "Gbit/s")
        yield Line(f"exec / mm-delay, throughput at {task}", required, aim, True, found, "exec")


def _datagrams(results: Results) -> Iterable[Line]:
    for size in ("1200 B", "64 B"):
        found = _ratio(results, ("udp", size, "proxy"), ("udp", size, "socat"), "kpps")
        yield Line(f"proxy / socat, datagrams of {size} delivered", 1.5, 3.0, True, found, "udp")


def _ratio(results: Results, ours: Key, theirs: Key, figure: str) -> float | None:
    mine, other = median(results, ours, figure), median(results, theirs, figure)
    return mine / other if mine is not None and other else None
