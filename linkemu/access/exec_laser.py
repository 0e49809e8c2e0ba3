"""One direction of the laser for IP packets: the arithmetic of linkemu.link with super-packets for datagrams.

Capacity gives the moments of leaving, DelayCurve the light time, the Channel's slots the erasure; the queue
is bounded in bytes and in time. A super-packet leaves in bursts of at most BURST_NS, never straddles rate 0,
and each of its packets is charged its header and is lost alone. Pure: integer ns of scenario time, no device.
"""

from __future__ import annotations

from bisect import bisect_right, insort_right
from collections import deque
from operator import attrgetter

from linkemu.access.exec_flight import Burst, Flight, Onlooker, Tally
from linkemu.access.exec_segments import frame_of
from linkemu.access.exec_spoil import spoiled
from linkemu.link.capacity import BYTE
from linkemu.link.channel import Channel
from linkemu.link.lots import Affliction, Harm, harm_at
from linkemu.link.overlay import Overlay
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction

BURST_NS = 1_000_000
_NEVER_NS = 1 << 62


class Beam:
    """Order of calls: ``offer`` as frames come, ``due`` after each and at each wake-up, then ``next_ns``."""

    def __init__(self, timeline: LinkTimeline, *, queue_bytes: int | None, hold_s: float) -> None:
        self.channel = Channel(timeline, queue_bytes=queue_bytes, hold_s=hold_s)
        self.tally = Tally()
        self.onlooker: Onlooker | None = None  # is told what became of each packet
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
        self._afflictions: tuple[Affliction, ...] = ()

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
            if self.onlooker is not None:
                self.onlooker.dropped(frame, taken, now_ns)
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
            runs = self._survivors(flight)
            if self.onlooker is not None:
                self.onlooker.met(flight, runs, self._capacity)
            frames = [flight.burst.frame.cut(first, stop) for first, stop in runs]
            if frames and flight.harm is not None:
                frames = self._harmed(frames, flight)
            if frames:
                arrived.append((flight, frames))
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
        head = self._schedule()
        expiry_ns = self._queue[0].arrived_ns + self._hold_ns
        return expiry_ns if head is None or head.start_ns > expiry_ns else head.due_ns

    def inside(self) -> tuple[list[Flight], list[Burst]]:
        """What is under way, and what hasn't left."""
        return list(self._flight), list(self._queue)

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    def boundary_ns(self, now_ns: int, *, erases: bool = False) -> int:
        """The first slot's edge at which a change can take effect, erasure too: its slot hasn't begun."""
        return (now_ns // self._slot_ns + 1) * self._slot_ns

    def impose(self, overlay: Overlay, now_ns: int) -> Overlay:
        """Put a fault on; returns it as it takes effect: whole slots, none begun. Ask ``next_ns`` anew.

        ``now_ns`` below 0: as it stands, before anything was played.
        """
        self._settle(now_ns)
        boundary_ns = self.boundary_ns(now_ns) if now_ns >= 0 else 0
        effective = self.channel.overlaid.impose(overlay, boundary_ns, self._since_ns(now_ns))
        self._renew(now_ns)
        return effective

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[Overlay]:
        """End the overlays of this name (None: all) at the next slot, or at ``at_ns``, a later one's edge."""
        self._settle(now_ns)
        ended = self.channel.overlaid.lift(name, max(self.boundary_ns(now_ns), at_ns))
        self._renew(now_ns)
        return ended

    def _renew(self, now_ns: int) -> None:
        """Play on by the overlays as they now are; what has left keeps its times."""
        self.channel.renew(now_ns)
        self._capacity = self.channel.capacity
        self._delay = self.channel.delay
        self._longest_ns = self.channel.longest_delay_ns()
        self._afflictions = self.channel.overlaid.afflictions
        self._clear_ns = (0, 0)
        self._head = None

    def _since_ns(self, now_ns: int) -> int:
        """Nothing that is still inside began to leave earlier."""
        head = self._schedule() if self._queue else None
        leaving_ns = now_ns if head is None else min(head.start_ns, now_ns)
        return min((each.start_ns for each in self._flight), default=leaving_ns)

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
                if self.onlooker is not None:
                    self.onlooker.expired(burst, expiry_ns)
                self._sent = max(self._sent, self._capacity.position(expiry_ns))  # it stood in the way
            else:
                if head.end_ns > now_ns:
                    return
                self._sent = head.position + burst.wire_bytes * BYTE
                self._last_due_ns = head.due_ns
                if self._afflictions:
                    self._afflict(head)
                if self._flight and self._flight[-1].due_ns > head.due_ns:
                    insort_right(self._flight, head, key=attrgetter("due_ns"))
                else:
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
            if several and (end_ns - start_ns > BURST_NS or self._picks(start_ns, end_ns)):
                self._halve()
                continue
            due_ns = max(end_ns + self._delay(end_ns), self._last_due_ns)
            self._head = Flight(burst, position, start_ns, end_ns, due_ns)
        return self._head

    def _picks(self, start_ns: int, end_ns: int) -> bool:
        """Whether an overlay looks at each packet of what leaves within these times."""
        return any(
            each.overlay.start_ns < end_ns and (each.overlay.end_ns is None or start_ns < each.overlay.end_ns)
            for each in self._afflictions
        )

    def _afflict(self, flight: Flight) -> None:
        flight.harm = harm_at(self._afflictions, flight.start_ns)
        if flight.harm is not None:
            flight.due_ns += flight.harm.late_ns

    def _harmed(self, frames: list[bytes], flight: Flight) -> list[bytes]:
        """What arrives of a burst of one packet that wasn't erased."""
        harm = flight.harm or Harm()
        if harm.flip is not None:
            frames = [spoiled(frame, flight.burst.frame.link_bytes, harm.flip) for frame in frames]
        self.tally.corrupted += harm.flip is not None
        self.tally.reordered += harm.late_ns > 0
        self.tally.duplicated += harm.twice
        return frames * 2 if harm.twice else frames

    def _halve(self) -> None:
        whole = self._queue.popleft()
        middle = (whole.first + whole.stop) // 2
        for first, stop in ((middle, whole.stop), (whole.first, middle)):
            size = whole.frame.wire_bytes(first, stop)
            self._queue.appendleft(Burst(whole.frame, first, stop, whole.arrived_ns, size))

    def _survivors(self, flight: Flight) -> list[tuple[int, int]]:
        """The runs (first, stop) of packets of a burst that no erased slot has touched."""
        burst = flight.burst
        if flight.harm is not None and flight.harm.erased:
            self._count(burst.stop - burst.first, burst.wire_bytes, got_through=False)
            return []
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
        if self.channel.overlaid.veils:
            return 0, 0
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
