"""One direction of a laser link, played from its timeline: rate, queue, delay, erasure. Pure, integer ns.

A datagram of n bytes handed over at ``now`` leaves over [C^-1(s), C^-1(s + n)], s = max(C(now), end of the
one before), moved on if it would straddle rate 0, and arrives delay(end of leaving) later. It is lost if a
slot that it touches while it crosses the atmosphere over the ground end is erased. Only the queue's head gets
a time, so a live fault (link/overlay.py, effective at a future slot) never rewrites a departure. No physics.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from linkemu.link.capacity import BYTE, Capacity
from linkemu.link.delay import DelayCurve
from linkemu.link.lots import Affliction, Veil, flipped, harm_at
from linkemu.link.overlaid import Overlaid
from linkemu.link.overlay import Overlay
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction

_NS = 1_000_000_000
DEFAULT_HOLD_S = 10.0
_LEAST_QUEUE_BYTES = 1 << 18


@dataclass(slots=True)  # not frozen: a frozen one takes three times as long to make
class Delivery:
    """A datagram that got through. It has been at the receiver's aperture at ``due_ns``."""

    datagram: bytes
    arrived_ns: int
    start_ns: int  # of leaving
    end_ns: int
    due_ns: int
    copies: int = 1  # 0: a fault has taken this very datagram, 2: one has doubled it


@dataclass(slots=True)
class Counters:
    """What became of all datagrams: offered = refused + expired + erased + delivered + still inside.

    Faults ``corrupted`` and kept back (``reordered``) some as they left; ``duplicated`` arrived once more.
    """

    offered: int = 0
    offered_bytes: int = 0
    refused: int = 0  # the queue was full
    expired: int = 0  # held longer than the bound
    erased: int = 0
    erased_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    corrupted: int = 0
    reordered: int = 0
    duplicated: int = 0


