"""An append-only journal on the Disk port: what was synced survives a crash, a torn tail is cut off.

A record is length (u32), CRC-32 (u32), payload, big-endian. The CRC also covers the CRC of the record before,
so that remains of an older tail never pass for records. What the payloads mean is known by their owner,
who also sees to it that one call at a time is under way.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from linkemu.disk import Disk, store
from linkemu.errors import FormatError, ResourceError

_MAGIC = b"LKJ1"
_HEAD = struct.Struct("!II")
_LARGEST = 1 << 24


class Journal:
    """One file of records. ``records`` holds what was there when it was opened."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._length = 0  # bytes of whole records; what lies behind them is not ours
        self._crc = 0
        self.records: list[bytes] = []

    @classmethod
    async def open(cls, disk: Disk, path: Path) -> Journal:
        """Read the file (absent: start it) and cut what a crash left of a record.

        What is read is made durable first: the process that wrote it may have died before its sync.

        Raises:
            FormatError: the file is something else than a journal.
        """
        journal = cls(disk, path)
        size = await disk.size(path)
        if size is None or size < len(_MAGIC):
            await journal.rewrite(())
            return journal
        data = await disk.read(path)
        if not data.startswith(_MAGIC):
            raise FormatError(f"{path}: not a journal of this version")
        journal.records = list(journal._parse(data))
        if journal._length < len(data):
            await disk.truncate(path, journal._length)
        await disk.sync(path)
        await disk.sync(path.parent)
        return journal

    @property
    def size(self) -> int:
        """Bytes of the file, by which its owner sees when to ``rewrite`` it."""
        return self._length

    async def append(self, *records: bytes) -> None:
        """Add records; they are durable when this returns. All or none of them on ResourceError."""
        parts, crc = _encode(records, self._crc)
        data = b"".join(parts)
        try:
            await self._disk.write(self._path, data, self._length)
            await self._disk.sync(self._path)
        except ResourceError:
            await self._cut()
            raise
        self._length += len(data)
        self._crc = crc

    async def rewrite(self, records: Iterable[bytes]) -> None:
        """Replace all records by these: compaction. After a crash the file is the old one or the new one."""
        parts, crc = _encode(records, 0)
        data = b"".join((_MAGIC, *parts))
        await store(self._disk, self._path, data)
        self._length = len(data)
        self._crc = crc

    async def _cut(self) -> None:
        """Drop a half-written record. Should that fail too, the next append overwrites it."""
        try:
            await self._disk.truncate(self._path, self._length)
        except ResourceError:
            return

    def _parse(self, data: bytes) -> Iterator[bytes]:
        self._length, self._crc = len(_MAGIC), 0
        while self._length + _HEAD.size <= len(data):
            length, crc = _HEAD.unpack_from(data, self._length)
            start = self._length + _HEAD.size
            payload = data[start : start + length]
            if length > _LARGEST or len(payload) < length or crc != _checksum(payload, self._crc):
                return
            self._length, self._crc = start + length, crc
            yield payload


def _encode(records: Iterable[bytes], crc: int) -> tuple[list[bytes], int]:
    parts = list[bytes]()
    for record in records:
        if len(record) > _LARGEST:
            raise ValueError(f"a record of {len(record)} bytes; the limit is {_LARGEST}")
        crc = _checksum(record, crc)
        parts += (_HEAD.pack(len(record), crc), record)
    return parts, crc


def _checksum(payload: bytes, before: int) -> int:
    """CRC-32 over the CRC before, the length and the payload; the length keeps zeros from being a record."""
    return zlib.crc32(payload, zlib.crc32(_HEAD.pack(before, len(payload) + 1)))
