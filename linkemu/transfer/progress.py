"""Progress: what a node holds of one file whose manifest it knows, in the shape in which it is stated.

Durable chunks as flags with the first gap and the last durable one kept at hand, partial assemblies by
index. A chunk id that stands at several places of a file is assembled under the first. Only Holdings writes.
"""

from __future__ import annotations

from linkemu.transfer.manifest import Manifest
from linkemu.transfer.partial import Partial
from linkemu.transfer.report import State


class Progress:
    """``missing`` counts distinct chunks; ``version`` rises with each change of durable flags or state."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.index_of: dict[bytes, int] = {}
        self._repeats: dict[bytes, list[int]] = {}
        for index, chunk_id in enumerate(manifest.chunks):
            if self.index_of.setdefault(chunk_id, index) != index:
                self._repeats.setdefault(chunk_id, []).append(index)
        self.missing = len(self.index_of)
        self.partials: dict[int, Partial] = {}
        self.version = 0
        self.read_back: tuple[bytes, bool] | None = None  # SHA-256, and whether it is the manifest's
        self.low = 0  # first index that is not durable
        self.high = 0  # last durable index + 1
        self._flags = bytearray(len(manifest.chunks))

    @property
    def state(self) -> State:
        if self.missing:
            return State.HELD
        if self.read_back is None:
            return State.COMPLETE
        return State.VERIFIED if self.read_back[1] else State.CORRUPT

    def store(self, chunk_id: bytes) -> bool:
        """Flag a chunk as durable; True if it was the last one missing."""
        self._flag(chunk_id, 1)
        self.missing -= 1
        self.partials.pop(self.index_of[chunk_id], None)
        return not self.missing

    def lose(self, chunk_id: bytes) -> None:
        self._flag(chunk_id, 0)
        self.missing += 1
        self.read_back = None

    def verify(self, sha256: bytes, ok: bool) -> None:
        self.read_back = (sha256, ok)
        self.version += 1

    def bitmap(self, start: int, end: int) -> int:
        """Durable flags of [start, end), bit 0 for ``start``."""
        digits = self._flags[start:end].translate(_DIGITS)[::-1]
        return int(digits, 2) if digits else 0

    def _flag(self, chunk_id: bytes, value: int) -> None:
        for index in (self.index_of[chunk_id], *self._repeats.get(chunk_id, ())):
            self._flags[index] = value
        gap = self._flags.find(0, self.low if value else 0)
        self.low = len(self._flags) if gap < 0 else gap
        self.high = self._flags.rfind(1) + 1
        self.version += 1


_DIGITS = bytes([ord("0"), ord("1")]) + bytes(254)
