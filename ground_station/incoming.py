"""A file on its way into the spool: a draft on disk, hashed while it is written. In nobody's custody yet."""

from __future__ import annotations

from pathlib import Path

from ground_station.custody import Entry
from linkemu.disk import Buffer, Disk
from linkemu.transfer.manifest import Builder, Manifest

PIECE_BYTES = 1 << 20


class NameTakenError(Exception):
    """Another content is in custody under this name; ``entry`` is its custody."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(
            f"{entry.name} is in custody for {entry.satellite} with another content ({entry.id})"
        )
        self.entry = entry


class Incoming:
    """A draft: ``write`` in order, ``finish``, then ``Spool.accept`` or ``abandon``."""

    def __init__(
        self, disk: Disk, path: Path, satellite: str, name: str, priority: int, builder: Builder
    ) -> None:
        self.satellite = satellite
        self.name = name
        self.priority = priority
        self.path = path
        self.size = 0
        self._disk = disk
        self._builder = builder
        self._buffer = bytearray()

    async def write(self, data: Buffer) -> None:
        """More bytes. They go to disk in pieces of 1 MiB, hashed on the way."""
        self._buffer += data
        while len(self._buffer) >= PIECE_BYTES:
            await self._flush(PIECE_BYTES)

    async def finish(self) -> Manifest:
        """All bytes are here; what they are."""
        await self._flush(len(self._buffer))
        return self._builder.finish()

    async def abandon(self) -> None:
        """Remove what came."""
        await self._disk.remove(self.path)

    async def _flush(self, length: int) -> None:
        piece = bytes(memoryview(self._buffer)[:length])
        await self._disk.write(self.path, piece, self.size)
        self._builder.add(piece)
        self.size += length
        del self._buffer[:length]
