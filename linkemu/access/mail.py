"""Datagrams that came in one call, kept end to end in trays of memory that are used again and again.

First touch of fresh memory costs more than all else that is done to a datagram, so trays go back to a stock.
Neighbours of one size and one client lie side by side: a run of them leaves with one call (UDP_SEGMENT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from linkemu.access.intake import HEAD_BYTES, Catch

if TYPE_CHECKING:
    from linkemu.access.udp import Client

_TRAY_BYTES = 1 << 20
_SPARE_TRAYS = 64

Integers = NDArray[np.int64]


class Parcel(bytes):
    """A datagram by itself that knows its client."""

    client: Client


class Tray:
    """Memory for some mail. ``lodgers`` is how many still have datagrams in it."""

    __slots__ = ("array", "lodgers", "used", "view")

    def __init__(self, size: int) -> None:
        self.array = np.zeros(size, dtype=np.uint8)
        self.view = memoryview(self.array.data)
        self.used = 0
        self.lodgers = 0


class Trays:
    """The stock. A tray that nobody gives back goes the way of all Python objects."""

    def __init__(self) -> None:
        self._spare: list[Tray] = []
        self._current = Tray(_TRAY_BYTES)

    def room(self, size: int) -> Tray:
        """A tray that has ``size`` bytes left; one lodger more is in it."""
        if self._current.used + size > len(self._current.array):
            full, self._current = self._current, self._fresh(size)
            if full.lodgers == 0:
                self._keep(full)
        self._current.lodgers += 1
        return self._current

    def give_back(self, tray: Tray) -> None:
        """One lodger has gone."""
        tray.lodgers -= 1
        if tray.lodgers == 0:
            if tray is self._current:
                tray.used = 0
            else:
                self._keep(tray)

    def _fresh(self, size: int) -> Tray:
        if size > _TRAY_BYTES:
            return Tray(size)
        return self._spare.pop() if self._spare else Tray(_TRAY_BYTES)

    def _keep(self, tray: Tray) -> None:
        tray.used = 0
        if len(tray.array) == _TRAY_BYTES and len(self._spare) < _SPARE_TRAYS:
            self._spare.append(tray)


class Mail:
    """A sheaf (link/sheaf.py) of datagrams of one direction; ``left`` is how many haven't come out yet."""

    __slots__ = ("_offsets", "_owners", "_runs", "_trays", "left", "parts", "sizes", "tray")

    def __init__(self, catch: Catch, owners: list[Client], trays: Trays) -> None:
        """``owners`` is one for each message, or one alone for all."""
        self._trays = trays
        self.tray = trays.room(int(catch.sizes.sum()))
        starts = [0, *(np.flatnonzero(catch.sizes[1:] != catch.sizes[:-1]) + 1).tolist()]
        begins = _stow(catch, self.tray, starts)
        self.sizes, self._offsets, self._owners = catch.sizes, begins, owners
        self.parts: Integers | None = None  # how many datagrams each message holds; None: one
        if catch.segments is not None:
            self.sizes, self._offsets, self.parts = _split(catch.sizes, catch.segments, begins)
            if len(owners) > 1:
                self._owners = [owner for owner, n in zip(owners, self.parts, strict=True) for _ in range(n)]
        self.left = len(self.sizes)
        plain = self.parts is None and len(starts) == 1 and len(owners) == 1
        self._runs: Integers | None = None if plain else self._find_runs()

    def _find_runs(self) -> Integers | None:
        """The number of the run that each row belongs to; None if all are one."""
        differs = self.sizes[1:] != self.sizes[:-1]
        if len(self._owners) > 1:
            differs |= np.array([a is not b for a, b in zip(self._owners[1:], self._owners, strict=False)])
        return np.concatenate([[0], np.cumsum(differs)]) if differs.any() else None

    def datagram(self, row: int) -> Parcel:
        """One by itself."""
        parcel = Parcel(self.bytes_of(row, 1))
        parcel.client = self.owner(row)
        return parcel

    def owner(self, row: int) -> Client:
        return self._owners[row] if len(self._owners) > 1 else self._owners[0]

    def bytes_of(self, row: int, count: int) -> memoryview:
        """Those of ``count`` rows of one run, end to end."""
        begin = int(self._offsets[row])
        return self.tray.view[begin : begin + count * int(self.sizes[row])]

    def runs(self, rows: Integers, lost: NDArray[np.bool_] | None) -> list[tuple[int, int]]:
        """(row, how many) of each run of neighbours among ``rows`` that aren't lost."""
        if lost is not None:
            rows = rows[~lost]
        if not len(rows):
            return []
        first, last = int(rows[0]), int(rows[-1])
        if self._runs is None and last - first == len(rows) - 1:
            return [(first, len(rows))]
        breaks = np.diff(rows) != 1
        if self._runs is not None:
            breaks |= np.diff(self._runs[rows]) != 0
        stops = [*(np.flatnonzero(breaks) + 1).tolist(), len(rows)]
        starts = [0, *stops[:-1]]
        return [(int(rows[start]), stop - start) for start, stop in zip(starts, stops, strict=True)]

    def gone(self, count: int) -> None:
        """``count`` rows more won't be asked for again."""
        self.left -= count
        if self.left == 0:
            self._trays.give_back(self.tray)


def _stow(catch: Catch, tray: Tray, starts: list[int]) -> Integers:
    """Copy messages into a tray, end to end; where each begins. At each of ``starts`` the size changes."""
    sizes = catch.sizes
    ends = np.cumsum(sizes)
    begin, total = tray.used, int(ends[-1])
    begins: Integers = ends - sizes + begin
    for start, stop in zip(starts, [*starts[1:], len(sizes)], strict=True):
        size, at = int(sizes[start]), int(begins[start])
        block = tray.array[at : at + size * (stop - start)].reshape(stop - start, size)
        block[:, :HEAD_BYTES] = catch.heads[start:stop, :size]
        if size > HEAD_BYTES:
            block[:, HEAD_BYTES:] = catch.tails[start:stop, : size - HEAD_BYTES]
    tray.used = begin + total
    return begins


def _split(sizes: Integers, segments: Integers, begins: Integers) -> tuple[Integers, Integers, Integers]:
    """Sizes and places of the datagrams that messages are joined of, and how many each message holds."""
    segments = np.where((segments > 0) & (segments < sizes), segments, np.maximum(sizes, 1))
    parts = np.maximum(-(-sizes // segments), 1)
    message = np.repeat(np.arange(len(sizes)), parts)
    number = np.arange(len(message)) - np.repeat(np.cumsum(parts) - parts, parts)
    offset = number * segments[message]
    return np.minimum(segments[message], sizes[message] - offset), begins[message] + offset, parts
