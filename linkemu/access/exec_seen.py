"""What a capture is told of packets that crossed the laser: ``Seen``, and ``Told``, the same as a message.

The data plane makes a Seen of what is at hand, which costs nothing, and a message of it when it has time;
the scribe takes the message apart into single packets, as they were on the wire. Pure bytes, integer ns.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linkemu.access.exec_flight import Burst, Flight
from linkemu.access.exec_segments import VNET_BYTES, Frame, finished, frame_of
from linkemu.link.capacity import BYTE, Capacity

if TYPE_CHECKING:  # it loads numpy, for which the scribe has no use
    from linkemu.link.lots import Harm

DROPPED = "dropped: the queue was full"
EXPIRED = "lost: held too long"
ERASED = "lost: erased"
INSIDE = "still under way at the end"
ARRIVED = "arrived"
_HEAD = struct.Struct("=BBHHqq")  # way, link_bytes, moments, letters of the fate, came, due or -1


@dataclass(slots=True)
class Seen:
    """Packets ``first`` to ``stop`` of a burst that had one fate; what never left met it ``at_ns``."""

    way: int
    fate: str
    burst: Burst
    first: int
    stop: int
    at_ns: int
    flight: Flight | None = None
    capacity: Capacity | None = None  # by which a flight left

    @property
    def packets(self) -> int:
        return self.stop - self.first

    def message(self) -> bytes:
        frame, fate, left = self.burst.frame, self.fate.encode(), self._left_ns()
        arrives = self.flight is not None and self.fate.startswith(ARRIVED)
        due_ns = self.flight.due_ns if self.flight is not None and arrives else -1
        head = _HEAD.pack(self.way, frame.link_bytes, len(left), len(fate), self.burst.arrived_ns, due_ns)
        return b"".join((head, struct.pack(f"={len(left)}q", *left), fate, frame.cut(self.first, self.stop)))

    def _left_ns(self) -> list[int]:
        """When each packet began to leave; one moment for all that never did."""
        if self.flight is None or self.capacity is None:
            return [self.at_ns]
        if self.burst.stop - self.burst.first == 1:
            return [self.flight.start_ns]
        begin, step = self.flight.position, self.burst.frame.segment_bytes * BYTE
        places = range(self.first - self.burst.first, self.stop - self.burst.first)
        return [self.capacity.start(begin + place * step) for place in places]


def arrival(harm: Harm | None) -> str:
    """The fate of a packet that has arrived, whatever a fault did to it."""
    if harm is None:
        return ARRIVED
    marks = ((harm.late_ns > 0, "kept back"), (harm.flip is not None, "changed"), (harm.twice, "twice"))
    return " ".join([ARRIVED, *(word for is_so, word in marks if is_so)])


@dataclass(frozen=True, slots=True)
class Told:
    """A message as the scribe reads it; ``left_ns`` is of each packet, or one moment of all."""

    way: int
    fate: str
    came_ns: int
    due_ns: int | None
    left_ns: Sequence[int]
    frame: Frame

    @classmethod
    def of(cls, message: bytes) -> Told:
        way, link_bytes, moments, letters, came_ns, due_ns = _HEAD.unpack_from(message)
        left = struct.unpack_from(f"={moments}q", message, _HEAD.size)
        top = _HEAD.size + 8 * moments
        frame = frame_of(message[top + letters :], link_bytes)
        assert frame is not None, "the beam takes nothing that isn't IP"
        fate = message[top : top + letters].decode()
        return cls(way, fate, came_ns, None if due_ns < 0 else due_ns, left, frame)

    @property
    def last_ns(self) -> int:
        """The moment at which this was known."""
        return self.left_ns[-1] if self.due_ns is None else self.due_ns

    def packets(self) -> Iterator[tuple[int, bytes, str]]:
        """When each packet left (or was given up), its bytes from the IP header on, and what became of it."""
        top = VNET_BYTES + self.frame.link_bytes
        for number in range(self.frame.count):
            left_ns = self.left_ns[number if len(self.left_ns) > 1 else 0]
            data = finished(self.frame.cut(number, number + 1))
            yield left_ns, data[top:], self._comment(left_ns)

    def _comment(self, left_ns: int) -> str:
        after = "" if self.due_ns is None else f" after {_ms(self.due_ns - left_ns)}"
        waited = f"; waited {_ms(left_ns - self.came_ns)}" if left_ns > self.came_ns else ""
        return self.fate + after + waited


def _ms(duration_ns: int) -> str:
    """All its digits."""
    return f"{duration_ns // 10**6}.{duration_ns % 10**6:06} ms"
