"""One direction of the laser for IP packets: the arithmetic of linkemu.link with super-packets for datagrams.

Capacity gives the moments of leaving, DelayCurve the light time, the Channel's slots the erasure; the queue
is bounded in bytes and in time. A super-packet leaves in bursts of at most BURST_NS, never straddles rate 0,
and each of its packets is charged its header and is lost alone. Pure: integer ns of scenario time, no device.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

from linkemu.access.exec_segments import Frame, frame_of
from linkemu.link.capacity import BYTE
from linkemu.link.channel import Channel
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction

BURST_NS = 1_000_000
_NEVER_NS = 1 << 62


@dataclass(slots=True)
class Tally:
    """Packets as they are on the wire: offered = dropped + expired + erased + delivered + still inside."""

    offered: int = 0
    offered_bytes: int = 0
    dropped: int = 0  # the queue was full
    expired: int = 0  # held longer than the bound
    erased: int = 0
    erased_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    strange: int = 0  # frames that are not IP


@dataclass(slots=True)  # not frozen, as Frame and Flight: a frozen one takes three times as long to make
class Burst:
    """Packets ``first`` to ``stop`` of a frame that came at ``arrived_ns``, ``wire_bytes`` in all."""

    frame: Frame
    first: int
    stop: int
    arrived_ns: int
    wire_bytes: int


@dataclass(slots=True)
class Flight:
    """A burst that has left over [start, end] from ``position`` of C, due at the other end."""

    burst: Burst
    position: int
    start_ns: int
    end_ns: int
    due_ns: int


class Beam:
    """Order of calls: ``offer`` as frames come, ``due`` after each and at each wake-up, then ``next_ns``."""

    def __init__(self, timeline: LinkTimeline, *, queue_bytes: int | None, hold_s: float) -> None:
        self.channel = Channel(timeline, queue_bytes=queue_bytes, hold_s=hold_s)
        self.tally = Tally()
        self._capacity = self.channel.capacity
        self._delay = self.channel.delay
        self._down = timeline.direction is Direction.DOWN
        self._slot_ns = timeline.slot_ns
        self._hold_ns = round(hold_s * 1e9)
        self._queue: deque[Burst] = deque()
        self._queued_bytes = 0
        self._head: Flight | None = None
        self._sent = 0  # position at which the last burst ended
        self._flight: deque[Flight] = deque()
        self._last_due_ns = 0
        self._run_start: list[int] = timeline.erased_slot.tolist()
        self._run_end: list[int] = (timeline.erased_slot + timeline.erased_count).tolist()
        self._longest_ns = self.channel.longest_delay_ns()
        self._clear_ns = (0, 0)  # leaving within it, nothing is erased

    def offer(self, data: bytes, link_bytes: int, now_ns: int) -> None:
        """Queue a frame that came at ``now_ns``, or as many of its packets as the queue still takes."""
        frame = frame_of(data, link_bytes)
        if frame is None:
            self.tally.strange += 1
            return
        self._settle(now_ns)
        wire = frame.wire_bytes(0, frame.count)
        self.tally.offered += frame.count
        self.tally.offered_bytes += wire
        room = self.channel.queue_bytes - self._queued_bytes
        taken = frame.count
        if wire > room:
            taken = max(0, room // frame.segment_bytes) if frame.count > 1 else 0
            self.tally.dropped += frame.count - taken
        if taken:
            burst = Burst(
                frame, 0, taken, now_ns, wire if taken == frame.count else frame.wire_bytes(0, taken)
            )
            self._queue.append(burst)
            self._queued_bytes += burst.wire_bytes

    def due(self, now_ns: int, limit: int | None = None) -> list[tuple[Flight, list[bytes]]]:
        """What has arrived by ``now_ns``, in order: each burst with the frames that are left of it.

        At most ``limit`` bursts; ``next_ns`` tells if there are more.
        """
        self._settle(now_ns)
        arrived: list[tuple[Flight, list[bytes]]] = []
        while self._flight and self._flight[0].due_ns <= now_ns and len(arrived) != limit:
            flight = self._flight.popleft()
            frames = [flight.burst.frame.cut(first, stop) for first, stop in self._survivors(flight)]
            if frames:
                arrived.append((flight, frames))
        return arrived

    def next_ns(self) -> int | None:
        """When ``due`` has something to do next; None while empty."""
        if self._flight:
            return self._flight[0].due_ns
        if not self._queue:
            return None
        head = self._schedule()
        expiry_ns = self._queue[0].arrived_ns + self._hold_ns
        return expiry_ns if head is None or head.start_ns > expiry_ns else head.due_ns

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    def _settle(self, now_ns: int) -> None:
        """Move what has left by ``now_ns`` into flight, and drop what has waited too long."""
        while self._queue:
            head = self._schedule()
            burst = self._queue[0]
            expiry_ns = burst.arrived_ns + self._hold_ns
            if head is None or head.start_ns > expiry_ns:
                if expiry_ns > now_ns:
                    return
                self.tally.expired += burst.stop - burst.first
            else:
                if head.end_ns > now_ns:
                    return
                self._sent = head.position + burst.wire_bytes * BYTE
                self._last_due_ns = head.due_ns
                self._flight.append(head)
            self._queue.popleft()
            self._queued_bytes -= burst.wire_bytes
            self._head = None

    def _schedule(self) -> Flight | None:
        """When the head of the queue leaves, after cutting it down to one burst; None if it never can."""
        while self._head is None:
            burst = self._queue[0]
            free = max(self._capacity.position(burst.arrived_ns), self._sent)
            size = burst.wire_bytes * BYTE
            position = self._capacity.fit(free, size)
            several = burst.stop - burst.first > 1
            if position is None or (position != free and several):
                if not several:
                    return None
                self._halve()
                continue
            start_ns, end_ns = self._capacity.start(position), self._capacity.reach(position + size)
            if several and end_ns - start_ns > BURST_NS:
                self._halve()
                continue
            due_ns = max(end_ns + self._delay(end_ns), self._last_due_ns)
            self._head = Flight(burst, position, start_ns, end_ns, due_ns)
        return self._head

    def _halve(self) -> None:
        whole = self._queue.popleft()
        middle = (whole.first + whole.stop) // 2
        for first, stop in ((middle, whole.stop), (whole.first, middle)):
            size = whole.frame.wire_bytes(first, stop)
            self._queue.appendleft(Burst(whole.frame, first, stop, whole.arrived_ns, size))

    def _survivors(self, flight: Flight) -> list[tuple[int, int]]:
        """The runs (first, stop) of packets of a burst that no erased slot has touched."""
        burst = flight.burst
        if not self._is_erased(flight.start_ns, flight.end_ns):
            self._count(burst.stop - burst.first, burst.wire_bytes, got_through=True)
            return [(burst.first, burst.stop)]
        runs: list[tuple[int, int]] = []
        for each in range(burst.first, burst.stop):
            begin = flight.position + burst.frame.wire_bytes(burst.first, each) * BYTE
            end = flight.position + burst.frame.wire_bytes(burst.first, each + 1) * BYTE
            alive = not self._is_erased(self._capacity.start(begin), self._capacity.reach(end))
            self._count(1, (end - begin) // BYTE, got_through=alive)
            if alive and runs and runs[-1][1] == each:
                runs[-1] = (runs[-1][0], each + 1)
            elif alive:
                runs.append((each, each + 1))
        return runs

    def _is_erased(self, start_ns: int, end_ns: int) -> bool:
        """Law 10: up, light crosses the atmosphere as it leaves; down, as it arrives. The end is open."""
        if self._clear_ns[0] <= start_ns and end_ns <= self._clear_ns[1]:
            return False
        if self._down:
            start_ns += self._delay(start_ns)
            end_ns += self._delay(end_ns)
        first, last = start_ns // self._slot_ns, max(start_ns, end_ns - 1) // self._slot_ns
        if self.channel.is_slot_erased(first, last):
            return True
        self._clear_ns = self._clearance(last)
        return False

    def _clearance(self, slot: int) -> tuple[int, int]:
        """Times of leaving around ``slot`` for which nothing needs to be looked up: far from erased runs."""
        later = bisect_right(self._run_start, slot)
        start_ns = self._run_end[later - 1] * self._slot_ns if later else 0
        end_ns = self._run_start[later] * self._slot_ns if later < len(self._run_start) else _NEVER_NS
        return start_ns, end_ns - (self._longest_ns if self._down else 0)

    def _count(self, packets: int, size: int, *, got_through: bool) -> None:
        if got_through:
            self.tally.delivered += packets
            self.tally.delivered_bytes += size
        else:
            self.tally.erased += packets
            self.tally.erased_bytes += size
