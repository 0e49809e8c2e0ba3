"""Sources of scripted puts: a file of the operator's, or bytes drawn from the seed and the name.

A file may not change while it is copied to the spool; whether it did is told by its size, its time of change
and its length as read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from ground_station.incoming import PIECE_BYTES
from linkemu.disk import Disk
from linkemu.errors import InputError
from linkemu.scenario import content


async def synthetic(seed: int, name: str, size: int) -> AsyncIterator[bytes]:
    """``size`` bytes that are the same for the same seed and name (linkemu.scenario.content)."""
    for offset in range(0, size, PIECE_BYTES):
        yield content.synthetic(seed, name, offset, min(PIECE_BYTES, size - offset))


async def of_file(disk: Disk, path: Path) -> AsyncIterator[bytes]:
    """The bytes of a file.

    Raises:
        InputError: it is absent, no file, or changed while it was read.
    """
    before = _stamp(path)
    offset = 0
    while piece := await disk.read(path, offset, PIECE_BYTES):
        yield piece
        offset += len(piece)
    if _stamp(path) != before or offset != before[0]:
        raise InputError(str(path), "changed while it was being read; nothing of it was accepted")


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error)) from error
    if not path.is_file():
        raise InputError(str(path), "not a file")
    return status.st_size, status.st_mtime_ns, status.st_ino
