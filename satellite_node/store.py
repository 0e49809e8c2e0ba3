"""The chunk store: content-addressed files that are either whole, durable and named, or not there.

A chunk is checked, written as a draft, synced and renamed, and the directory synced; only then is it in the
index and may be stated durable. A file that fails its check on reading goes to quarantine and counts as
missing. Parts of unfinished chunks lie beside, each with its own checksum. Which files the chunks
make is known by the catalogue, not here. One writer at a time; readers may come at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from blake3 import blake3

from linkemu.disk import Buffer, Disk, store
from linkemu.errors import IntegrityError, ResourceError

_DRAFT = ".tmp"
_ID_DIGITS = 64


class ChunkStore:
    """Chunks by id (blake3 of their bytes) under ``root``."""

    def __init__(self, disk: Disk, root: Path) -> None:
        self._disk = disk
        self._chunks = root / "chunks"
        self._quarantine = root / "quarantine"
        self._partials = root / "partials"
        self._ids = set[bytes]()
        self._saved = set[bytes]()  # ids with a file of partials

    @classmethod
    async def open(cls, disk: Disk, root: Path) -> ChunkStore:
        """Reload the index; drafts that a crash has left are removed.

        What is found may have its name from a life that was killed before it could sync the directory.
        """
        found = cls(disk, root)
        for directory in (found._chunks, found._quarantine, found._partials):
            await disk.make_directory(directory)
        await disk.sync(root)
        found._ids = await found._index(found._chunks)
        await disk.sync(found._chunks)
        found._saved = await found._index(found._partials)
        return found

    @property
    def ids(self) -> frozenset[bytes]:
        """All chunks that are durable here."""
        return frozenset(self._ids)

    def __contains__(self, chunk: bytes) -> bool:
        return chunk in self._ids

    async def put(self, chunks: Mapping[bytes, Buffer]) -> None:
        """Make chunks durable; several at once share the sync of the directory.

        Raises:
            IntegrityError: bytes that are not those of their id; nothing is stored.
            ResourceError: the disk is full or refuses; no chunk of this call counts as stored.
        """
        fresh = {chunk: data for chunk, data in chunks.items() if chunk not in self._ids}
        for chunk, data in fresh.items():
            if blake3(data).digest() != chunk:
                raise IntegrityError(f"chunk {chunk.hex()[:16]}: bytes are not those of its id")
        try:
            for chunk, data in fresh.items():
                await self._disk.write(self._draft(chunk), data)
            await self._disk.sync(*map(self._draft, fresh), cached=False)
        except ResourceError:
            for chunk in fresh:
                await self._disk.remove(self._draft(chunk))  # they would fill the disk until the next start
            raise
        for chunk in fresh:
            await self._disk.replace(self._draft(chunk), self._path(chunk))
        if fresh:
            await self._disk.sync(self._chunks)
        self._ids |= fresh.keys()

    async def get(self, chunk: bytes) -> bytes:
        """The chunk's bytes, checked.

        Raises:
            IntegrityError: the file is damaged or gone; it is in quarantine now, and the chunk missing.
            ResourceError: it can't be read; the chunk is missing until it is put again, or the next start.
            KeyError: never stored.
        """
        if chunk not in self._ids:
            raise KeyError(chunk.hex())
        try:
            data = await self._disk.read(self._path(chunk))
        except FileNotFoundError as error:
            self._ids.discard(chunk)
            raise IntegrityError(f"chunk {chunk.hex()[:16]}: its file is gone") from error
        except ResourceError:
            self._ids.discard(chunk)
            raise
        if blake3(data).digest() != chunk:
            self._ids.discard(chunk)
            await self._disk.replace(self._path(chunk), self._quarantine / chunk.hex())
            await self._disk.sync(self._chunks)
            raise IntegrityError(f"chunk {chunk.hex()[:16]}: damaged on disk, moved to quarantine")
        return data

    async def remove(self, chunks: Iterable[bytes]) -> None:
        """Forget chunks that no manifest refers to any more."""
        for chunk in chunks:
            self._ids.discard(chunk)
            await self._disk.remove(self._path(chunk))
        await self._disk.sync(self._chunks)

    async def save_partials(self, partials: Mapping[bytes, bytes]) -> None:
        """Keep what is held of unfinished chunks, as the transfer exports it; files of others go."""
        for chunk, exported in partials.items():
            await store(self._disk, self._partials / chunk.hex(), exported)
        for chunk in sorted(self._saved - partials.keys()):
            await self._disk.remove(self._partials / chunk.hex())
        self._saved = set(partials)

    async def load_partials(self) -> dict[bytes, bytes]:
        """What ``save_partials`` kept, b"" where it can't be read; the transfer checks every range of it."""
        return {chunk: await self._partial(chunk) for chunk in sorted(self._saved)}

    async def _partial(self, chunk: bytes) -> bytes:
        try:
            return await self._disk.read(self._partials / chunk.hex())
        except ResourceError:
            return b""

    async def _index(self, directory: Path) -> set[bytes]:
        ids = set[bytes]()
        for name in await self._disk.names(directory):
            if name.endswith(_DRAFT):
                await self._disk.remove(directory / name)
            elif len(name) == _ID_DIGITS:
                ids.add(bytes.fromhex(name))
        return ids

    def _path(self, chunk: bytes) -> Path:
        return self._chunks / chunk.hex()

    def _draft(self, chunk: bytes) -> Path:
        return self._chunks / (chunk.hex() + _DRAFT)
