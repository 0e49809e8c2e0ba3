"""An Offer: a file that a Sender has on offer, and what its peer has stated of it.

What is acknowledged is kept as flags, what the peer holds whole as runs, so that a statement is compared
with what is known already and only the difference is work. No frames and no events here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from linkemu.transfer.flags import Flags
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.outgoing import Outgoing
from linkemu.transfer.ranges import RangeSet
from linkemu.transfer.report import Piece, Section
from linkemu.transfer.settings import FileCounters


class Offer:
    """A file on offer. ``moving`` are the chunks begun that the peer doesn't hold whole, by index."""

    def __init__(self, manifest: Manifest, priority: int, order: int) -> None:
        self.manifest = manifest
        self.file_id = manifest.file_id
        self.priority = priority
        self.order = order
        self.counters = FileCounters()
        self.request = 0  # the peer's request that it answers
        self.turn = 0  # when it last had its turn to open a chunk
        self.informed = False  # the peer's inventory is known, or given up waiting for
        self.acknowledged_told = False
        self.index_of: dict[bytes, int] = {}
        self._repeats: dict[bytes, list[int]] = {}
        for index, chunk_id in enumerate(manifest.chunks):
            if self.index_of.setdefault(chunk_id, index) != index:
                self._repeats.setdefault(chunk_id, []).append(index)
        self.moving: dict[int, Outgoing] = {}
        self.manifest_under_way: Outgoing | None = None
        self._acknowledged = Flags(len(manifest.chunks))
        self._whole = RangeSet()  # held whole by the peer, not yet durable
        self._pieces: dict[int, Piece] = {}  # held in part by the peer, and not under way here
        self._cursor = 0  # no chunk below has still to be begun
        self._known_until = 0  # the peer's inventory is known for the chunks below

    # What the peer states

    def forget_inventory(self) -> None:
        """The peer may hold other things than it did: wait for its next statement."""
        self.informed = False
        self._known_until = 0
        self._pieces.clear()

    def differences(self, section: Section) -> Iterator[tuple[bytes, bool]]:
        """Chunk ids of which the section says other than is known: acknowledged (True) or not any more."""
        chunks, known = self.manifest.chunks, self._acknowledged
        full_end = min(section.first + section.full, len(chunks))
        start = max(section.first, min(known.low, full_end))
        end = min(section.end, len(chunks), max(known.high, full_end + section.bits))
        if start >= end:
            return
        stated = (1 << full_end - start) - 1 | section.bitmap << full_end - start
        other = (stated ^ known.window(start, end)) & (1 << end - start) - 1
        while other:
            lowest = other & -other
            place = lowest.bit_length() - 1
            yield chunks[start + place], bool(stated >> place & 1)
            other ^= lowest

    def settle(self, section: Section, highest: int) -> list[Outgoing]:
        """Settle what moves in the section's window, and give it. ``learn`` first.

        Chunks that are at hand for later, of which the peer holds nothing, are passed over.
        """
        pieces = {piece.index: piece for piece in section.pieces}
        first, end = section.first, section.end
        first_whole, end_whole = self._whole.span() or (0, 0)
        settled = []
        for index, outgoing in self.moving.items():
            known = outgoing.started or outgoing.awaits or first_whole <= index < end_whole
            if first <= index < end and (known or index in pieces):
                if self._whole.covers(index, index + 1):
                    outgoing.settle_whole()
                else:
                    outgoing.settle(pieces.get(index), highest)
                settled.append(outgoing)
        return settled

    def is_whole(self, chunk_id: bytes) -> bool:
        """Whether the peer holds all of the chunk, and it isn't durable yet."""
        index = self.index_of[chunk_id]
        return self._whole.covers(index, index + 1)

    def learn(self, section: Section, current: bool) -> list[bytes]:
        """Take a statement on chunks; gives ids of those that were held whole and are not any more.

        ``current``: made after the poll that asks for the inventory.
        """
        first, end = section.first, section.end
        if self._pieces:
            inside = range(first, end)
            self._pieces = {index: piece for index, piece in self._pieces.items() if index not in inside}
        for piece in section.pieces:
            if piece.index not in self.moving:
                self._pieces[piece.index] = piece
        if current and first <= self._known_until:
            self._known_until = max(self._known_until, end)
            self.informed = self.informed or self._known_until >= len(self.manifest.chunks)
        return self._learn_whole(section)

    def _learn_whole(self, section: Section) -> list[bytes]:
        stated = RangeSet(section.whole)
        gone = []
        for start, end in self._whole.within(section.first, section.end):
            gone += [range(*gap) for gap in stated.gaps(start, end)]
        self._whole.remove(section.first, section.end)
        for start, end in section.whole:
            self._whole.add(max(start, section.first), min(end, section.end, len(self.manifest.chunks)))
        return [self.manifest.chunks[index] for indices in gone for index in indices]

    # Chunks

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
        outgoing = Outgoing(chunk_id, self.manifest.length(index), self.priority, self.counters)
        at = self.index_of[chunk_id]
        piece = self._pieces.pop(at, None)
        if self.is_whole(chunk_id):
            outgoing.settle_whole()
        elif piece is not None:
            outgoing.settle(piece, 0)
        return outgoing

    def note(self, chunk_id: bytes) -> None:
        """A chunk of the file is acknowledged."""
        index = self.index_of[chunk_id]
        self.moving.pop(index, None)
        self._whole.remove(index, index + 1)
        for place in self._places(chunk_id):
            self._acknowledged.set(place)

    def reopen(self, chunk_id: bytes) -> None:
        """The peer has lost a chunk that it had acknowledged."""
        self._cursor = min(self._cursor, self.index_of[chunk_id])
        self.acknowledged_told = False
        for place in self._places(chunk_id):
            self._acknowledged.clear(place)

    def _places(self, chunk_id: bytes) -> tuple[int, ...]:
        return (self.index_of[chunk_id], *self._repeats.get(chunk_id, ()))
