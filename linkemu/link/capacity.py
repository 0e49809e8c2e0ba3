"""The capacity integral C(t) = integral of rate dt of one direction, exact in integers, and its inverse.

A position is a value of C in units of bit/s x ns (one byte is BYTE of them): 100 Gbit/s over a week does
not fit a float. C is flat where the rate is 0; nothing here knows of queues, delay or loss.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, compress, islice
from operator import mul, not_, sub

BYTE = 8 * 10**9  # one byte in units of C


class Capacity:
    """C for segments ``edges_ns`` (n+1, from 0, increasing) with ``rates_bps`` (n,)."""

    def __init__(self, edges_ns: Sequence[int], rates_bps: Sequence[int]) -> None:
        self._edges = list(edges_ns)
        self._rates = list(rates_bps)
        lengths = map(sub, islice(self._edges, 1, None), self._edges)
        self._at_edge: list[int] = list(accumulate(map(mul, self._rates, lengths), initial=0))
        flat = compress(self._at_edge, map(not_, self._rates))
        self._plateaus = list(dict.fromkeys(flat))  # in order, as C never falls

    def spliced(self, edges_ns: Sequence[int], rates_bps: Sequence[int]) -> Capacity:
        """The same before the first of these edges, and these segments from there on; both end together."""
        i = bisect_left(self._edges, edges_ns[0])
        return Capacity([*self._edges[:i], *edges_ns], [*self._rates[:i], *rates_bps])

    def rate(self, time_ns: int) -> int:
        """Rate in bit/s at a time, 0 outside the scenario."""
        i = bisect_right(self._edges, time_ns) - 1
        return self._rates[i] if 0 <= i < len(self._rates) else 0

    def position(self, time_ns: int) -> int:
        """C at a time."""
        i = bisect_right(self._edges, time_ns) - 1
        if i < 0:
            return 0
        if i >= len(self._rates):
            return self._at_edge[-1]
        return self._at_edge[i] + self._rates[i] * (time_ns - self._edges[i])

    def fit(self, position: int, size: int) -> int | None:
        """The first position from ``position`` on where ``size`` straddles no plateau; None if none."""
        i = bisect_right(self._plateaus, position)
        while i < len(self._plateaus) and self._plateaus[i] < position + size:
            position = self._plateaus[i]
            i += 1
        return position if position + size <= self._at_edge[-1] else None

    def light_at(self, position: int) -> tuple[int, int]:
        """The positions around ``position`` between which the rate is never 0."""
        i = bisect_right(self._plateaus, position)
        end = self._plateaus[i] if i < len(self._plateaus) else self._at_edge[-1]
        return self._plateaus[i - 1] if i else 0, end

    def start(self, position: int) -> int:
        """When work at ``position`` begins: the last ns at which C <= position, a plateau's right end."""
        i = bisect_right(self._at_edge, position) - 1
        if i >= len(self._rates):
            return self._edges[-1]
        return self._edges[i] + (position - self._at_edge[i]) // self._rates[i]

    def reach(self, position: int) -> int:
        """When ``position`` is done: the first ns at which C >= position, the left end of a plateau."""
        i = bisect_left(self._at_edge, position) - 1
        if i < 0:
            return self._edges[0]
        return self._edges[i] - (self._at_edge[i] - position) // self._rates[i]

    def next_edge(self, time_ns: int) -> int | None:
        """The first edge after a time, None after the last."""
        i = bisect_right(self._edges, time_ns)
        return self._edges[i] if i < len(self._edges) else None

    def next_light(self, time_ns: int) -> int | None:
        """The first time from ``time_ns`` on at which the rate is not 0."""
        first = max(0, bisect_right(self._edges, time_ns) - 1)
        for i in range(first, len(self._rates)):
            if self._rates[i] > 0:
                return max(time_ns, self._edges[i])
        return None

    def lights(self) -> list[tuple[int, int]]:
        """(start, end) in ns of every stretch at a rate above 0."""
        stretches: list[tuple[int, int]] = []
        for start, end, rate in zip(self._edges, self._edges[1:], self._rates, strict=False):
            if rate == 0:
                continue
            if stretches and stretches[-1][1] == start:
                start = stretches.pop()[0]
            stretches.append((start, end))
        return stretches
