"""What a Beam carries and counts: bursts, those that have left; and who is told what became of them.

Words, no deeds; integer ns of scenario time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from linkemu.access.exec_segments import Frame
from linkemu.link.capacity import Capacity

if TYPE_CHECKING:  # it loads numpy, for which the scribe has no use
    from linkemu.link.lots import Harm


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
    corrupted: int = 0  # of those delivered, by faults
    reordered: int = 0  # kept back
    duplicated: int = 0  # delivered once more
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
    harm: Harm | None = None  # of a burst of one packet, by an overlay


class Onlooker(Protocol):
    """Hears of each packet once, when nothing can happen to it any more. Called in the midst of carrying:
    what takes time is for later."""

    def dropped(self, frame: Frame, first: int, now_ns: int) -> None:
        """The queue was full for the packets of the frame from ``first`` on."""

    def expired(self, burst: Burst, at_ns: int) -> None:
        """It was held too long, and given up."""

    def met(self, flight: Flight, runs: list[tuple[int, int]], capacity: Capacity) -> None:
        """It is due: ``runs`` (first, stop) of its packets arrive, all others were erased."""
