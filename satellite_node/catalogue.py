"""The catalogue: which files the satellite has, as manifests, and which of them it has verified.

    manifests/<file id>              a manifest as linkemu.transfer encodes it, durable before it counts
    quarantine/<file id>.manifest    one that was found damaged
    verified                         journal of the files whose SHA-256 was right when read back

A name belongs to the file that was first verified under it. Chunks are counted by reference, so that a file
that is dropped takes only those chunks with it that no other file needs. The chunks are in the store.
Where the journal has lost a record, that may have been one that a file is verified no more: those before it
keep their names, and are doubtful until they are read back again.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from linkemu.disk import Disk, store
from linkemu.errors import FormatError, ResourceError
from linkemu.journal import Journal
from linkemu.journalform import Gap
from linkemu.transfer.manifest import Manifest

_COMPACT_BYTES = 1 << 18
_DRAFT = ".tmp"
_DAMAGED = ".manifest"


class Catalogue:
    """Manifests by file id, and names of verified files.

    ``gaps`` of its journal and the ids of ``damaged`` manifests tell what was found at the start.
    """

    def __init__(self, disk: Disk, root: Path) -> None:
        self._disk = disk
        self.gaps: tuple[Gap, ...] = ()
        self.damaged: list[str] = []
        self._root = root / "manifests"
        self._quarantine = root / "quarantine"
        self._journal = Journal(disk, root / "verified")
        self._manifests: dict[bytes, Manifest] = {}
        self._verified: dict[bytes, float] = {}  # scenario second
        self._doubtful = set[bytes]()  # of them: to be read back again
        self._missing: dict[bytes, float] = {}  # verified, and their manifests are gone
        self._names: dict[str, bytes] = {}
        self._references = Counter[bytes]()
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, disk: Disk, root: Path) -> Catalogue:
        """Reload; a damaged manifest goes to quarantine: the station that has the file offers it again."""
        catalogue = cls(disk, root)
        for directory in (catalogue._root, catalogue._quarantine):
            await disk.make_directory(directory)
        await disk.sync(root)
        for name in await disk.names(catalogue._root):
            await catalogue._load(catalogue._root / name)
        if catalogue.damaged:
            await disk.sync(catalogue._quarantine)
        await disk.sync(catalogue._root)  # names that a life put there which was killed before it could sync
        await catalogue._replay(await catalogue._open_journal(root / "verified"))
        return catalogue

    def __iter__(self) -> Iterator[Manifest]:
        return iter(self._manifests.values())

    def __contains__(self, file_id: bytes) -> bool:
        return file_id in self._manifests

    def __getitem__(self, file_id: bytes) -> Manifest:
        return self._manifests[file_id]

    def is_verified(self, file_id: bytes) -> bool:
        return file_id in self._verified and file_id not in self._doubtful

    def named(self, name: str) -> Manifest | None:
        """The file that was verified under this name."""
        file_id = self._names.get(name)
        return None if file_id is None else self._manifests.get(file_id)

    def using(self, chunk: bytes) -> list[bytes]:
        """Ids of the files that need a chunk."""
        return [file_id for file_id, manifest in self._manifests.items() if chunk in manifest.chunks]

    async def accept(self, manifest: Manifest) -> None:
        """Take up a manifest; durable when this returns."""
        async with self._lock:
            if manifest.file_id not in self._manifests:
                await store(self._disk, self._path(manifest.file_id), manifest.encoded)
                self._know(manifest)
                self._missing.pop(manifest.file_id, None)

    async def verified(self, file_id: bytes, now: float) -> None:
        """The file was read back and is right; durable when this returns."""
        async with self._lock:
            if not self.is_verified(file_id) and file_id in self._manifests:
                await self._journal.append(_record(file_id, now))
                self._apply({"file": file_id.hex(), "t": now})

    async def unverified(self, file_id: bytes) -> None:
        """A chunk of the file went bad since. That counts, even if the disk refuses the note of it."""
        async with self._lock:
            if file_id in self._verified:
                self._apply({"file": file_id.hex(), "t": None})
                await self._journal.append(_record(file_id, None))

    async def drop(self, file_id: bytes) -> list[bytes]:
        """Forget a file; the ids of the chunks that no other file needs. It is there after ResourceError."""
        await self.unverified(file_id)
        async with self._lock:
            if file_id not in self._manifests:
                return []
            await self._disk.remove(self._path(file_id))
            await self._disk.sync(self._root)
            manifest = self._manifests.pop(file_id)
            chunks = set(manifest.chunks)
            self._references.subtract(chunks)
            return sorted(chunk for chunk in chunks if self._references[chunk] <= 0)

    def listing(self) -> bytes:
        """The verified files as JSON: what is sent for the name ``.catalogue``."""
        rows = [
            {
                "name": manifest.name,
                "size": manifest.size,
                "sha256": manifest.sha256.hex(),
                "file": file_id.hex(),
                "verified_s": round(at, 9),
            }
            for file_id, at in self._verified.items()
            if file_id not in self._doubtful
            for manifest in (self._manifests[file_id],)
        ]
        return json.dumps({"files": rows}, separators=(",", ":")).encode()

    async def _load(self, path: Path) -> None:
        if path.name.endswith(_DRAFT):
            await self._disk.remove(path)
            return
        try:
            manifest = Manifest.decode(await self._disk.read(path))
        except FormatError:
            manifest = None
        except ResourceError:
            self.damaged.append(path.name)  # perhaps it can be read at another start
            return
        if manifest is None or manifest.file_id.hex() != path.name:
            self.damaged.append(path.name)
            await self._disk.replace(path, self._quarantine / (path.name + _DAMAGED))
            return
        self._know(manifest)

    async def _open_journal(self, path: Path) -> Journal:
        """The journal of verified files. One that is none, or can't be read, goes to quarantine.

        The files are then verified anew.
        """
        try:
            return await Journal.open(self._disk, path)
        except (FormatError, ResourceError):
            self.damaged.append(path.name)
            await self._disk.replace(path, self._quarantine / (path.name + _DAMAGED))
            await self._disk.sync(self._quarantine)
            return await Journal.open(self._disk, path)

    async def _replay(self, journal: Journal) -> None:
        """Follow the journal; what stood before a gap is doubtful, and journalled as that."""
        self._journal, self.gaps = journal, journal.gaps
        gaps = {gap.index for gap in journal.gaps}
        for index, record in enumerate((*journal.records, None)):
            if index in gaps:
                self._doubtful |= self._verified.keys()
            if record is not None:
                self._apply(json.loads(record))
        if self.gaps or journal.size > _COMPACT_BYTES:
            await journal.rewrite(self._snapshot())

    def _snapshot(self) -> Iterator[bytes]:
        for file_id, at in (*self._verified.items(), *self._missing.items()):
            yield _record(file_id, at, doubtful=file_id in self._doubtful)

    def _know(self, manifest: Manifest) -> None:
        self._manifests[manifest.file_id] = manifest
        self._references.update(set(manifest.chunks))

    def _apply(self, record: dict[str, object]) -> None:
        file_id = bytes.fromhex(str(record["file"]))
        at = record["t"]
        if file_id not in self._manifests:
            self._missing.pop(file_id, None)
            if isinstance(at, int | float):
                self._missing[file_id] = at
            return
        self._doubtful.discard(file_id)
        name = self._manifests[file_id].name
        if isinstance(at, int | float):
            self._verified[file_id] = at
            self._names.setdefault(name, file_id)
            if record.get("doubtful"):
                self._doubtful.add(file_id)
        else:
            self._verified.pop(file_id, None)
            if self._names.get(name) == file_id:
                del self._names[name]

    def _path(self, file_id: bytes) -> Path:
        return self._root / file_id.hex()


def _record(file_id: bytes, at: float | None, *, doubtful: bool = False) -> bytes:
    record = {"file": file_id.hex(), "t": at} | ({"doubtful": True} if doubtful else {})
    return json.dumps(record, separators=(",", ":")).encode()
