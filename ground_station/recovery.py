"""What a spool finds on its disk after a crash: which files it needs, and the manifest of an entry.

Reads, and sweeps away what no entry needs; what follows for custody is the spool's to decide. After rot in
the journal what no entry needs is set aside, as the record that knew of it may be the one that is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from ground_station.custody import Entry, Ledger
from ground_station.incoming import PIECE_BYTES
from linkemu.disk import Disk
from linkemu.errors import FormatError, ResourceError
from linkemu.journal import DAMAGED
from linkemu.transfer.manifest import CHUNK_BYTES, Builder, Manifest

_ASIDE = ".aside-"
_UNFINISHED = (".draft", ".tmp")


async def pieces(disk: Disk, path: Path) -> AsyncIterator[bytes]:
    """The bytes of a file, in order."""
    offset = 0
    while piece := await disk.read(path, offset, PIECE_BYTES):
        yield piece
        offset += len(piece)


async def manifest_of(disk: Disk, entry: Entry, manifest: Path, content: Path) -> Manifest | None:
    """The manifest as stored, or for a put as its content gives it; None if neither is the entry's."""
    try:
        found: Manifest | None = Manifest.decode(await disk.read(manifest))
    except (FileNotFoundError, FormatError, ResourceError):
        found = None
    if entry.action == "put" and (found is None or found.file_id != entry.file_id):
        found = await rebuilt(disk, entry.name, entry.chunk_bytes or CHUNK_BYTES, content)
    return found if found is not None and found.file_id == entry.file_id else None


async def rebuilt(disk: Disk, name: str, chunk_bytes: int, content: Path) -> Manifest | None:
    """The manifest of a content as it lies on the disk; None if it is gone."""
    builder = Builder(name, chunk_bytes)
    try:
        async for piece in pieces(disk, content):
            builder.add(piece)
    except (FileNotFoundError, ResourceError):
        return None
    return builder.finish()


async def sweep(disk: Disk, root: Path, ledger: Ledger, *, rotten: bool) -> list[str]:
    """Remove every file under ``root`` that no entry of the ledger needs; if ``rotten``, set it aside.

    Returns the names of those set aside. They, and journals that were found damaged, are not touched again.
    """
    wanted = {"journal"}
    for entry in ledger:
        wanted |= {f"{entry.id}.{kind}" for kind in needed(entry)}
    aside = list[str]()
    for name in await disk.names(root):
        if name in wanted or _ASIDE in name or name.startswith("journal" + DAMAGED):
            continue
        if rotten and not name.endswith(_UNFINISHED):
            await set_aside(disk, root / name)
            aside.append(name)
        else:
            await disk.remove(root / name)
    return aside


async def set_aside(disk: Disk, path: Path) -> None:
    """Rename a file, if it is there, to what nothing else is called."""
    if await disk.size(path) is None:
        return
    number = 1
    while await disk.size(aside := path.with_name(f"{path.name}{_ASIDE}{number}")) is not None:
        number += 1
    await disk.replace(path, aside)


def needed(entry: Entry) -> tuple[str, ...]:
    """Kinds of files that an entry has on disk."""
    if entry.action == "put":  # of a failed one the bytes are kept until it is dropped or put again
        return () if entry.state == "verified" else ("content", "manifest")
    if entry.ended:
        return ("fetched", "part") if entry.state == "verified" else ()
    return ("part", "manifest") if entry.file_id is not None else ()
