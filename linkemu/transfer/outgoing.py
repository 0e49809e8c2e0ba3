"""What a Sender keeps: an Offer for each file, an Outgoing for each chunk of it that is under way.

A frame in flight is a record (sequence, start, end). Statements of the peer's inventory settle it: held,
or lost once later frames were seen. What is then neither held nor in flight is to be sent. No frames are
made and no timers run here.
"""

from __future__ import annotations

from collections.abc import Container

from linkemu.transfer.manifest import Manifest
from linkemu.transfer.ranges import RangeSet
from linkemu.transfer.report import Piece, Section

REORDER = 3  # frames that may overtake another one before it counts as lost


class Outgoing:
    """One chunk (or manifest) on its way: ``unsent`` ranges, and ``flight``: sent, not yet settled."""

    __slots__ = (
        "awaits", "chunk_id", "data", "flight", "is_manifest", "length", "once", "priority",
        "queued", "started", "unsent", "wanted",
    )  # fmt: skip

    def __init__(self, chunk_id: bytes, length: int, priority: int, is_manifest: bool = False) -> None:
        self.chunk_id = chunk_id
        self.length = length
        self.priority = priority
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
        flight = []
        covered = held.copy()
        for record in self.flight:
            sequence, start, end = record
            if held.covers(start, end) or (sequence <= highest - REORDER and end <= until):
                continue
            flight.append(record)
            covered.add(start, end)
        beyond = [(max(start, until), end) for start, end in self.unsent if end > until]
        self.flight = flight
        self.unsent = RangeSet([*covered.gaps(0, until), *beyond])


class Offer:
    """A file on offer, and what the peer has stated of it."""

    def __init__(self, manifest: Manifest, priority: int, order: int) -> None:
        self.manifest = manifest
        self.file_id = manifest.file_id
        self.priority = priority
        self.order = order
        self.request = 0  # the peer's request that it answers
        self.turn = 0  # when it last had its turn to open a chunk
        self.informed = False  # the peer's inventory is known, or given up waiting for
        self.acknowledged_told = False
        self.index_of: dict[bytes, int] = {}
        for index, chunk_id in enumerate(manifest.chunks):
            self.index_of.setdefault(chunk_id, index)
        self.under_way: dict[int, Outgoing] = {}
        self.manifest_under_way: Outgoing | None = None
        self.low = 0  # all chunks below are acknowledged
        self.high = 0  # none from here on is
        self._cursor = 0  # no chunk below has still to be begun
        self._pieces: dict[int, Piece] = {}  # held in part by the peer, and not under way here
        self._known_until = 0  # the peer's inventory is known for the chunks below

    def forget_inventory(self) -> None:
        """The peer may hold other things than it did: wait for its next statement."""
        self.informed = False
        self._known_until = 0
        self._pieces.clear()

    def learn(self, section: Section, current: bool) -> None:
        """Take a statement on chunks; ``current``: made after the poll that asks for the inventory."""
        inside = range(section.first, section.end)
        self._pieces = {index: piece for index, piece in self._pieces.items() if index not in inside}
        for piece in section.pieces:
            if piece.index not in self.under_way:
                self._pieces[piece.index] = piece
        if current and section.first <= self._known_until:
            self._known_until = max(self._known_until, section.end)
            self.informed = self.informed or self._known_until >= len(self.manifest.chunks)

    def next_index(self, acknowledged: Container[bytes], under_way: Container[bytes]) -> int | None:
        """The next chunk to begin, None when all are acknowledged or under way."""
        chunks = self.manifest.chunks
        while self._cursor < len(chunks):
            chunk_id = chunks[self._cursor]
            if chunk_id not in acknowledged and chunk_id not in under_way:
                return self._cursor
            self._cursor += 1
        return None

    def open(self, index: int) -> Outgoing:
        """Begin a chunk, less what the peer holds of it."""
        chunk_id = self.manifest.chunks[index]
        outgoing = Outgoing(chunk_id, self.manifest.length(index), self.priority)
        piece = self._pieces.pop(self.index_of[chunk_id], None)
        if piece is not None:
            outgoing.settle(piece, 0)
        return outgoing

    def note(self, chunk_id: bytes) -> None:
        """A chunk of the file is acknowledged."""
        self.high = max(self.high, self.index_of[chunk_id] + 1)

    def reopen(self, chunk_id: bytes) -> None:
        """The peer has lost a chunk that it had acknowledged."""
        index = self.index_of[chunk_id]
        self._cursor = min(self._cursor, index)
        self.low = min(self.low, index)
        self.acknowledged_told = False
