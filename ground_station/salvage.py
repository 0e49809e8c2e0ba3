"""Custody after its journal has rotted: what the disk proves goes on, and nothing else is believed.

A lost record may have opened, moved, or dropped any entry that stood then: all that were not begun anew since
are doubtful, and so is a file on disk without an entry. A put whose content is sound is in custody, with
nothing of it acknowledged: the satellite will state what it has. Of a get counts what is right by its hashes.
Decides on the ledger alone; what no entry needs then is set aside by recovery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ground_station import custody, recovery
from ground_station.custody import FIRST, Action, Entry, Ledger, Record
from linkemu.disk import Disk
from linkemu.errors import FormatError
from linkemu.journalform import Gap
from linkemu.transfer.manifest import CHUNK_BYTES, Manifest, chunk_id_of

_GONE = "its bytes are gone, and the journal was damaged: it was given up, or has failed"
_ACTIONS: tuple[Action, ...] = ("put", "get")


def replay(ledger: Ledger, records: Sequence[bytes], gaps: Iterable[Gap]) -> tuple[set[str], set[str]]:
    """Follow the records that are left, as far as they can be; ids that are doubtful, and those dropped."""
    doubtful, dropped = set[str](), set[str]()
    rotten = {gap.index for gap in gaps}
    for index in range(len(records) + 1):
        if index in rotten:
            doubtful |= ledger.entries.keys()
            dropped.clear()
        for record in _each(records[index : index + 1]):
            entry = str(record["id"])
            if record["do"] == "drop":
                ledger.entries.pop(entry, None)
                dropped.add(entry)
                doubtful.discard(entry)
                continue
            try:
                ledger.apply(record)
            except FormatError:
                doubtful.add(entry)  # what it goes on from is lost
                if "entry" in record:
                    ledger.apply(record["entry"])
                    ledger.apply(record)
                continue
            if record["do"] in ("open", "restore"):
                doubtful.discard(entry)
    return doubtful, dropped


def _each(records: Sequence[bytes]) -> Iterator[Record]:
    for data in records:
        record = custody.decode(data)
        yield from record["records"] if record["do"] == "all" else (record,)


class Salvage:
    """Settles doubtful entries by what lies in the spool. ``satellites``: those whose files it may have."""

    def __init__(self, disk: Disk, root: Path, ledger: Ledger, satellites: Iterable[str]) -> None:
        self._disk = disk
        self._root = root
        self._ledger = ledger
        self._satellites = sorted({*satellites, *(entry.satellite for entry in ledger)})
        self._latest = max((at for entry in ledger for at in entry.times.values()), default=0.0)

    async def settle(self, doubtful: set[str], dropped: set[str]) -> list[str]:
        """Bring the ledger in step with the disk; the ids of the entries that it has changed."""
        files = {name.rpartition(".")[0] for name in await self._disk.names(self._root)}
        ids = sorted(doubtful | files - dropped - self._ledger.entries.keys())
        return [each for each in ids if await self._settle(each)]

    async def _settle(self, name: str) -> bool:
        manifest = await self._manifest(name)
        entry = self._ledger.entries.get(name) or self._identified(name, manifest)
        if entry is None:
            return False
        if manifest is not None and manifest.name != entry.name:
            manifest = None
        settled = await (self._put if entry.action == "put" else self._get)(entry, manifest)
        if settled is None:
            del self._ledger.entries[name]
        else:
            self._ledger.entries[name] = settled
        return True

    def _identified(self, name: str, manifest: Manifest | None) -> Entry | None:
        """Whose files these are: the manifest has the name, and with the satellite's it makes the id."""
        if manifest is None:
            return None
        for satellite in self._satellites:
            for action in _ACTIONS:
                if custody.custody_id(action, satellite, manifest.name) == name:
                    entry = Entry(name, action, satellite, manifest.name, 0, FIRST[action])
                    return self._anew(entry, manifest if action == "put" else None)
        return None

    async def _put(self, entry: Entry, manifest: Manifest | None) -> Entry:
        chunk_bytes = manifest.chunk_bytes if manifest is not None else entry.chunk_bytes
        content = await recovery.rebuilt(
            self._disk, entry.name, chunk_bytes or CHUNK_BYTES, self._path(entry, "content")
        )
        stated = {entry.file_id, manifest.file_id if manifest is not None else None}
        if content is not None and content.file_id in stated:
            return self._anew(entry, content)
        return entry if entry.ended else replace(entry, held=set())  # the spool sees what it can do with it

    async def _get(self, entry: Entry, manifest: Manifest | None) -> Entry | None:
        if await self._is_whole(entry, "fetched"):
            await recovery.set_aside(self._disk, self._path(entry, "part"))
            times = {**entry.times, "verified": entry.times.get("verified", self._latest)}
            return replace(entry, state="verified", times=times, held=set())
        if entry.state == "verified" and await self._is_whole(entry, "part"):
            return entry  # it gets its name now
        if manifest is not None and await self._disk.size(self._path(entry, "part")) is not None:
            begun = self._anew(entry, manifest)
            times = {**begun.times, "receiving": self._latest}
            return replace(begun, state="receiving", times=times, held=await self._held(entry, manifest))
        if entry.state == "verified":
            return None  # without its file that is an empty word
        if entry.state == "receiving" and await self._disk.size(self._path(entry, "fetched")) is None:
            times = {**entry.times, "failed": self._latest}
            return replace(entry, state="failed", times=times, held=set(), problem=_GONE)
        return entry if entry.ended else self._anew(entry, None)

    def _anew(self, entry: Entry, manifest: Manifest | None) -> Entry:
        """The entry in its first state, with nothing held."""
        first = FIRST[entry.action]
        begun = Entry(entry.id, entry.action, entry.satellite, entry.name, entry.priority, first)
        begun.times[first] = entry.times.get(first, self._latest)
        if manifest is not None:
            begun.size, begun.sha256 = manifest.size, manifest.sha256.hex()
            begun.chunk_bytes, begun.file_id = manifest.chunk_bytes, manifest.file_id
        return begun

    async def _held(self, entry: Entry, manifest: Manifest) -> set[int]:
        held, path = set[int](), self._path(entry, "part")
        for index, chunk in enumerate(manifest.chunks):
            data = await self._disk.read(path, manifest.offset(index), manifest.length(index))
            if chunk_id_of(data) == chunk:
                held.add(index)
        return held

    async def _is_whole(self, entry: Entry, kind: str) -> bool:
        """Whether a file is there, and has the SHA-256 that the entry says."""
        if await self._disk.size(self._path(entry, kind)) is None:
            return False
        sha256 = hashlib.sha256()
        async for piece in recovery.pieces(self._disk, self._path(entry, kind)):
            sha256.update(piece)
        return sha256.hexdigest() == entry.sha256

    async def _manifest(self, name: str) -> Manifest | None:
        try:
            return Manifest.decode(await self._disk.read(self._root / f"{name}.manifest"))
        except (FileNotFoundError, FormatError):
            return None

    def _path(self, entry: Entry, kind: str) -> Path:
        return self._root / f"{entry.id}.{kind}"
