"""An append-only journal on the Disk port: what was synced survives a crash, a torn tail is cut off.

A part of one record at the end is a torn tail: its ``append`` never returned. All else that is bad is rot,
which costs what is rotten and no more: ``gaps`` tell where. The owner then says by ``rewrite`` what stands,
and the rotten file is kept beside it. The form is linkemu.journalform's; what the payloads mean is known by
their owner, who also sees to it that one call at a time is under way.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable
from pathlib import Path

from linkemu import journalform
from linkemu.disk import Disk, store
from linkemu.errors import FormatError, ResourceError
from linkemu.journalform import MAGIC, Gap

DAMAGED = ".damaged-"  # and a checksum: what is put behind the name of a file with gaps


class Journal:
    """One file of records. ``records`` and ``gaps`` tell what was there when it was opened."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._length = 0  # bytes of whole records; what lies behind them is not ours
        self._crc = 0
        self._untidy = False  # a write has failed, and what is left of it was not cut yet
        self.records: list[bytes] = []
        self.gaps: tuple[Gap, ...] = ()

    @classmethod
    async def open(cls, disk: Disk, path: Path) -> Journal:
        """Read the file (absent: start it) and cut what a crash left of a record.

        What is read is made durable first: the process that wrote it may have died before its sync.

        Raises:
            FormatError: the file is something else than a journal.
        """
        journal = cls(disk, path)
        size = await disk.size(path)
        if size is None or size < len(MAGIC):
            await journal.rewrite(())
            return journal
        data = await disk.read(path)
        try:
            found = journalform.read(data)
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from error
        journal.records, journal.gaps = found.records, tuple(found.gaps)
        journal._length, journal._crc = found.length, found.crc
        if not found.current and not found.gaps:
            await journal.rewrite(found.records)
            return journal
        if found.length < len(data) and not found.gaps:
            await disk.truncate(path, found.length)
        await disk.sync(path)
        await disk.sync(path.parent)
        return journal

    @property
    def size(self) -> int:
        """Bytes of the file, by which its owner sees when to ``rewrite`` it."""
        return self._length

    async def append(self, record: bytes) -> None:
        """Add a record; it is durable when this returns. On ResourceError it is not there.

        One at a time, as of several a power cut could leave the last. Not while there are ``gaps``.
        """
        assert not self.gaps, f"{self._path}: its owner has not yet said what stands"
        if self._untidy:
            await self._cut()
        data, crc = journalform.encode((record,), self._length, self._crc)
        self._untidy = True
        try:
            await self._disk.write(self._path, data, self._length)
            await self._disk.sync(self._path)
        except ResourceError:
            with contextlib.suppress(ResourceError):  # else before the next record is written
                await self._cut()
            raise
        self._untidy = False
        self._length += len(data)
        self._crc = crc

    async def rewrite(self, records: Iterable[bytes]) -> None:
        """Replace all records by these: compaction. After a crash the file is the old one or the new one.

        A file with gaps is kept, under its name and ``DAMAGED``.
        """
        if self.gaps:
            data = await self._disk.read(self._path)
            kept = self._path.with_name(f"{self._path.name}{DAMAGED}{zlib.crc32(data):08x}")
            await store(self._disk, kept, data)
        body, crc = journalform.encode(records, len(MAGIC), 0)
        await store(self._disk, self._path, MAGIC + body)
        self._length, self._crc = len(MAGIC) + len(body), crc
        self._untidy, self.gaps = False, ()

    async def _cut(self) -> None:
        """Drop for good what a failed write has left, lest it be found behind a later record."""
        await self._disk.truncate(self._path, self._length)
        await self._disk.sync(self._path)
        self._untidy = False
