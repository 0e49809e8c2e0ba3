"""The satellite's node: stores what comes by light, states it durable once it is, serves what is asked for.

Endpoints tell what happened at once; writing and reading are done by two workers, so that no disk holds up a
link: the keeper stores chunks in the order in which they came and verifies files, the server reads chunks
for downloads. Chunks lie in the store, names in the catalogue. It knows nothing but its light (law 2).
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from linkemu.errors import FormatError, IntegrityError, LinkemuError, ResourceError
from linkemu.runtime.linkend import LinkEnd, LinkEnds, next_epoch
from linkemu.runtime.node import Context
from linkemu.trace import Field
from linkemu.transfer import events
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from satellite_node.catalogue import Catalogue
from satellite_node.store import ChunkStore

CATALOGUE_NAME = ".catalogue"
_GROUP = 32  # chunks that share a sync of the directory


async def run(context: Context) -> None:
    """Serve until cancelled."""
    await context.disk.make_directory(context.root)
    node = SatelliteNode(
        context,
        await ChunkStore.open(context.disk, context.root),
        await Catalogue.open(context.disk, context.root),
        await next_epoch(context.disk, context.root),
    )
    await node.serve()


@dataclass(frozen=True, slots=True)
class _LightGone:
    """Job: keep what is held of unfinished chunks, as the next light may come after a restart."""


@dataclass(frozen=True, slots=True)
class _Job:
    end: LinkEnd | None
    what: events.Event | _LightGone


class SatelliteNode:
    """One life of the node."""

    def __init__(self, context: Context, store: ChunkStore, catalogue: Catalogue, epoch: int) -> None:
        self._context = context
        self._store = store
        self._catalogue = catalogue
        self._holdings = Holdings()
        self._to_keep: asyncio.Queue[_Job] = asyncio.Queue()
        self._to_serve: asyncio.Queue[tuple[LinkEnd, events.ChunkWanted]] = asyncio.Queue()
        self._listings: dict[bytes, tuple[Manifest, bytes]] = {}  # catalogues on their way down
        self._ends = LinkEnds(
            context.terminal,
            context.clock,
            self._holdings,
            epoch,
            context.settings.frame_bytes,
            self._happened,
            self._light,
        )

    async def serve(self) -> None:
        """Take up what earlier lives have left, then work."""
        damaged = await self._reload()
        try:
            await self._context.terminal.start()
            self._record("up", chunks=len(self._store.ids), partials_damaged=damaged)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(), name=f"{self._context.name}: keeper")
                tasks.create_task(self._serve(), name=f"{self._context.name}: server")
        except* LinkemuError as group:
            raise _first(group) from None
        finally:
            self._ends.close()

    async def _reload(self) -> int:
        """What earlier lives have left; the number of partials that were damaged."""
        for chunk in sorted(self._store.ids):
            self._holdings.stored(chunk)
        for manifest in self._catalogue:
            whole = self._holdings.know(manifest)
            if self._catalogue.is_verified(manifest.file_id):
                if whole:
                    self._holdings.verified(manifest.file_id, manifest.sha256, True)
                else:
                    await self._catalogue.unverified(manifest.file_id)
            elif whole:
                self._to_keep.put_nowait(_Job(None, events.FileComplete(manifest.file_id)))
        damaged = 0
        for exported in (await self._store.load_partials()).values():
            try:
                self._holdings.load(exported)
            except FormatError:
                damaged += 1
        return damaged

    # What the links tell

    def _light(self, end: LinkEnd, light: bool, now: float) -> None:
        self._record("light" if light else "dark", peer=end.peer)
        if not light:
            self._to_keep.put_nowait(_Job(None, _LightGone()))

    def _happened(self, end: LinkEnd, event: events.Event, now: float) -> None:
        match event:
            case events.ChunkReceived() | events.FileComplete():
                self._to_keep.put_nowait(_Job(end, event))
            case events.ChunkRepeated(chunk):
                self._record("again", chunk=chunk.hex()[:16])
            case events.FileOffered():
                self._offered(end, event, now)
            case events.ChunkWanted():
                self._to_serve.put_nowait((end, event))
            case events.FileRequested():
                self._requested(end, event, now)
            case events.FileVerified(file_id, _):
                self._listings.pop(file_id, None)
                self._record("delivered", peer=end.peer, file=file_id.hex()[:16])
            case events.FileRefused(file_id, reason):
                self._listings.pop(file_id, None)
                self._record("refused by peer", peer=end.peer, file=file_id.hex()[:16], reason=reason)
            case events.ChunkAcknowledged() | events.ChunkLost() | events.FileAcknowledged():
                pass  # the station that asked has the custody of a download
            case events.RequestRefused():
                pass  # a satellite asks for nothing

    def _offered(self, end: LinkEnd, event: events.FileOffered, now: float) -> None:
        owner = self._catalogue.named(event.manifest.name)
        if owner is not None and owner.file_id != event.file_id:
            end.endpoint.decline(event.file_id, "the name is taken by another file", now)
        elif event.manifest.name == CATALOGUE_NAME:
            end.endpoint.decline(event.file_id, "the name is reserved", now)
        elif event.file_id not in self._catalogue:
            self._to_keep.put_nowait(_Job(end, event))

    def _requested(self, end: LinkEnd, event: events.FileRequested, now: float) -> None:
        manifest = self._find(event)
        name = event.name if event.name is not None else (event.file_id or b"").hex()[:16]
        self._record("requested", peer=end.peer, name=name, found=manifest is not None)
        if manifest is None:
            end.endpoint.refuse(event.request, "no such file in orbit", now)
        else:
            end.endpoint.offer(manifest, event.priority, (), now, request=event.request)

    def _find(self, event: events.FileRequested) -> Manifest | None:
        if event.name == CATALOGUE_NAME:
            content = self._catalogue.listing()
            manifest = Manifest.of(CATALOGUE_NAME, content)
            self._listings[manifest.file_id] = (manifest, content)
            return manifest
        if event.name is not None:
            return self._catalogue.named(event.name)
        wanted = event.file_id or b""
        return self._catalogue[wanted] if self._catalogue.is_verified(wanted) else None

    # The keeper

    async def _keep(self) -> None:
        while True:
            jobs = [await self._to_keep.get()]
            while not self._to_keep.empty() and len(jobs) < _GROUP:
                jobs.append(self._to_keep.get_nowait())
            try:
                await self._keep_all(jobs)
            except ResourceError as error:
                self._record("disk refuses", reason=str(error))  # what isn't durable isn't stated either
            for end in self._ends:
                end.drive()

    async def _keep_all(self, jobs: list[_Job]) -> None:
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
                await self._verify(job.end, job.what.file_id)
            elif isinstance(job.what, _LightGone):
                await self._save_partials()

    async def _keep_chunks(self, received: list[tuple[LinkEnd | None, events.ChunkReceived]]) -> None:
        try:
            await self._store.put({event.chunk_id: event.data for _, event in received})
        except (ResourceError, IntegrityError) as error:
            self._record("chunks not stored", count=len(received), reason=str(error))
            for end, event in received:
                await self._give_up(end, event.chunk_id, str(error))
            return
        now = self._context.clock.now()
        for end, event in received:
            self._record("stored", chunk=event.chunk_id.hex()[:16])
            if end is not None:
                end.endpoint.stored(event.chunk_id, now)

    async def _give_up(self, end: LinkEnd | None, chunk: bytes, reason: str) -> None:
        """No room for a chunk: decline its files and free what they hold, rather than ask for it for ever."""
        now = self._context.clock.now()
        if end is not None:
            end.endpoint.discard(chunk, now)
        for file_id in self._catalogue.using(chunk):
            if end is not None:
                end.endpoint.decline(file_id, f"the satellite can't store it: {reason}", now)
            await self._drop(file_id)

    async def _drop(self, file_id: bytes) -> None:
        orphans = await self._catalogue.drop(file_id)
        self._holdings.forget(file_id)
        for chunk in orphans:
            self._holdings.lost(chunk)
        await self._store.remove(orphans)
        self._record("dropped", file=file_id.hex()[:16])

    async def _take_up(self, end: LinkEnd | None, event: events.FileOffered) -> None:
        try:
            await self._catalogue.accept(event.manifest)
        except ResourceError as error:
            if end is not None:
                end.endpoint.decline(
                    event.file_id, f"the satellite can't store it: {error}", self._context.clock.now()
                )
            return
        self._record("offered", file=event.file_id.hex()[:16], name=event.manifest.name)

    async def _verify(self, end: LinkEnd | None, file_id: bytes) -> None:
        """Read a complete file back from the disk, and state what it is."""
        if file_id not in self._catalogue:
            return
        manifest = self._catalogue[file_id]
        good = self._catalogue.is_verified(file_id)
        if not good:
            digest = await self._digest(manifest)
            if digest is None:
                return  # chunks that went bad are stated lost, and come again
            good = digest == manifest.sha256
            if good:
                await self._catalogue.verified(file_id, self._context.clock.now())
            self._record("verified" if good else "wrong digest", file=file_id.hex()[:16], name=manifest.name)
        if end is None:
            self._holdings.verified(file_id, manifest.sha256, good)
        else:
            end.endpoint.verified(file_id, manifest.sha256, good, self._context.clock.now())

    async def _digest(self, manifest: Manifest) -> bytes | None:
        """SHA-256 of the file on disk; None if chunks are damaged, which are then missing."""
        sha256 = hashlib.sha256()
        whole = True
        for chunk in manifest.chunks:
            data = await self._read(chunk)
            if data is None:
                whole = False
            elif whole:
                sha256.update(data)
        return sha256.digest() if whole else None

    async def _read(self, chunk: bytes) -> bytes | None:
        """A chunk from the store; None if it is missing or went bad, which is stated from now on."""
        try:
            return await self._store.get(chunk)
        except (IntegrityError, KeyError, ResourceError) as error:
            self._record("chunk lost", chunk=chunk.hex()[:16], reason=str(error))
            self._holdings.lost(chunk)
            for file_id in self._catalogue.using(chunk):
                await self._catalogue.unverified(file_id)
            return None

    async def _save_partials(self) -> None:
        try:
            await self._store.save_partials(dict(self._holdings.export()))
        except ResourceError as error:
            self._record("partials not saved", reason=str(error))

    # The server

    async def _serve(self) -> None:
        while True:
            end, wanted = await self._to_serve.get()
            data = await self._content(wanted)
            now = self._context.clock.now()
            if data is None:
                end.endpoint.withdraw(wanted.file_id, now)
            else:
                end.endpoint.supply(wanted.chunk_id, data, now, checked=True)
            end.drive()

    async def _content(self, wanted: events.ChunkWanted) -> bytes | None:
        if wanted.file_id in self._listings:
            _, content = self._listings[wanted.file_id]
            return content[wanted.offset : wanted.offset + wanted.length]
        return await self._read(wanted.chunk_id)

    def _record(self, what: str, **fields: Field) -> None:
        self._context.trace.record(self._context.clock.now(), self._context.name, what, **fields)


def _first(group: BaseExceptionGroup[LinkemuError]) -> LinkemuError:
    """The one error that a person is told."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, LinkemuError)
    return error