class Channel:
    """A Machine; times below are integer ns of scenario time, ``receive`` and ``transmit`` take seconds.

    The queue drops the newcomer when it would hold more than ``queue_bytes`` (default: the bandwidth-delay
    product of a round trip, at least 100 ms of the highest rate and 256 KiB), and drops its head when it has
    waited ``hold_s`` for light.
    """

    def __init__(
        self, timeline: LinkTimeline, *, queue_bytes: int | None = None, hold_s: float = DEFAULT_HOLD_S
    ) -> None:
        self.timeline = timeline
        self.capacity = Capacity(timeline.edge_ns.tolist(), timeline.rate_bps.tolist())
        self.light = DelayCurve(timeline)
        self.delay: Callable[[int], int] = self.light  # with what overlays make of it
        self.queue_bytes = default_queue_bytes(timeline) if queue_bytes is None else queue_bytes
        self.counters = Counters()
        self._hold_ns = round(hold_s * _NS)
        self._run_start = array("q", timeline.erased_slot.tobytes())
        self._run_count = array("q", timeline.erased_count.tobytes())
        self.overlaid = Overlaid(timeline)
        self._veils: tuple[Veil, ...] = ()
        self._afflictions: tuple[Affliction, ...] = ()
        self._queue: deque[tuple[bytes, int]] = deque()  # datagram, when it arrived
        self._queued_bytes = 0
        self._head: tuple[int, int, int] | None = None  # start, end (ns) and end position of the queue's head
        self._sent = 0  # position at which the last datagram ended
        self._flight: deque[Delivery] = deque()
        self._last_due_ns = 0
        self._settled_ns = 0

    def receive(self, datagram: bytes, now: float) -> None:
        self.offer(datagram, round(now * _NS))

    def transmit(self, now: float) -> list[bytes]:
        return [delivery.datagram for delivery in self.due(round(now * _NS))]

    def next_wakeup(self) -> float | None:
        next_ns = self.next_ns()
        return None if next_ns is None else next_ns / _NS

    def offer(self, datagram: bytes, now_ns: int) -> bool:
        """Queue a datagram that came at ``now_ns``; False if the full queue dropped it."""
        self._settle(now_ns)
        size = len(datagram)
        self.counters.offered += 1
        self.counters.offered_bytes += size
        if self._queued_bytes + size > self.queue_bytes:
            self.counters.refused += 1
            return False
        self._queue.append((datagram, now_ns))
        self._queued_bytes += size
        return True

    def due(self, now_ns: int) -> list[Delivery]:
        """All that has arrived by ``now_ns`` and was not erased, in order."""
        self._settle(now_ns)
        arrived: list[Delivery] = []
        while self._flight and self._flight[0].due_ns <= now_ns:
            delivery = self._flight.popleft()
            if delivery.copies == 0 or self._is_erased(delivery):
                self.counters.erased += 1
                self.counters.erased_bytes += len(delivery.datagram)
            else:
                self.counters.delivered += 1
                self.counters.delivered_bytes += len(delivery.datagram)
                arrived.append(delivery)
                if delivery.copies > 1:
                    self.counters.duplicated += 1
                    arrived.append(delivery)
        return arrived

    def next_ns(self) -> int | None:
        """When ``due`` has something to do next; None while empty."""
        if self._flight:
            first_ns = self._flight[0].due_ns
            if first_ns <= self._last_due_ns or not self._queue:
                return first_ns
            return min(first_ns, self._next_of_queue())  # only what a fault keeps back is in flight
        return self._next_of_queue() if self._queue else None

    def _next_of_queue(self) -> int:
        arrived_ns = self._queue[0][1]
        head = self._schedule_head()
        if head is None or head[0] > arrived_ns + self._hold_ns:
            return arrived_ns + self._hold_ns
        return max(head[1] + self.delay(head[1]), self._last_due_ns)

    @property
    def drained(self) -> bool:
        """Nothing waits and nothing flies."""
        return not self._queue and not self._flight

    @property
    def queued_bytes(self) -> int:
        """Bytes waiting in front of the transmitter, or on their way through it."""
        return self._queued_bytes

    def boundary_ns(self, now_ns: int, *, erases: bool = False) -> int:
        """The first slot's edge at which a change can take effect, erasure too: its slot hasn't begun."""
        return (max(now_ns, self._settled_ns) // self.timeline.slot_ns + 1) * self.timeline.slot_ns

    def impose(self, overlay: Overlay, now_ns: int) -> Overlay:
        """Put a fault on the link; returns it as it takes effect: whole slots, none begun yet.

        ``now_ns`` below 0: it comes from a journal, as it took effect, before anything was played.
        """
        boundary_ns = 0
        if now_ns >= 0:
            self._settle(now_ns)
            boundary_ns = self.boundary_ns(now_ns)
        effective = self.overlaid.impose(overlay, boundary_ns, self._since_ns())
        self.renew(effective.start_ns)
        return effective

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[Overlay]:
        """End the overlays of this name (None: all) at the next slot, or at ``at_ns``, a later slot's edge.

        Returns those ended, with their new ends.
        """
        self._settle(now_ns)
        ended = self.overlaid.lift(name, max(self.boundary_ns(now_ns), at_ns))
        self.renew(min((each.end_ns or 0 for each in ended), default=self.timeline.end_ns))
        return ended

    def longest_delay_ns(self) -> int:
        """No delay of what has been given over is longer."""
        return self.overlaid.longest_delay(self.light.longest())

    def is_slot_erased(self, first_slot: int, last_slot: int) -> bool:
        """Whether any slot from first to last (inclusive) is erased, by the timeline or by an overlay."""
        run = bisect_right(self._run_start, last_slot) - 1
        if run >= 0 and self._run_start[run] + self._run_count[run] > first_slot:
            return True
        return bool(self._veils) and any(veil.hides(first_slot, last_slot) for veil in self._veils)

    def _settle(self, now_ns: int) -> None:
        """Move what has left by ``now_ns`` from the queue into flight, and drop what has waited too long."""
        self._settled_ns = max(self._settled_ns, now_ns)
        while self._queue:
            datagram, arrived_ns = self._queue[0]
            head = self._schedule_head()
            if head is None or head[0] > arrived_ns + self._hold_ns:
                dropped_ns = arrived_ns + self._hold_ns
                if dropped_ns > now_ns:
                    return
                self.counters.expired += 1
                self._sent = max(
                    self._sent, self.capacity.position(dropped_ns)
                )  # it stood in the way until then
            else:
                start_ns, end_ns, self_end = head
                if end_ns > now_ns:
                    return
                self._sent = self_end
                self._last_due_ns = max(end_ns + self.delay(end_ns), self._last_due_ns)
                delivery = Delivery(datagram, arrived_ns, start_ns, end_ns, self._last_due_ns)
                if self._afflictions:
                    self._afflict(delivery)
                if self._flight and self._flight[-1].due_ns > delivery.due_ns:
                    insort_right(self._flight, delivery, key=attrgetter("due_ns"))
                else:
                    self._flight.append(delivery)
            self._queue.popleft()
            self._queued_bytes -= len(datagram)
            self._head = None

    def _afflict(self, delivery: Delivery) -> None:
        harm = harm_at(self._afflictions, delivery.start_ns)
        if harm is None:
            return
        if harm.flip is not None:
            delivery.datagram = flipped(delivery.datagram, harm.flip)
            self.counters.corrupted += 1
        self.counters.reordered += harm.late_ns > 0
        delivery.due_ns += harm.late_ns
        delivery.copies = 0 if harm.erased else 1 + harm.twice

    def renew(self, from_ns: int) -> None:
        """Play on from ``from_ns`` by the overlays as they now are; what C was before stays."""
        self.capacity = self.capacity.spliced(*self.overlaid.segments(from_ns))
        self.delay = self.overlaid.delayed(self.light)
        self._veils = self.overlaid.veils
        self._afflictions = self.overlaid.afflictions
        self._head = None

    def _since_ns(self) -> int:
        """Nothing that is still inside began to leave earlier."""
        head = self._schedule_head() if self._queue else None
        leaving_ns = self._settled_ns if head is None else min(head[0], self._settled_ns)
        return min((each.start_ns for each in self._flight), default=leaving_ns)

    def _schedule_head(self) -> tuple[int, int, int] | None:
        """(start, end, end position) of the queue's head; None if it can never leave."""
        if self._head is None:
            datagram, arrived_ns = self._queue[0]
            size = max(1, len(datagram)) * BYTE  # an empty one waits for light too
            position = self.capacity.fit(max(self.capacity.position(arrived_ns), self._sent), size)
            if position is None:
                return None
            end = position + size
            self._head = (self.capacity.start(position), self.capacity.reach(end), end)
        return self._head

    def _is_erased(self, delivery: Delivery) -> bool:
        """Law 10: up, light crosses the atmosphere as it leaves; down, as it arrives. The end is open."""
        start_ns, end_ns = delivery.start_ns, delivery.end_ns
        if self.timeline.direction is Direction.DOWN:
            start_ns += self.delay(start_ns)
            end_ns += self.delay(end_ns)
        slot = self.timeline.slot_ns
        return self.is_slot_erased(start_ns // slot, max(start_ns, end_ns - 1) // slot)


def default_queue_bytes(timeline: LinkTimeline) -> int:
    """The bandwidth-delay product of a round trip, at least 100 ms of the highest rate and 256 KiB."""
    rate_bps = int(timeline.rate_bps.max())
    round_trip_ns = 2 * DelayCurve(timeline).longest()
    return max(_LEAST_QUEUE_BYTES, rate_bps * max(round_trip_ns, _NS // 10) // (8 * _NS))
