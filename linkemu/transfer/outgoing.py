"""An Outgoing: one chunk that a Sender has begun, and what is known of its bytes.

A frame in flight is a record (sequence, start, end). Statements of the peer's inventory settle it: held,
or lost once later frames were seen. What is then neither held nor in flight is to be sent. No frames are
made and no timers run here.
"""

from __future__ import annotations

from linkemu.transfer.ranges import RangeSet
from linkemu.transfer.report import Piece
from linkemu.transfer.settings import FileCounters

REORDER = 3  # frames that may overtake another one before it counts as lost


class Outgoing:
    """One chunk (or manifest) on its way: ``unsent`` ranges, and ``flight``: sent, not yet settled."""

    __slots__ = (
        "awaits", "chunk_id", "counters", "data", "flight", "is_manifest", "length", "once", "priority",
        "queued", "started", "unsent", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        chunk_id: bytes,
        length: int,
        priority: int,
        counters: FileCounters | None = None,
        is_manifest: bool = False,
    ) -> None:
        self.chunk_id = chunk_id
        self.length = length
        self.priority = priority
        self.counters = counters or FileCounters()
        self.is_manifest = is_manifest
        self.data: memoryview | None = None
        self.unsent = RangeSet([(0, length)])
        self.once = RangeSet()  # sent at least once
        self.flight: list[tuple[int, int, int]] = []
        self.wanted = False  # the node was asked for the data
        self.queued = False
        self.awaits = False  # the peer's inventory: send nothing before it is stated
        self.started = False

    def settle(self, piece: Piece | None, highest: int) -> None:
        """Take a statement of what the peer holds of it (None: nothing) once it saw ``highest``."""
        held = RangeSet(piece.ranges) if piece else RangeSet()
        until = min(piece.until, self.length) if piece else self.length
        overtaken = highest - REORDER
        reach = held.span()
        held_until = reach[1] if reach else 0
        flight = []
        covered = held.copy()
        run_start = run_end = 0  # frames in a row
        for record in self.flight:
            sequence, start, end = record
            if (sequence <= overtaken and end <= until) or (end <= held_until and held.covers(start, end)):
                continue
            flight.append(record)
            if start != run_end:
                covered.add(run_start, run_end)
                run_start = start
            run_end = end
        covered.add(run_start, run_end)
        beyond = [(max(start, until), end) for start, end in self.unsent if end > until]
        self.flight = flight
        self.unsent = RangeSet([*covered.gaps(0, until), *beyond])

    def settle_whole(self) -> None:
        """The peer has all of it, and makes it durable."""
        self.flight = []
        self.unsent.clear()
