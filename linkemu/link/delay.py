"""One-way light time by a timeline's polynomials: of one moment, or of many at once, to the same nanosecond.

Beyond the ends of its segments it is held constant, for what still moves there; ``outages.delay_s`` has nan.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from linkemu.link.timeline import LinkTimeline

_NS = 1_000_000_000


class DelayCurve:
    """Of one moment."""

    def __init__(self, timeline: LinkTimeline) -> None:
        self._starts = timeline.delay_start_ns.tolist()
        self._length = timeline.delay_length_ns
        self._terms: list[list[float]] = [terms[::-1] for terms in timeline.delay_s.tolist()]

    def __call__(self, time_ns: int) -> int:
        """Delay in ns of what leaves at ``time_ns``."""
        i = max(0, bisect_right(self._starts, time_ns) - 1)
        u = min(max((time_ns - self._starts[i]) / self._length, 0.0), 1.0)
        seconds = 0.0
        for term in self._terms[i]:
            seconds = seconds * u + term
        return round(seconds * _NS)

    def shortest(self) -> int:
        """The shortest delay in ns at either end of any segment, 0 without segments."""
        ends = [t for start in self._starts for t in (start, start + self._length - 1)]
        return min(map(self, ends), default=0)

    def longest(self) -> int:
        """The longest delay in ns at either end of any segment, 0 without segments."""
        ends = [t for start in self._starts for t in (start, start + self._length - 1)]
        return max(map(self, ends), default=0)


class Delays:
    """Of many moments, which don't decrease."""

    def __init__(self, timeline: LinkTimeline) -> None:
        self._starts: list[int] = timeline.delay_start_ns.tolist()
        self._length = timeline.delay_length_ns
        self._terms = [_from_highest(terms) for terms in timeline.delay_s.tolist()]

    def __call__(self, times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Delay in ns of what leaves at each of ``times_ns``, shape (n,), n > 0."""
        first, last = (max(0, bisect_right(self._starts, int(times_ns[k])) - 1) for k in (0, -1))
        if first < last:
            cut = int(np.searchsorted(times_ns, self._starts[first + 1]))
            return np.concatenate([self(times_ns[:cut]), self(times_ns[cut:])])
        u = (times_ns - self._starts[first]) / self._length
        if not (u[0] >= 0.0 and u[-1] <= 1.0):
            u = np.minimum(np.maximum(u, 0.0), 1.0)
        highest, *lower = self._terms[first]
        seconds = np.full(len(times_ns), highest)
        for term in lower:
            seconds *= u
            seconds += term
        seconds *= _NS
        rounded: NDArray[np.int64] = np.rint(seconds).astype(np.int64)
        return rounded


def _from_highest(terms: list[float]) -> list[float]:
    """Terms of a polynomial for Horner's rule, without those at the top that are 0."""
    while len(terms) > 1 and terms[-1] == 0.0:
        terms = terms[:-1]
    return terms[::-1]
