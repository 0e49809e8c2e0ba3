"""Progress: what a node holds of one file whose manifest it knows, in the shape in which it is stated.

Durable chunks as flags, chunks whole but not yet durable as runs, partial assemblies by index, and a log of
what changed, from which each link states its news. A chunk id that stands at several places of a file is
assembled under the first. Only Holdings writes.
"""

from __future__ import annotations

from linkemu.transfer.flags import Flags
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.partial import Partial
from linkemu.transfer.ranges import RangeSet
from linkemu.transfer.report import State


class Progress:
    """``missing`` counts distinct chunks, ``held_bytes`` those of chunks here and not durable.

    ``changes`` are the indices of chunks that became durable or were lost, in turn; ``verdicts`` counts
    the times the file was read back. ``received_bytes`` are all that came by light, ``repeated_chunks`` those
    of which something came that were durable.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.index_of: dict[bytes, int] = {}
        self._repeats: dict[bytes, list[int]] = {}
        for index, chunk_id in enumerate(manifest.chunks):
            if self.index_of.setdefault(chunk_id, index) != index:
                self._repeats.setdefault(chunk_id, []).append(index)
        self.missing = len(self.index_of)
        self.durable = Flags(len(manifest.chunks))
        self.whole = RangeSet()
        self.partials: dict[int, Partial] = {}
        self.held_bytes = 0
        self.changes: list[int] = []
        self.verdicts = 0
        self.received_bytes = 0
        self.repeated_chunks = 0
        self.read_back: tuple[bytes, bool] | None = None  # SHA-256, and whether it is the manifest's

    @property
    def state(self) -> State:
        if self.missing:
            return State.HELD
        if self.read_back is None:
            return State.COMPLETE
        return State.VERIFIED if self.read_back[1] else State.CORRUPT

    def begin(self, assembly: Partial) -> None:
        """A chunk of the file is being put together."""
        index = self.index_of[assembly.chunk_id]
        self.held_bytes += assembly.length
        if assembly.whole:
            self.whole.add(index, index + 1)
        else:
            self.partials[index] = assembly

    def finish(self, chunk_id: bytes) -> None:
        """A chunk that was begun is whole now."""
        index = self.index_of[chunk_id]
        if self.partials.pop(index, None) is not None:
            self.whole.add(index, index + 1)

    def end(self, assembly: Partial) -> None:
        """What was put together of a chunk is no longer here, or no longer apart from what is durable."""
        index = self.index_of[assembly.chunk_id]
        if self.partials.pop(index, None) is not None or self.whole.covers(index, index + 1):
            self.whole.remove(index, index + 1)
            self.held_bytes -= assembly.length

    def store(self, chunk_id: bytes) -> bool:
        """Flag a chunk as durable; True if it was the last one missing."""
        for index in self.places(chunk_id):
            self.durable.set(index)
            self.changes.append(index)
        self.missing -= 1
        return not self.missing

    def lose(self, chunk_id: bytes) -> None:
        for index in self.places(chunk_id):
            self.durable.clear(index)
            self.changes.append(index)
        self.missing += 1
        self.read_back = None

    def verify(self, sha256: bytes, ok: bool) -> None:
        self.read_back = (sha256, ok)
        self.verdicts += 1

    def places(self, chunk_id: bytes) -> tuple[int, ...]:
        """Every index at which a chunk stands."""
        return (self.index_of[chunk_id], *self._repeats.get(chunk_id, ()))
