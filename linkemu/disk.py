"""The Disk port: all durable state of a node goes through it, and through nothing else.

Implementations live in linkemu.runtime.disk (aiofiles under a real clock, inline under the virtual one) and
in linkemu.campaign.disk (torn writes, lost fsync, full disk). A write is not durable until ``sync`` of the
file; a new name is not durable until ``sync`` of its directory. ``store`` below is the one way to replace a
file, ``found`` the one to make a directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class Disk(Protocol):
    """Files by path. Every call raises ResourceError when the system refuses (full, not writable)."""

    async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        """Bytes from ``offset``; at most ``length`` unless negative. FileNotFoundError if absent."""
        ...

    async def write(self, path: Path, data: Buffer, offset: int = 0) -> None:
        """Write at ``offset``, creating the file if need be; other bytes are kept."""
        ...

    async def append(self, path: Path, data: Buffer) -> None: ...

    async def truncate(self, path: Path, length: int) -> None: ...

    async def sync(self, *paths: Path, cached: bool = True) -> None:
        """Make durable: the data of files, or the names in directories. Several may go side by side.

        Not ``cached``: the system need not keep a copy in memory, so that a later read meets the medium.
        """
        ...

    async def replace(self, source: Path, target: Path) -> None: ...

    async def remove(self, path: Path) -> None:
        """Remove a file; absent is no error."""
        ...

    async def make_directory(self, path: Path) -> None: ...

    async def names(self, directory: Path) -> list[str]:
        """Names in a directory, sorted; empty if the directory is absent."""
        ...

    async def size(self, path: Path) -> int | None:
        """Length in bytes, None if absent."""
        ...


async def found(disk: Disk, directory: Path) -> None:
    """Make a directory, if there is none, whose name a crash does not take."""
    await disk.make_directory(directory)
    await disk.sync(directory.parent)


async def store(disk: Disk, path: Path, data: Buffer) -> None:
    """Put ``data`` at ``path`` so that after a crash the file is either old or new, never torn."""
    draft = path.with_name(path.name + ".tmp")
    await disk.remove(draft)
    await disk.write(draft, data)
    await disk.sync(draft)
    await disk.replace(draft, path)
    await disk.sync(path.parent)
