"""What a spool finds on its disk after a crash: which files it needs, and the manifest of an entry.

Reads, and sweeps away what no entry needs; what follows for custody is the spool's to decide.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from ground_station.custody import Entry, Ledger
from ground_station.incoming import PIECE_BYTES
from linkemu.disk import Disk
from linkemu.errors import FormatError, ResourceError
from linkemu.transfer.manifest import CHUNK_BYTES, Builder, Manifest


async def pieces(disk: Disk, path: Path) -> AsyncIterator[bytes]:
    """The bytes of a file, in order."""
    offset = 0
    while piece := await disk.read(path, offset, PIECE_BYTES):
        yield piece
        offset += len(piece)


async def manifest_of(disk: Disk, entry: Entry, manifest: Path, content: Path) -> Manifest | None:
    """The manifest as stored, or for a put as its content gives it; None if neither can be read."""
    try:
        found: Manifest | None = Manifest.decode(await disk.read(manifest))
    except (FileNotFoundError, FormatError, ResourceError):
        found = None
    if entry.action == "put" and (found is None or found.file_id != entry.file_id):
        found = await _rebuilt(disk, entry, content)
    return found if found is not None and found.file_id == entry.file_id else None


async def _rebuilt(disk: Disk, entry: Entry, content: Path) -> Manifest | None:
    builder = Builder(entry.name, entry.chunk_bytes or CHUNK_BYTES)
    try:
        async for piece in pieces(disk, content):
            builder.add(piece)
    except (FileNotFoundError, ResourceError):
        return None
    return builder.finish()


async def sweep(disk: Disk, root: Path, ledger: Ledger) -> None:
    """Remove every file under ``root`` that no entry of the ledger needs."""
    wanted = {"journal"}
    for entry in ledger:
        wanted |= {f"{entry.id}.{kind}" for kind in needed(entry)}
    for name in await disk.names(root):
        if name not in wanted:
            await disk.remove(root / name)


def needed(entry: Entry) -> tuple[str, ...]:
    """Kinds of files that an entry has on disk."""
    if entry.action == "put":  # of a failed one the bytes are kept until it is dropped or put again
        return () if entry.state == "verified" else ("content", "manifest")
    if entry.ended:
        return ("fetched", "part") if entry.state == "verified" else ()
    return ("part", "manifest") if entry.file_id is not None else ()
