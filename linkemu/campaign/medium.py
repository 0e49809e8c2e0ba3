"""One file on a simulated medium: what is durable of it, what a power cut tears, what can't be read.

Bytes alone: names, calls and room are the disk's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from linkemu.transfer.ranges import RangeSet

SECTOR_BYTES = 512
_FAR = 1 << 62  # beyond the end of any file
Change = tuple[int, bytes] | int  # a write, or a length cut to


@dataclass(eq=False)
class File:
    """``lost``: where reads fail, of ``data``; after a power cut, ``durable_lost`` of ``durable``."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[Change] = field(default_factory=list)
    lost: RangeSet = field(default_factory=RangeSet)
    durable_lost: RangeSet = field(default_factory=RangeSet)

    def change(self, change: Change) -> None:
        """Write, or cut to a length. What is overwritten can be read again."""
        if isinstance(change, int):
            del self.data[change:]
            self.lost.remove(change, _FAR)
            return
        offset, piece = change
        if piece and len(self.data) < offset:
            self.data.extend(bytes(offset - len(self.data)))
        self.data[offset : offset + len(piece)] = piece
        self.lost.remove(offset, offset + len(piece))

    def settle(self) -> None:
        """All that was written is on the medium."""
        self.durable, self.pending = bytes(self.data), []
        self.durable_lost = self.lost.copy()

    def cut(self, random: Random) -> None:
        """The power goes: what was not synced is lost, there, or torn."""
        self.data, self.lost = bytearray(self.durable), self.durable_lost.copy()
        for change in self.pending:
            if random.random() < 0.5:
                self.change(_torn(change, random))
        self.settle()


def _torn(change: Change, random: Random) -> Change:
    """A prefix of a write; or its sectors with some of them not written, which read as zeros."""
    if isinstance(change, int):
        return change
    offset, piece = change
    if random.random() < 0.5:
        return offset, piece[: random.randint(0, len(piece))]
    sectors = [piece[at : at + SECTOR_BYTES] for at in range(0, len(piece), SECTOR_BYTES)]
    return offset, b"".join(each if random.random() < 0.7 else bytes(len(each)) for each in sectors)
