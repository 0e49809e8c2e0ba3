"""The catalogue: which files the satellite has, as manifests, and which of them it has verified.

    manifests/<file id>   a manifest as linkemu.transfer encodes it, durable before it counts
    verified              journal of the files whose SHA-256 was right when read back

A name belongs to the file that was first verified under it. Chunks are counted by reference, so that a file
that is dropped takes only those chunks with it that no other file needs. The chunks are in the store.
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
from linkemu.transfer.manifest import Manifest

_COMPACT_BYTES = 1 << 18


class Catalogue:
    """Manifests by file id, and names of verified files."""

    def __init__(self, disk: Disk, root: Path) -> None:
        self._disk = disk
        self._root = root / "manifests"
        self._journal = Journal(disk, root / "verified")
        self._manifests: dict[bytes, Manifest] = {}
        self._verified: dict[bytes, float] = {}  # scenario second
        self._names: dict[str, bytes] = {}
        self._references = Counter[bytes]()
        self._lock = asyncio.Lock()
        self.damaged: list[str] = []  # what was found so at the start: file and problem

    @classmethod
    async def open(cls, disk: Disk, root: Path) -> Catalogue:
        """Reload; a manifest that is damaged is dropped, as the station that has the file offers it again.

        One that can't be read is left as it is, and not known. A journal of verified files that is none or
        can't be read is set aside: the files are read back and verified anew.
        """
        catalogue = cls(disk, root)
        await disk.make_directory(catalogue._root)
        await disk.sync(root)
        for name in await disk.names(catalogue._root):
            await catalogue._load(catalogue._root / name)
        await disk.sync(catalogue._root)  # names that a life put there which was killed before it could sync
        try:
            catalogue._journal = await Journal.open(disk, root / "verified")
        except (FormatError, ResourceError) as error:
            catalogue.damaged.append(str(error))
            await disk.replace(root / "verified", root / "verified.damaged")
            catalogue._journal = await Journal.open(disk, root / "verified")
        for record in catalogue._journal.records:
            catalogue._apply(json.loads(record))
        if catalogue._journal.size > _COMPACT_BYTES:
            await catalogue._journal.rewrite(_record(file, at) for file, at in catalogue._verified.items())
        return catalogue

    def __iter__(self) -> Iterator[Manifest]:
        return iter(self._manifests.values())

    def __contains__(self, file_id: bytes) -> bool:
        return file_id in self._manifests

    def __getitem__(self, file_id: bytes) -> Manifest:
        return self._manifests[file_id]

    def is_verified(self, file_id: bytes) -> bool:
        return file_id in self._verified

    def named(self, name: str) -> Manifest | None:
        """The verified file of this name."""
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

    async def verified(self, file_id: bytes, now: float) -> None:
        """The file was read back and is right; durable when this returns."""
        async with self._lock:
            if file_id not in self._verified and file_id in self._manifests:
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
            for manifest in (self._manifests[file_id],)
        ]
        return json.dumps({"files": rows}, separators=(",", ":")).encode()

    async def _load(self, path: Path) -> None:
        try:
            manifest = Manifest.decode(await self._disk.read(path))
        except ResourceError as error:
            self.damaged.append(str(error))
            return
        except FormatError:
            manifest = None
        if manifest is None or manifest.file_id.hex() != path.name:
            self.damaged.append(f"{path.name}: not the manifest of its name")
            await self._disk.remove(path)
            return
        self._know(manifest)

    def _know(self, manifest: Manifest) -> None:
        self._manifests[manifest.file_id] = manifest
        self._references.update(set(manifest.chunks))

    def _apply(self, record: dict[str, object]) -> None:
        file_id = bytes.fromhex(str(record["file"]))
        at = record["t"]
        if file_id not in self._manifests:
            return
        name = self._manifests[file_id].name
        if isinstance(at, int | float):
            self._verified[file_id] = at
            self._names.setdefault(name, file_id)
        else:
            self._verified.pop(file_id, None)
            if self._names.get(name) == file_id:
                del self._names[name]

    def _path(self, file_id: bytes) -> Path:
        return self._root / file_id.hex()


def _record(file_id: bytes, at: float | None) -> bytes:
    return json.dumps({"file": file_id.hex(), "t": at}, separators=(",", ":")).encode()
