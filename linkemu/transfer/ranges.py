"""RangeSet: sorted disjoint half-open ranges of integers, kept as two lists for bisection.

Made for ranges that mostly grow at the right end, as frames do. Nothing of transfers is known here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class RangeSet:
    """A set of integers as ranges [start, end); ``size`` is how many integers are in it."""

    __slots__ = ("_ends", "_starts", "size")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.size = 0
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __len__(self) -> int:
        """How many ranges."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"

    def copy(self) -> RangeSet:
        twin = RangeSet()
        twin._starts, twin._ends, twin.size = self._starts.copy(), self._ends.copy(), self.size
        return twin

    def clear(self) -> None:
        self._starts.clear()
        self._ends.clear()
        self.size = 0

    def add(self, start: int, end: int) -> None:
        if start >= end:
            return
        ends = self._ends
        if not ends or start > ends[-1]:
            self._starts.append(start)
            ends.append(end)
            self.size += end - start
        elif start == ends[-1]:
            ends[-1] = end
            self.size += end - start
        else:
            self._merge(start, end)

    def remove(self, start: int, end: int) -> None:
        if start >= end:
            return
        starts, ends = self._starts, self._ends
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if first >= last:
            return
        kept = [(starts[first], start), (end, ends[last - 1])]
        kept = [(left, right) for left, right in kept if left < right]
        self._replace(first, last, kept)

    def covers(self, start: int, end: int) -> bool:
        """Whether all of [start, end) is in the set."""
        at = bisect_right(self._starts, start) - 1
        return start >= end or (at >= 0 and self._ends[at] >= end)

    def span(self) -> tuple[int, int] | None:
        """Start of the first range and end of the last, None if there is none."""
        return (self._starts[0], self._ends[-1]) if self._starts else None

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """What of [start, end) is in the set."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        pairs = zip(self._starts[first:last], self._ends[first:last], strict=True)
        return [(max(start, left), min(end, right)) for left, right in pairs]

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """What of [start, end) is not in the set."""
        found = []
        for at in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[at] >= end:
                break
            if start < self._starts[at]:
                found.append((start, self._starts[at]))
            start = self._ends[at]
        if start < end:
            found.append((start, end))
        return found

    def take(self, limit: int) -> tuple[int, int]:
        """Remove up to ``limit`` integers at the left end of a set that is not empty; the range removed."""
        start, end = self._starts[0], self._ends[0]
        if end - start > limit:
            end = self._starts[0] = start + limit
        else:
            del self._starts[0], self._ends[0]
        self.size -= end - start
        return start, end

    def _merge(self, start: int, end: int) -> None:
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._replace(first, last, [(start, end)])

    def _replace(self, first: int, last: int, ranges: list[tuple[int, int]]) -> None:
        """Put ``ranges`` in the place of those numbered ``first`` to ``last``."""
        self.size -= sum(self._ends[first:last]) - sum(self._starts[first:last])
        self._starts[first:last] = [start for start, _ in ranges]
        self._ends[first:last] = [end for _, end in ranges]
        self.size += sum(end - start for start, end in ranges)
