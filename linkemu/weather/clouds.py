"""Clouds over a station: the times at which every line of sight from it is blocked.

Scripted clouds are given; drawn ones are where a Gaussian field in time stays below a threshold. A station
has one sky, the same for each satellite over it. The field is a stateless function of (seed, station, UTC):
any span can be had alone, and another start of the scenario meets the same clouds. No optics here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from linkemu.rng import Stream

Intervals = NDArray[np.float64]  # (n, 2) start and end in scenario seconds, sorted, disjoint

_ORIGIN = datetime(1900, 1, 1, tzinfo=UTC)  # index 0 of the noise, before any satellite
_HALF = 1.6783469900166605  # root of (1 + x) exp(-x) = 1/2
_STEPS = 32  # samples in a correlation time
_MEMORY = 20.0  # in 1/w: the kernel has fallen to 4e-8


def blocked_intervals(
    scripted: Iterable[tuple[float, float]], start_s: float, end_s: float, field: CloudField | None = None
) -> Intervals:
    """Blocked times within [start_s, end_s]: the union of scripted (start, duration) pairs and the field."""
    spans = [np.array([[start, start + duration]]) for start, duration in scripted]
    if field is not None:
        spans.append(field.blocked(start_s, end_s))
    return union(np.concatenate(spans) if spans else np.empty((0, 2)), start_s, end_s)


def union(spans: Intervals, start_s: float, end_s: float) -> Intervals:
    """Spans in any order, overlapping or touching, as sorted disjoint ones clipped to [start_s, end_s]."""
    clipped = np.clip(spans, start_s, end_s)
    clipped = clipped[clipped[:, 1] > clipped[:, 0]]
    clipped = clipped[np.argsort(clipped[:, 0], kind="stable")]
    if len(clipped) == 0:
        return clipped
    reach = np.maximum.accumulate(clipped[:, 1])
    opens = np.flatnonzero(np.concatenate([[True], clipped[1:, 0] > reach[:-1]]))
    closes = np.concatenate([opens[1:] - 1, [len(clipped) - 1]])
    return np.column_stack([clipped[opens, 0], reach[closes]])


@dataclass(frozen=True, slots=True)
class CloudField:
    """Seeded clouds over one station that block the fraction ``cover`` of all time.

    The driver is Gaussian with autocorrelation (1 + w t) exp(-w t), Matern 3/2 (Rasmussen & Williams 2006,
    eq. 4.17), which is 1/2 at t = ``correlation_s``. It is mean-square differentiable, so clouds come at a
    finite rate, by Rice's formula w / (2 pi) exp(-threshold^2 / 2) in a second.
    """

    seed: int
    station: str
    cover: float
    correlation_s: float
    epoch: datetime  # UTC of scenario time 0

    @property
    def step_s(self) -> float:
        return self.correlation_s / _STEPS

    @property
    def rate(self) -> float:
        """w of the autocorrelation, 1/s."""
        return _HALF / self.correlation_s

    def blocked(self, start_s: float, end_s: float) -> Intervals:
        """Blocked times within [start_s, end_s]."""
        if self.cover <= 0.0 or end_s <= start_s:
            return np.empty((0, 2))
        if self.cover >= 1.0:
            return np.array([[start_s, end_s]])
        origin_s = (self.epoch - _ORIGIN).total_seconds()
        first = int((origin_s + start_s) // self.step_s)
        count = int((origin_s + end_s) // self.step_s) + 2 - first
        depth = ndtri(self.cover) - self.values(first, count)
        times = (first + np.arange(count, dtype=np.float64)) * self.step_s - origin_s
        return union(_above_zero(times, depth), start_s, end_s)

    def values(self, first: int, count: int) -> NDArray[np.float64]:
        """Samples ``first`` to ``first + count`` of the driver on its own UTC grid, shape (count,).

        A causal filter with impulse response t exp(-w t) over white noise has the autocorrelation wanted. The
        taps are added in a fixed order, so a sample doesn't depend on the span that it was asked with.
        """
        lag = np.arange(1, int(_MEMORY / self.rate / self.step_s) + 1) * self.step_s * self.rate
        kernel = lag * np.exp(-lag)
        kernel /= np.sqrt(np.sum(kernel**2))
        before = len(kernel)
        noise = Stream(self.seed, "cloud", self.station).normal(first - before, count + before)
        total = np.zeros(count)
        for tap, weight in enumerate(kernel):
            total += weight * noise[before - tap : before - tap + count]
        return total


def _above_zero(times: NDArray[np.float64], depth: NDArray[np.float64]) -> Intervals:
    """Spans in which the line through the samples is above zero, shape (n, 2)."""
    inside = depth > 0.0
    left = np.flatnonzero(inside[1:] != inside[:-1])
    share = depth[left] / (depth[left] - depth[left + 1])
    crossings = times[left] + share * (times[left + 1] - times[left])
    edges = [times[:1]] if inside[0] else []
    edges.append(crossings)
    if inside[-1]:
        edges.append(times[-1:])
    return np.concatenate(edges).reshape(-1, 2)
