"""Whom an overlay hits: slots that it erases, datagrams that it loses, doubles, corrupts or keeps back.

Every n-th is counted, a share is drawn by index from a stream of the overlay's own name and link (law 7), so
that the same overlay hits the same slots whoever sends. What becomes of those hit is the channel's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.link.overlay import ALL, Overlay, Pick
from linkemu.link.timeline import LinkTimeline
from linkemu.rng import Stream

_BLOCK = 4096  # slots or datagrams whose lots are drawn at once


class Draw:
    """The answers of a Pick for indexes from 0: every n-th, or lots drawn from a stream of its own."""

    def __init__(self, pick: Pick, seed: int, *labels: str | int) -> None:
        self._pick = pick
        self._stream = None if pick.share is None else Stream(seed, "overlay", *labels)
        self._block = -1
        self._lots: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    def hits(self, index: int) -> bool:
        if self._stream is None:
            return (index + 1) % self._pick.every == 0
        block, place = divmod(index, _BLOCK)
        if block != self._block:
            self._block, self._lots = block, self._draw(self._stream, block * _BLOCK, _BLOCK)
        return bool(self._lots[place])

    def among(self, first: int, count: int) -> NDArray[np.int64]:
        """Those that are hit of ``count`` indexes from ``first`` on, sorted."""
        if self._stream is not None:
            return first + np.flatnonzero(self._draw(self._stream, first, count))
        every = self._pick.every
        return np.arange(first + (-first - 1) % every, first + count, every, dtype=np.int64)

    def _draw(self, stream: Stream, first: int, count: int) -> NDArray[np.bool_]:
        lots: NDArray[np.bool_] = stream.uniform(first, count) < (self._pick.share or 0.0)
        return lots


class Veil:
    """The slots that one overlay erases."""

    def __init__(self, overlay: Overlay, timeline: LinkTimeline) -> None:
        pick = overlay.erase_slots or ALL
        labels = (overlay.name, timeline.station, timeline.satellite, timeline.direction.value, "slots")
        self._first = overlay.start_ns // timeline.slot_ns
        self._stop = None if overlay.end_ns is None else overlay.end_ns // timeline.slot_ns
        self.is_solid = pick == ALL
        self._draw = Draw(pick, overlay.seed, *labels)

    def hides(self, first_slot: int, last_slot: int) -> bool:
        """Whether any slot from first to last (inclusive) is erased."""
        first = max(first_slot, self._first)
        last = last_slot if self._stop is None else min(last_slot, self._stop - 1)
        if first > last:
            return False
        return self.is_solid or any(self._draw.hits(slot - self._first) for slot in range(first, last + 1))

    def runs(self, first_slot: int, stop_slot: int) -> NDArray[np.int64]:
        """(first, end) of each run of erased slots among these, shape (k, 2), sorted."""
        first = max(first_slot, self._first)
        stop = stop_slot if self._stop is None else min(stop_slot, self._stop)
        if first >= stop:
            return np.zeros((0, 2), dtype=np.int64)
        if self.is_solid:
            return np.array([[first, stop]], dtype=np.int64)
        slots = self._draw.among(first - self._first, stop - first) + self._first
        breaks = np.flatnonzero(np.diff(slots) > 1)
        begins = slots[np.concatenate([[0], breaks + 1])] if len(slots) else slots
        ends = slots[np.concatenate([breaks, [len(slots) - 1]])] + 1 if len(slots) else slots
        return np.stack([begins, ends], axis=1)


@dataclass(slots=True)
class Harm:
    """What faults do to one datagram; ``flip`` is (where, which bits) as lots in (0, 1)."""

    erased: bool = False
    twice: bool = False
    flip: tuple[float, float] | None = None
    late_ns: int = 0


class Affliction:
    """What one overlay does to datagrams, in the order in which they begin to leave."""

    def __init__(self, overlay: Overlay, timeline: LinkTimeline) -> None:
        self.overlay = overlay
        labels = (overlay.name, timeline.station, timeline.satellite, timeline.direction.value)
        self._erase, self._duplicate, self._corrupt, self._reorder = (
            None if pick is None else Draw(pick, overlay.seed, *labels, effect)
            for pick, effect in (
                (overlay.erase_datagrams, "erase"),
                (overlay.duplicate, "duplicate"),
                (overlay.corrupt, "corrupt"),
                (overlay.reorder, "reorder"),
            )
        )
        self._flips = Stream(overlay.seed, "overlay", *labels, "flip")
        self._count = 0

    def add_to(self, harm: Harm) -> None:
        """Count the next datagram, and add to its harm."""
        number, self._count = self._count, self._count + 1
        harm.erased |= self._erase is not None and self._erase.hits(number)
        harm.twice |= self._duplicate is not None and self._duplicate.hits(number)
        if self._reorder is not None and self._reorder.hits(number):
            harm.late_ns += self.overlay.late_ns
        if self._corrupt is not None and self._corrupt.hits(number):
            where, which = self._flips.uniform(2 * number, 2).tolist()
            harm.flip = where, which


def harm_at(afflictions: Sequence[Affliction], start_ns: int) -> Harm | None:
    """What becomes of the next datagram, which begins to leave at ``start_ns``; None: nothing."""
    acting = [each for each in afflictions if each.overlay.holds_at(start_ns)]
    if not acting:
        return None
    harm = Harm()
    for each in acting:
        each.add_to(harm)
    return harm


def flipped(data: bytes, flip: tuple[float, float], first: int = 0) -> bytes:
    """The same with one byte, from index ``first`` on, that is another."""
    if len(data) <= first:
        return data
    place = first + int(flip[0] * (len(data) - first))
    other = data[place] ^ (1 + int(flip[1] * 255))
    return data[:place] + bytes([other]) + data[place + 1 :]
