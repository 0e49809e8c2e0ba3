"""The spool: files in custody on disk. Accepted means durable; what a crash leaves half done is swept away.

    spool/journal          records of custody.Ledger, journalled before they count
    spool/<id>.manifest    a file's manifest, as linkemu.transfer encodes it
    spool/<id>.content     bytes of a put, until the satellite has verified them
    spool/<id>.part        bytes of a get that is under way
    spool/<id>.fetched     a downloaded file whose SHA-256 was right
    spool/*.draft, *.tmp   never outlive a restart
    spool/*.aside-*        what no entry needed when the journal had rotted (ground_station.salvage)

All changes go through one lock, in order. No links and no HTTP here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from ground_station import custody, recovery, salvage
from ground_station.custody import Action, Entry, Ledger, Record, State
from ground_station.incoming import Incoming, NameTakenError
from linkemu.disk import Buffer, Disk, found, store
from linkemu.errors import IntegrityError, ResourceError
from linkemu.journal import Journal
from linkemu.journalform import Gap
from linkemu.transfer.manifest import CHUNK_BYTES, Builder, Manifest, chunk_id_of

_COMPACT_BYTES = 1 << 20


class Spool:
    """Custody entries of one station and their bytes."""

    def __init__(self, disk: Disk, root: Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.disk = disk
        self.ledger = Ledger()
        self._root = root / "spool"
        self._chunk_bytes = chunk_bytes
        self._journal = Journal(disk, self._root / "journal")
        self._manifests: dict[str, Manifest] = {}
        self._positions: dict[str, dict[bytes, list[int]]] = {}
        self._lock = asyncio.Lock()
        self._drafts = 0
        self._compact_at = _COMPACT_BYTES
        self.gaps: tuple[Gap, ...] = ()  # where the journal had rotted
        self.salvaged: list[str] = []  # ids that were settled by what is on the disk
        self.aside: list[str] = []  # names of files

    @classmethod
    async def open(
        cls, disk: Disk, root: Path, chunk_bytes: int = CHUNK_BYTES, satellites: Iterable[str] = ()
    ) -> Spool:
        """Go on where the last life of the station ended, also if its journal has rotted."""
        spool = cls(disk, root, chunk_bytes)
        await found(disk, spool._root)
        spool._journal = await Journal.open(disk, spool._root / "journal")
        spool.gaps = spool._journal.gaps
        if spool.gaps:
            await spool._salvage(satellites)
        else:
            for data in spool._journal.records:
                spool.ledger.apply(custody.decode(data))
            await recovery.sweep(disk, spool._root, spool.ledger, rotten=False)
        for entry in spool.ledger:
            await spool._reopen(entry)
        await spool._compact_if_long()
        return spool

    def manifest(self, entry: Entry) -> Manifest | None:
        """The manifest of an entry that hasn't ended; None for a get that nobody has offered yet."""
        return self._manifests.get(entry.id)

    def positions(self, entry: Entry) -> dict[bytes, list[int]]:
        """Where each chunk of an entry stands in its file."""
        if entry.id not in self._positions:
            found: dict[bytes, list[int]] = {}
            for index, chunk in enumerate(self._manifests[entry.id].chunks):
                found.setdefault(chunk, []).append(index)
            self._positions[entry.id] = found
        return self._positions[entry.id]

    def path(self, entry: Entry, kind: str) -> Path:
        return self._root / f"{entry.id}.{kind}"

    # Putting

    def incoming(self, satellite: str, name: str, priority: int) -> Incoming:
        """A file that is coming in at the door; nothing of it counts before ``accept``."""
        self._drafts += 1
        draft = self._root / f"{self._drafts}.draft"
        return Incoming(self.disk, draft, satellite, name, priority, Builder(name, self._chunk_bytes))

    async def accept(self, incoming: Incoming, manifest: Manifest, now: float) -> Entry:
        """Take custody of what ``incoming.finish`` described: all of it is durable when this returns.

        Raises:
            NameTakenError: the name is in custody with another content.
            ResourceError: the disk refuses. In both cases ``incoming.abandon``; nothing is in custody.
        """
        await self.disk.sync(incoming.path)
        async with self._lock:
            known = self.ledger.find("put", incoming.satellite, incoming.name)
            if known is not None and known.state != "failed":
                if known.file_id != manifest.file_id:
                    raise NameTakenError(known)
                await self.disk.remove(incoming.path)
                return known
            first = custody.opened("put", incoming.satellite, incoming.name, incoming.priority, now)
            entry = str(first["id"])
            content, described = self._root / f"{entry}.content", self._root / f"{entry}.manifest"
            try:
                await self.disk.replace(incoming.path, content)
                await store(self.disk, described, manifest.encoded)
                await self._write(first, _description(entry, manifest))
            except ResourceError:
                await self.disk.remove(content)  # else it would fill the disk until the next start
                await self.disk.remove(described)
                raise
            self._manifests[entry] = manifest
            return self.ledger.entries[entry]

    async def chunk(self, entry: Entry, index: int) -> bytes:
        """Chunk ``index`` of a put, as it lies in the spool.

        Raises:
            IntegrityError: it is not what was accepted.
        """
        manifest = self._manifests[entry.id]
        try:
            data = await self.disk.read(
                self.path(entry, "content"), manifest.offset(index), manifest.length(index)
            )
        except FileNotFoundError as error:
            raise IntegrityError(f"{entry.id}: its content is gone from the spool") from error
        if chunk_id_of(data) != manifest.chunks[index]:
            raise IntegrityError(f"{entry.id}: chunk {index} changed in the spool after it was accepted")
        return data

    # Getting

    async def request(self, satellite: str, name: str, priority: int, now: float) -> Entry:
        """Custody of a download; an earlier one that has ended gives way, with its file."""
        async with self._lock:
            known = self.ledger.find("get", satellite, name)
            if known is not None and not known.ended:
                return known
            first = custody.opened("get", satellite, name, priority, now)
            await self._write(first)
            entry = self.ledger.entries[str(first["id"])]
            await self.disk.remove(self.path(entry, "fetched"))
            return entry

    async def describe(self, entry: Entry, manifest: Manifest, now: float) -> bool:
        """The satellite has offered the file. What is held of another content under this name is dropped.

        False if the entry was given up meanwhile.
        """
        async with self._lock:
            if not self._has(entry) or entry.ended:
                return False
            if (entry.file_id, entry.state) == (manifest.file_id, "receiving"):
                return True
            if entry.state == "receiving":  # in the journal before the bytes that it holds go
                await self._write(custody.reached(entry.id, "requested", entry.times["requested"]))
            await self.disk.remove(self.path(entry, "part"))
            await self.disk.write(self.path(entry, "part"), b"")
            await store(self.disk, self.path(entry, "manifest"), manifest.encoded)
            await self._write(_description(entry.id, manifest), custody.reached(entry.id, "receiving", now))
            self._manifests[entry.id] = manifest
            self._positions.pop(entry.id, None)
            return True

    async def land(self, chunks: Iterable[tuple[Entry, int, Buffer]]) -> None:
        """Chunks of downloads, whole and checked: durable when this returns."""
        async with self._lock:
            held: dict[str, list[int]] = {}
            for entry, index, data in chunks:
                manifest = self._manifests.get(entry.id)
                if manifest is None or not self._has(entry):
                    continue
                await self.disk.write(self.path(entry, "part"), data, manifest.offset(index))
                held.setdefault(entry.id, []).append(index)
            for name in held:
                await self.disk.sync(self._root / f"{name}.part", cached=False)
            await self._write(*(custody.holds(name, indices) for name, indices in held.items()))

    def pieces(self, entry: Entry, kind: str) -> AsyncIterator[bytes]:
        """The bytes of a file, in order."""
        return recovery.pieces(self.disk, self.path(entry, kind))

    async def digest(self, entry: Entry) -> bytes | None:
        """SHA-256 of a download as it lies on the disk; None if it can't be read."""
        sha256 = hashlib.sha256()
        try:
            async for piece in self.pieces(entry, "part"):
                sha256.update(piece)
        except (FileNotFoundError, ResourceError):
            return None
        return sha256.digest()

    async def damaged(self, entry: Entry, manifest: Manifest) -> list[int]:
        """Chunks of a download that are not on the disk as they came; they no longer count as held."""
        bad = [
            index
            for index in range(len(manifest.chunks))
            if await self.landed(entry, "part", manifest, index) is None
        ]
        if bad:
            await self.lose(entry, bad)
        return bad

    async def landed(self, entry: Entry, kind: str, manifest: Manifest, index: int) -> bytes | None:
        """A chunk of a download as it came; None if it is not on the disk so, or can't be read."""
        at, length = manifest.offset(index), manifest.length(index)
        try:
            data = await self.disk.read(self.path(entry, kind), at, length)
        except (FileNotFoundError, ResourceError):
            return None
        return data if chunk_id_of(data) == manifest.chunks[index] else None

    async def make_room(self, entry: Entry) -> None:
        """Remove the bytes of a download that is about to fail, as the journal needs room for that too."""
        await self.disk.remove(self.path(entry, "part"))

    async def finish(self, entry: Entry, now: float) -> bool:
        """A download whose SHA-256 was right: give it its name. False if it was given up meanwhile.

        After ResourceError call it again.
        """
        async with self._lock:
            if not self._has(entry):
                return False
            if entry.state != "verified":
                await self.disk.sync(self.path(entry, "part"))
                await self._write(custody.ended(entry, "verified", now))
            if await self.disk.size(self.path(entry, "part")) is not None:
                await self._name_fetched(entry)
                await self._tidy(entry)
            return True

    # Both

    async def hold(self, chunks: Iterable[tuple[Entry, int]]) -> None:
        """Chunks of puts that the satellite stated durable: journalled when this returns."""
        async with self._lock:
            held: dict[str, list[int]] = {}
            for entry, index in chunks:
                if self._has(entry):
                    held.setdefault(entry.id, []).append(index)
            await self._write(*(custody.holds(name, indices) for name, indices in held.items()))

    async def lose(self, entry: Entry, indices: list[int]) -> None:
        """Chunks that count as held no more."""
        async with self._lock:
            if self._has(entry):
                await self._write(custody.lost(entry.id, indices))

    async def reach(self, entry: Entry, state: State, now: float, problem: str | None = None) -> bool:
        """Step to ``state``, and clear away what is not needed in it; False if that is no step from here."""
        async with self._lock:
            if not self._has(entry) or state not in custody.STEPS[entry.state]:
                return False
            if custody.STEPS[state]:
                await self._write(custody.reached(entry.id, state, now, problem))
            else:
                await self._write(custody.ended(entry, state, now, problem))
                await self._tidy(entry)
            return True

    async def fail(
        self, action: Action, satellite: str, name: str, priority: int, now: float, problem: str
    ) -> Entry:
        """Custody of something that never could be taken on, so that its address says why."""
        async with self._lock:
            first = custody.opened(action, satellite, name, priority, now)
            entry = str(first["id"])
            await self._write(first, custody.reached(entry, "failed", now, problem))
            return self.ledger.entries[entry]

    async def drop(self, entry: Entry) -> None:
        """Give up custody, with the bytes."""
        async with self._lock:
            if not self._has(entry):
                return
            await self._write(custody.dropped(entry.id))
            await self._tidy(entry)
            await self.disk.remove(self.path(entry, "fetched"))

    def _has(self, entry: Entry) -> bool:
        """Whether the entry is still in custody: it may be given up while a step of it waits."""
        return self.ledger.entries.get(entry.id) is entry

    async def _write(self, *records: Record) -> None:
        """Journal, then apply. On ResourceError neither has happened."""
        if not records:
            return
        record = custody.together(*records)
        await self._journal.append(custody.encode(record))
        self.ledger.apply(record)

    async def _tidy(self, entry: Entry) -> None:
        """Remove the bytes of an entry that has ended; the journal says so already."""
        self._manifests.pop(entry.id, None)
        self._positions.pop(entry.id, None)
        keep = recovery.needed(entry) if entry.id in self.ledger.entries else ()
        for kind in sorted({"content", "part", "manifest"}.difference(keep)):
            await self.disk.remove(self.path(entry, kind))
        await self._compact_if_long()

    async def _compact_if_long(self) -> None:
        if self._journal.size < self._compact_at:
            return
        try:
            await self._journal.rewrite(custody.encode(record) for record in self.ledger.snapshot())
            self._compact_at = 2 * self._journal.size + _COMPACT_BYTES
        except ResourceError:
            self._compact_at *= 2  # no room for a second journal now; the long one is as good

    async def _name_fetched(self, entry: Entry) -> None:
        await self.disk.replace(self.path(entry, "part"), self.path(entry, "fetched"))
        await self.disk.sync(self._root)

    async def _salvage(self, satellites: Iterable[str]) -> None:
        """The journal that ends it is written last: until then the next start finds all as this one did."""
        doubtful, dropped = salvage.replay(self.ledger, self._journal.records, self.gaps)
        settler = salvage.Salvage(self.disk, self._root, self.ledger, satellites)
        self.salvaged = await settler.settle(doubtful, dropped)
        self.aside = await recovery.sweep(self.disk, self._root, self.ledger, rotten=True)
        await self._journal.rewrite(custody.encode(record) for record in self.ledger.snapshot())

    async def _reopen(self, entry: Entry) -> None:
        """Take up an entry as a crash has left it."""
        part = await self.disk.size(self.path(entry, "part"))
        if entry.action == "get" and entry.state == "verified" and part is not None:
            await self._name_fetched(entry)
        if entry.ended or entry.file_id is None:
            return
        manifest = await recovery.manifest_of(
            self.disk, entry, self.path(entry, "manifest"), self.path(entry, "content")
        )
        if manifest is not None and (entry.action == "put" or part is not None):
            self._manifests[entry.id] = manifest
        elif entry.action == "get":
            await self._write(custody.reached(entry.id, "requested", entry.times["requested"]))
        else:
            problem = "its content in the spool is gone or damaged"
            await self._write(custody.reached(entry.id, "failed", max(entry.times.values()), problem))


def _description(entry: str, manifest: Manifest) -> Record:
    return custody.described(
        entry, manifest.size, manifest.sha256.hex(), manifest.chunk_bytes, manifest.file_id
    )
