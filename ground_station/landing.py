"""Landings: downloads on their way to disk. A chunk that came is written wherever it is wanted, once.

The Holdings of the station speak of chunks, its disk has files: this room keeps the two in step, so that a
chunk is stated durable only while a file on disk has it. No Endpoint and no clock here.
"""

from __future__ import annotations

from ground_station.custody import Entry
from ground_station.spool import Spool
from linkemu.disk import Buffer
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest


class Landings:
    """The downloads that are being received, and those that ended well in this life."""

    def __init__(self, spool: Spool, holdings: Holdings) -> None:
        self._spool = spool
        self._holdings = holdings
        self._files: dict[str, tuple[Entry, Manifest]] = {}
        self._places: dict[bytes, list[tuple[Entry, Manifest, int]]] = {}  # by chunk

    def reload(self) -> None:
        """Take up the downloads that an earlier life has left."""
        for entry in self._spool.ledger:
            manifest = self._spool.manifest(entry)
            if entry.action != "get" or manifest is None:
                continue
            self._add(entry, manifest)
            for index in sorted(entry.held):
                self._holdings.stored(manifest.chunks[index])
            self._holdings.know(manifest)

    def find(self, satellite: str, file_id: bytes) -> tuple[Entry, Manifest] | None:
        """The download of a file, under way or ended well."""
        for entry, manifest in self._files.values():
            if entry.satellite == satellite and manifest.file_id == file_id:
                return entry, manifest
        return None

    async def begin(self, entry: Entry, manifest: Manifest, now: float) -> bool:
        """The satellite offers the file of a request; False if that was given up meanwhile."""
        self.forget(entry, unless=manifest)
        if not await self._spool.describe(entry, manifest, now):
            return False
        self._add(entry, manifest)
        for index, chunk in enumerate(manifest.chunks):
            if self._holdings.has(chunk) and index not in entry.held:
                await self._adopt(chunk)
        return True

    async def land(self, chunks: dict[bytes, Buffer]) -> set[bytes]:
        """Write chunks wherever they are wanted; gives those that are durable now."""
        await self._spool.land(
            (entry, index, data)
            for chunk, data in chunks.items()
            for entry, _, index in self._places.get(chunk, ())
            if not entry.ended and index not in entry.held
        )
        return {chunk for chunk in chunks if self._copy(chunk) is not None}

    async def verify(self, entry: Entry, manifest: Manifest, now: float) -> bool | None:
        """Read a download back: True, it has its name; False, it is wrong; None, chunks are missing, or it
        was given up meanwhile. ResourceError if the journal has no room for the outcome: try again."""
        if entry.state == "verified":
            return await self._spool.finish(entry, now)
        missing = set(range(len(manifest.chunks))) - entry.held
        digest = None if missing else await self._spool.digest(entry)
        if digest == manifest.sha256:
            return await self._spool.finish(entry, now) or None
        missing |= set(await self._spool.damaged(entry, manifest))
        if entry.id not in self._files:
            return None
        if digest is None and not missing:
            return await self.verify(entry, manifest, now)  # it can be read after all
        for index in sorted(missing):
            self._holdings.lost(manifest.chunks[index])
        return None if missing else False

    def forget(self, entry: Entry, unless: Manifest | None = None) -> None:
        """The download is given up or begins anew: chunks that no other one has are stated no more."""
        found = self._files.get(entry.id)
        if found is None or (unless is not None and found[1].file_id == unless.file_id):
            return
        _, manifest = self._files.pop(entry.id)
        self._holdings.forget(manifest.file_id)
        for chunk in dict.fromkeys(manifest.chunks):
            self._places[chunk] = [place for place in self._places[chunk] if place[0].id != entry.id]
            if self._holdings.has(chunk) and self._copy(chunk) is None:
                self._holdings.lost(chunk)

    def _add(self, entry: Entry, manifest: Manifest) -> None:
        if entry.id in self._files:
            return
        self._files[entry.id] = (entry, manifest)
        for index, chunk in enumerate(manifest.chunks):
            self._places.setdefault(chunk, []).append((entry, manifest, index))

    async def _adopt(self, chunk: bytes) -> None:
        """A chunk that counts as durable but isn't in every file that wants it: copy it, or give it up."""
        place = self._copy(chunk)
        if place is None:
            self._holdings.lost(chunk)
            return
        entry, manifest, index = place
        kind = "fetched" if entry.state == "verified" else "part"
        data = await self._spool.landed(entry, kind, manifest, index)
        if data is None:
            self._holdings.lost(chunk)
        else:
            await self.land({chunk: data})

    def _copy(self, chunk: bytes) -> tuple[Entry, Manifest, int] | None:
        """Where a chunk lies on the disk."""
        for place in self._places.get(chunk, ()):
            entry, _, index = place
            if entry.state == "verified" or index in entry.held:
                return place
        return None
