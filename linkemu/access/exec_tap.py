"""The data plane's side of a capture: notes what became of each packet, tells the scribe when there is time.

A note costs a reference. Its message goes out after what is due, a few in each round of the loop, by a socket
that never keeps the loop: what the scribe doesn't take waits up to a bound, and beyond it is only counted.
"""

from __future__ import annotations

import errno
import json
import socket
from collections import deque
from collections.abc import Iterable

from linkemu.access.exec_flight import Burst, Flight
from linkemu.access.exec_seen import DROPPED, ERASED, EXPIRED, INSIDE, Seen, arrival
from linkemu.access.exec_segments import Frame
from linkemu.link.capacity import Capacity

_MOST_BYTES = 32 << 20
_EACH_BYTES = 1 << 10  # what a note costs beside its packets
_AT_ONCE = 4  # messages in a round: some 50 us each at the most
_PATIENCE_S = 5.0  # with a scribe that takes nothing, at the end
_FULL = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
_GONE = {errno.EPIPE, errno.ECONNRESET}


class Tap:
    """Order of calls: ``note`` at any time, ``step`` in each round, ``close`` with what is still inside."""

    def __init__(self, channel: socket.socket, ways: int = 2, most_bytes: int = _MOST_BYTES) -> None:
        """``channel``: SOCK_SEQPACKET to the scribe."""
        channel.setblocking(False)
        self.missed = [0] * ways  # packets of each direction that nobody will tell of
        self._channel = channel
        self._most_bytes = most_bytes
        self._notes: deque[Seen] = deque()
        self._bytes = 0
        self._message = b""  # of the first note, if the socket had no room for it
        self._is_gone = False

    @property
    def has_work(self) -> bool:
        """Whether ``step`` would get on, as far as is known."""
        return bool(self._notes) and not self._message

    def note(self, seen: Seen) -> None:
        """It will be told, unless too much waits already."""
        cost = _cost(seen)
        if self._is_gone or self._bytes + cost > self._most_bytes:
            self.missed[seen.way] += seen.packets
            return
        self._notes.append(seen)
        self._bytes += cost

    def step(self, most: int = _AT_ONCE) -> None:
        """Tell a little of what waits; at once if the scribe takes nothing."""
        for _ in range(min(most, len(self._notes))):
            self._message = self._message or self._notes[0].message()
            try:
                self._channel.send(self._message)
            except OSError as error:
                if error.errno in _GONE:
                    self._give_up()
                elif not _is_full(error):
                    raise
                return
            self._message = b""
            self._bytes -= _cost(self._notes.popleft())

    def close(self, patience_s: float = _PATIENCE_S) -> None:
        """Tell all that waits, then how much was missed."""
        self._channel.settimeout(patience_s)
        self.step(len(self._notes))
        self._give_up()
        try:
            self._channel.send(json.dumps({"missed": self.missed}).encode())
        except OSError as error:  # who started the scribe tells what became of it
            if error.errno not in _GONE and not _is_full(error):
                raise
        self._channel.close()

    def _give_up(self) -> None:
        """Nothing more is told."""
        self._is_gone = True
        for seen in self._notes:
            self.missed[seen.way] += seen.packets
        self._notes.clear()
        self._message = b""


def _is_full(error: OSError) -> bool:
    return error.errno in _FULL or isinstance(error, TimeoutError)


def _cost(seen: Seen) -> int:
    return seen.burst.frame.wire_bytes(seen.first, seen.stop) + _EACH_BYTES


class Onlooker:
    """Of one direction: notes what its Beam says (exec_flight.Onlooker)."""

    def __init__(self, way: int, tap: Tap) -> None:
        self._way = way
        self._tap = tap

    def dropped(self, frame: Frame, first: int, now_ns: int) -> None:
        burst = Burst(frame, first, frame.count, now_ns, 0)
        self._tap.note(Seen(self._way, DROPPED, burst, first, frame.count, now_ns))

    def expired(self, burst: Burst, at_ns: int) -> None:
        self._tap.note(Seen(self._way, EXPIRED, burst, burst.first, burst.stop, at_ns))

    def met(self, flight: Flight, runs: list[tuple[int, int]], capacity: Capacity) -> None:
        place, burst = flight.burst.first, flight.burst
        fate = arrival(flight.harm)
        for first, stop in (*runs, (burst.stop, burst.stop)):
            if place < first:
                self._left(flight, ERASED, place, first, capacity)
            if first < stop:
                self._left(flight, fate, first, stop, capacity)
            place = stop

    def rest(self, flights: Iterable[Flight], queued: Iterable[Burst], capacity: Capacity) -> None:
        """What the end has found inside."""
        for flight in flights:
            self._left(flight, INSIDE, flight.burst.first, flight.burst.stop, capacity)
        for burst in queued:
            self._tap.note(Seen(self._way, INSIDE, burst, burst.first, burst.stop, burst.arrived_ns))

    def _left(self, flight: Flight, fate: str, first: int, stop: int, capacity: Capacity) -> None:
        self._tap.note(Seen(self._way, fate, flight.burst, first, stop, flight.start_ns, flight, capacity))
