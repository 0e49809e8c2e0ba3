"""A Channel that gives many datagrams their places at once: the same answers, in arrays. Pure; integer ns.

On a stretch of constant rate the place of each datagram is a running maximum over those before it, exact in
64 bits once positions are counted from the batch's own beginning; what isn't so plain (an edge of the rate,
a plateau, an expiry) is asked of Capacity one by one. The future is known, so each gets its place when it
comes. While an overlay asks for more than another rate, datagrams go through the Channel itself.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from linkemu.link.capacity import BYTE
from linkemu.link.channel import DEFAULT_HOLD_S, Channel, Delivery
from linkemu.link.delay import Delays
from linkemu.link.overlay import Overlay
from linkemu.link.sheaf import Integers, Leg, Loose, Placed, Sheaf
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction

_MOST = 1 << 61  # of a position, counted from where a batch begins


class Lane(Channel):
    """Order of calls: ``offer_many`` in the order of arrival, ``due`` and then ``due_many``, ``next_ns``.

    What overlays have touched comes out of ``due``, all else out of ``due_many``.
    """

    def __init__(
        self, timeline: LinkTimeline, *, queue_bytes: int | None = None, hold_s: float = DEFAULT_HOLD_S
    ) -> None:
        super().__init__(timeline, queue_bytes=queue_bytes, hold_s=hold_s)
        self._is_express = True
        self._left_ns = 0  # when the last one that has a place will be out of the queue
        self._latest_ns = 0  # when the last one came
        self._waiting: deque[Placed] = deque()  # those with rows in the queue
        self._flying: deque[Placed] = deque()  # those with rows that haven't come out
        self._runs = np.asarray(timeline.erased_slot, dtype=np.int64)
        self._run_ends = self._runs + np.asarray(timeline.erased_count, dtype=np.int64)
        self._delays = Delays(timeline)

    def offer_many(self, sheaf: Sheaf, arrived_ns: Integers) -> int:
        """Queue all datagrams of a sheaf; how many won't come out of ``due_many``.

        ``arrived_ns`` (n,) is when each came; one that comes out of order counts as come with the latest.
        """
        if not len(arrived_ns):
            return 0
        arrived_ns = np.maximum(np.maximum.accumulate(arrived_ns), self._latest_ns)
        self._latest_ns = int(arrived_ns[-1])
        if not self._is_express:
            for row, at_ns in enumerate(arrived_ns.tolist()):
                self.offer(sheaf.datagram(row), at_ns)
            return len(arrived_ns)
        sizes = sheaf.sizes
        self.counters.offered += len(sizes)
        self.counters.offered_bytes += int(sizes.sum())
        self._settled_ns = max(self._settled_ns, int(arrived_ns[-1]))
        refused = self.counters.refused
        self._take(sheaf, np.arange(len(sizes)), sizes, arrived_ns)
        self._leave(self._latest_ns)
        return self.counters.refused - refused

    def due_many(self, now_ns: int) -> list[Leg]:
        """What has arrived by ``now_ns``, in order."""
        self._settled_ns = max(self._settled_ns, now_ns)
        legs = []
        while self._flying:
            placed = self._flying[0]
            stop = int(np.searchsorted(placed.due_ns, now_ns, side="right"))
            if stop > placed.first:
                legs.append(Leg(placed, placed.first, stop))
                self._count(placed, placed.first, stop)
                placed.first = stop
            if stop < len(placed.due_ns):
                break
            self._flying.popleft()
        if not self._is_express and self._may_be_express(now_ns):
            self._resume()
        return legs

    def next_ns(self) -> int | None:
        times = [super().next_ns()]
        if self._flying:
            times.append(int(self._flying[0].due_ns[self._flying[0].first]))
        return min((time for time in times if time is not None), default=None)

    @property
    def drained(self) -> bool:
        return not self._flying and super().drained

    def impose(self, overlay: Overlay, now_ns: int) -> Overlay:
        self._hand_over(now_ns)
        return super().impose(overlay, now_ns)

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[Overlay]:
        self._hand_over(now_ns)
        return super().lift(name, now_ns, at_ns)

    def _take(self, sheaf: Sheaf, rows: Integers, sizes: Integers, arrived_ns: Integers) -> None:
        """Admit what the queue has room for, and place it; by halves where that can't be said at once."""
        self._leave(int(arrived_ns[0]))
        if self._queued_bytes + int(sizes.sum()) <= self.queue_bytes:
            self._put(sheaf, rows, sizes, arrived_ns)
            return
        kept = self._admitted(sizes, arrived_ns)
        if kept is None:
            half = len(rows) // 2
            self._take(sheaf, rows[:half], sizes[:half], arrived_ns[:half])
            self._take(sheaf, rows[half:], sizes[half:], arrived_ns[half:])
            return
        self.counters.refused += len(rows) - len(kept)
        if len(kept):
            self._put(sheaf, rows[kept], sizes[kept], arrived_ns[kept])

    def _admitted(self, sizes: Integers, arrived_ns: Integers) -> Integers | None:
        """Indexes of those that find room in the queue; None if some may leave while others come."""
        if len(sizes) == 1:
            return np.zeros(0, dtype=np.int64)
        if not self._waiting or self._waiting[-1].left_ns[-1] <= arrived_ns[-1]:
            return None
        used, kept = 0, []
        free = (self._freed(arrived_ns) + (self.queue_bytes - self._queued_bytes)).tolist()
        for i, size in enumerate(sizes.tolist()):
            if used + size <= free[i]:
                used += size
                kept.append(i)
        return np.array(kept, dtype=np.int64)

    def _freed(self, times_ns: Integers) -> Integers:
        """How many of the bytes that wait now will have left by each of these times."""
        freed = np.zeros(len(times_ns), dtype=np.int64)
        for placed in self._waiting:
            gone = np.searchsorted(placed.left_ns[placed.left :], times_ns, side="right")
            freed += np.concatenate([[0], np.cumsum(placed.sizes[placed.left :])])[gone]
            if placed.left_ns[-1] > times_ns[-1]:
                break
        return freed

    def _leave(self, now_ns: int) -> None:
        """Take what has left by ``now_ns`` out of the queue."""
        while self._waiting:
            placed = self._waiting[0]
            left = int(np.searchsorted(placed.left_ns, now_ns, side="right"))
            if left > placed.left:
                self._queued_bytes -= int(placed.sizes[placed.left : left].sum())
                placed.left = left
            if left < len(placed.left_ns):
                return
            self._waiting.popleft()

    def _put(self, sheaf: Sheaf, rows: Integers, sizes: Integers, arrived_ns: Integers) -> None:
        """Give admitted datagrams their places: all at once, by halves, or one by one."""
        placed = self._place_all(sheaf, rows, sizes, arrived_ns)
        if placed is None and len(rows) > 1:
            half = len(rows) // 2
            self._put(sheaf, rows[:half], sizes[:half], arrived_ns[:half])
            self._put(sheaf, rows[half:], sizes[half:], arrived_ns[half:])
            return
        if placed is None:
            placed = self._place_one(sheaf, rows, sizes, arrived_ns)
        if placed.left_ns[0] < self._left_ns:  # an empty one needs no light, but waits for its turn
            placed.left_ns = np.maximum(placed.left_ns, self._left_ns)
        self._left_ns = int(placed.left_ns[-1])
        self._queued_bytes += int(sizes.sum())
        self._waiting.append(placed)
        self._flying.append(placed)

    def _place_all(
        self, sheaf: Sheaf, rows: Integers, sizes: Integers, arrived_ns: Integers
    ) -> Placed | None:
        """On one stretch of constant rate, without an expiry; else None."""
        base = max(self._sent, self.capacity.position(int(arrived_ns[0])))
        begin_ns = self.capacity.start(base)
        rate_bps, until_ns = self.capacity.rate(begin_ns), self.capacity.next_edge(begin_ns)
        if not rate_bps or until_ns is None or arrived_ns[-1] > until_ns or not sizes.all():
            return None
        if (int(arrived_ns[-1]) - begin_ns) * rate_bps > _MOST:
            return None
        rest = base - self.capacity.position(begin_ns)  # less than a ns of the rate
        work = sizes * BYTE
        ahead = np.cumsum(work)
        idle = np.maximum(arrived_ns - begin_ns, -1) * rate_bps - rest  # C from the base on, when each comes
        ahead += np.maximum.accumulate(np.maximum(idle - (ahead - work), 0))
        if base + int(ahead[-1]) > self.capacity.position(until_ns):
            return None
        start_ns = begin_ns + (ahead - work + rest) // rate_bps
        if (start_ns - arrived_ns > self._hold_ns).any():
            return None
        end_ns = begin_ns - (-(ahead + rest)) // rate_bps
        return self._launch(sheaf, rows, sizes, arrived_ns, start_ns, end_ns, base, ahead)

    def _place_one(self, sheaf: Sheaf, rows: Integers, sizes: Integers, arrived_ns: Integers) -> Placed:
        """As the Channel does: past a plateau, over an edge of the rate, or given up."""
        arrived, size = int(arrived_ns[0]), max(1, int(sizes[0])) * BYTE
        base = self.capacity.fit(max(self._sent, self.capacity.position(arrived)), size)
        dropped_ns = arrived + self._hold_ns
        if base is not None and self.capacity.start(base) <= dropped_ns:
            start_ns, end_ns = (
                np.array([self.capacity.start(base)]),
                np.array([self.capacity.reach(base + size)]),
            )
            return self._launch(sheaf, rows, sizes, arrived_ns, start_ns, end_ns, base, np.array([size]))
        before = self._sent, self._last_due_ns
        self._sent = max(self._sent, self.capacity.position(dropped_ns))  # it stands in the way until then
        end_ns, due_ns = np.array([dropped_ns]), np.array([max(dropped_ns, self._last_due_ns)])
        lost, none = np.ones(1, dtype=np.bool_), np.zeros(1, dtype=np.int64)
        base = self._sent
        return Placed(
            sheaf, rows, sizes, arrived_ns, end_ns, end_ns, due_ns, lost, True, base, none, end_ns, before
        )

    def _launch(
        self,
        sheaf: Sheaf,
        rows: Integers,
        sizes: Integers,
        arrived_ns: Integers,
        start_ns: Integers,
        end_ns: Integers,
        base: int,
        ahead: Integers,
    ) -> Placed:
        """Their arrivals, and who is erased on the way."""
        flight_ns = self._delays(end_ns)
        due_ns = np.maximum(np.maximum.accumulate(end_ns + flight_ns), self._last_due_ns)
        lost = self._erased(start_ns, end_ns, flight_ns) if len(self._runs) else None
        before = self._sent, self._last_due_ns
        self._sent, self._last_due_ns = base + int(ahead[-1]), int(due_ns[-1])
        return Placed(
            sheaf, rows, sizes, arrived_ns, start_ns, end_ns, due_ns, lost, False, base, ahead, end_ns, before
        )

    def _erased(self, start_ns: Integers, end_ns: Integers, flight_ns: Integers) -> NDArray[np.bool_] | None:
        """Law 10, as in the Channel; None if none is."""
        if self.timeline.direction is Direction.DOWN:
            start_ns, end_ns = start_ns + self._delays(start_ns), end_ns + flight_ns
        slot = self.timeline.slot_ns
        run = np.searchsorted(self._runs, np.maximum(start_ns, end_ns - 1) // slot, side="right") - 1
        lost = (run >= 0) & (self._run_ends[run] > start_ns // slot)
        return lost if lost.any() else None

    def _count(self, placed: Placed, first: int, stop: int) -> None:
        sizes = placed.sizes[first:stop]
        if placed.expired:
            self.counters.expired += 1
            return
        count, total = stop - first, int(sizes.sum())
        if placed.lost is not None:
            lost = placed.lost[first:stop]
            erased, erased_bytes = int(lost.sum()), int(sizes[lost].sum())
            self.counters.erased += erased
            self.counters.erased_bytes += erased_bytes
            count, total = count - erased, total - erased_bytes
        self.counters.delivered += count
        self.counters.delivered_bytes += total

    def _may_be_express(self, now_ns: int) -> bool:
        """No overlay that still acts does more than change the rate."""
        live = self.overlaid.live(min(now_ns, self._since_ns()))
        return all(
            not (each.touches_delay or each.touches_datagrams or each.erase_slots is not None)
            for each in live
        )

    def _hand_over(self, now_ns: int) -> None:
        """Give the Channel all that is inside, as if it had gone through it from the beginning."""
        if not self._is_express:
            return
        self._is_express = False
        self._settled_ns = max(self._settled_ns, now_ns)
        self._queued_bytes = 0
        tail: tuple[int, int] | None = None
        for placed in self._flying:
            left = int(np.searchsorted(placed.left_ns, self._settled_ns, side="right"))
            for row in range(placed.first, left):
                self._fly(placed, row)
            if left < len(placed.end_ns) and tail is None:
                tail = placed.tail(left)
            for row in range(left, len(placed.end_ns)):
                datagram = placed.sheaf.datagram(int(placed.rows[row]))
                self._queue.append((datagram, int(placed.arrived_ns[row])))
                self._queued_bytes += len(datagram)
        self._sent, self._last_due_ns = tail or (self._sent, self._last_due_ns)
        self._flying.clear()
        self._waiting.clear()
        self._head = None

    def _fly(self, placed: Placed, row: int) -> None:
        if placed.expired:
            self.counters.expired += 1
            return
        datagram = placed.sheaf.datagram(int(placed.rows[row]))
        times = (placed.arrived_ns, placed.start_ns, placed.end_ns, placed.due_ns)
        self._flight.append(Delivery(datagram, *(int(each[row]) for each in times)))

    def _resume(self) -> None:
        """Take over what waits in the Channel; what flies comes out of it."""
        self._is_express = True
        waiting, self._queue = self._queue, deque()
        self._queued_bytes, self._head, self._left_ns = 0, None, 0
        if waiting:
            sheaf = Loose([datagram for datagram, _ in waiting])
            arrived_ns = np.array([at_ns for _, at_ns in waiting], dtype=np.int64)
            self._put(sheaf, np.arange(len(arrived_ns)), sheaf.sizes, arrived_ns)
