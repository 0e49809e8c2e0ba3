"""The keeper: what the links tell a satellite, brought to disk in the order in which it came, and read back.

A manifest counts, and a chunk or a file is stated, only once it is durable. What the disk refuses is declined
or tried again later; it never ends the node. Which file answers a request is known in the node.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from linkemu.errors import IntegrityError, ResourceError
from linkemu.runtime.linkend import LinkEnd, LinkEnds
from linkemu.runtime.node import Context
from linkemu.trace import Field
from linkemu.transfer import events
from linkemu.transfer.holdings import Holdings
from satellite_node.catalogue import Catalogue
from satellite_node.store import ChunkStore

NAME_TAKEN = "the name is taken by another file"
_GROUP = 32  # chunks that share a sync of the directory
_RETRY_s = 1.0


@dataclass(frozen=True, slots=True)
class LightGone:
    """Job: keep what is held of unfinished chunks, as the next light may come after a restart."""


@dataclass(frozen=True, slots=True)
class Job:
    """``end``: the link that told it, None for what an earlier life has left."""

    end: LinkEnd | None
    what: events.FileOffered | events.ChunkReceived | events.FileComplete | LightGone


class Keeper:
    """Worker of one satellite."""

    def __init__(self, context: Context, store: ChunkStore, catalogue: Catalogue, holdings: Holdings) -> None:
        self._context = context
        self._store = store
        self._catalogue = catalogue
        self._holdings = holdings
        self._queue: asyncio.Queue[Job] = asyncio.Queue()

    def put(self, job: Job) -> None:
        self._queue.put_nowait(job)

    async def keep(self, ends: LinkEnds) -> None:
        while True:
            jobs = [await self._queue.get()]
            while not self._queue.empty() and len(jobs) < _GROUP:
                jobs.append(self._queue.get_nowait())
            await self._keep_all(jobs)
            for end in ends:
                end.drive()

    async def read(self, chunk: bytes) -> bytes | None:
        """A chunk from the store; None if it is missing or went bad, which is stated from now on."""
        try:
            return await self._store.get(chunk)
        except (IntegrityError, KeyError, ResourceError) as error:
            self.record("chunk lost", chunk=chunk.hex()[:16], reason=str(error))
        self._holdings.lost(chunk)
        for file_id in self._catalogue.using(chunk):
            try:
                await self._catalogue.unverified(file_id)
            except ResourceError as error:
                self.record("disk refuses", reason=str(error))  # the next start finds the chunk missing too
        return None

    def record(self, what: str, **fields: Field) -> None:
        self._context.trace.record(self._context.clock.now(), self._context.name, what, **fields)

    async def _keep_all(self, jobs: list[Job]) -> None:
        """A group of jobs: manifests, then chunks, then what follows from them."""
        received = list[tuple[LinkEnd | None, events.ChunkReceived]]()
        for job in jobs:
            if isinstance(job.what, events.FileOffered):
                await self._take_up(job.end, job.what)
            elif isinstance(job.what, events.ChunkReceived):
                received.append((job.end, job.what))
        if received:
            await self._keep_chunks(received)
        for job in jobs:
            if isinstance(job.what, events.FileComplete):
                await self._complete(job, job.what.file_id)
            elif isinstance(job.what, LightGone):
                await self._save_partials()

    # Files offered

    async def _take_up(self, end: LinkEnd | None, event: events.FileOffered) -> None:
        try:
            await self._catalogue.accept(event.manifest)
        except ResourceError as error:
            self._decline(end, event.file_id, f"the satellite can't store it: {error}")
            return
        self.record("offered", file=event.file_id.hex()[:16], name=event.manifest.name)

    def _decline(self, end: LinkEnd | None, file_id: bytes, reason: str) -> None:
        if end is not None:
            end.endpoint.decline(file_id, reason, self._context.clock.now())

    async def _drop(self, file_id: bytes) -> None:
        """Forget a file, and free what only it needs."""
        try:
            orphans = await self._catalogue.drop(file_id)
            self._holdings.forget(file_id)
            for chunk in orphans:
                self._holdings.lost(chunk)
            await self._store.remove(orphans)
        except ResourceError as error:
            self.record("disk refuses", reason=str(error))
        self.record("dropped", file=file_id.hex()[:16])

    # Chunks

    async def _keep_chunks(self, received: list[tuple[LinkEnd | None, events.ChunkReceived]]) -> None:
        try:
            await self._store.put({event.chunk_id: event.data for _, event in received})
        except (ResourceError, IntegrityError) as error:
            self.record("chunks not stored", count=len(received), reason=str(error))
            for end, event in received:
                await self._give_up(end, event.chunk_id, str(error))
            return
        now = self._context.clock.now()
        for end, event in received:
            self.record("stored", chunk=event.chunk_id.hex()[:16])
            if end is not None:
                end.endpoint.stored(event.chunk_id, now)

    async def _give_up(self, end: LinkEnd | None, chunk: bytes, reason: str) -> None:
        """No room for a chunk: decline its files and free what they hold, rather than ask for it for ever."""
        if end is not None:
            end.endpoint.discard(chunk, self._context.clock.now())
        for file_id in self._catalogue.using(chunk):
            self._decline(end, file_id, f"the satellite can't store it: {reason}")
            await self._drop(file_id)

    async def _save_partials(self) -> None:
        try:
            await self._store.save_partials(dict(self._holdings.export()))
        except ResourceError as error:
            self.record("partials not saved", reason=str(error))

    # Files that are complete

    async def _complete(self, job: Job, file_id: bytes) -> None:
        """Verify; if the disk has no room for that word now, again later: nobody else would ask for it."""
        try:
            await self._verify(job.end, file_id)
        except ResourceError as error:
            self.record("disk refuses", reason=str(error))
            clock = self._context.clock
            clock.call_at(clock.now() + _RETRY_s, lambda: self.put(job))

    async def _verify(self, end: LinkEnd | None, file_id: bytes) -> None:
        """Read a complete file back from the disk, and state what it is."""
        if file_id not in self._catalogue:
            return
        manifest = self._catalogue[file_id]
        owner = self._catalogue.named(manifest.name)
        if owner is not None and owner.file_id != file_id:  # it was verified while this one was on its way
            self._decline(end, file_id, NAME_TAKEN)
            await self._drop(file_id)
            return
        good = self._catalogue.is_verified(file_id)
        if not good:
            digest = await self._digest(manifest.chunks)
            if digest is None:
                return  # chunks that went bad are stated lost, and come again
            good = digest == manifest.sha256
            if good:
                await self._catalogue.verified(file_id, self._context.clock.now())
            else:
                await self._catalogue.unverified(file_id)  # it may be doubtful
            self.record("verified" if good else "wrong digest", file=file_id.hex()[:16], name=manifest.name)
        if end is None:
            self._holdings.verified(file_id, manifest.sha256, good)
        else:
            end.endpoint.verified(file_id, manifest.sha256, good, self._context.clock.now())

    async def _digest(self, chunks: tuple[bytes, ...]) -> bytes | None:
        """SHA-256 of the file on disk; None if chunks are damaged, which are then missing."""
        sha256 = hashlib.sha256()
        whole = True
        for chunk in chunks:
            data = await self.read(chunk)
            if data is None:
                whole = False
            elif whole:
                sha256.update(data)
        return sha256.digest() if whole else None
