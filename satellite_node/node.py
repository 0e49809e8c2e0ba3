"""The satellite's node: stores what comes by light, states it durable once it is, serves what is asked for.

Endpoints tell what happened at once; writing and reading are done by two workers, so that no disk holds up a
link: the keeper stores what came and verifies files, the server reads chunks for downloads. Chunks lie in the
store, names in the catalogue. It knows nothing but its light (law 2).
"""

from __future__ import annotations

import asyncio

from linkemu.disk import found
from linkemu.errors import FormatError, LinkemuError
from linkemu.runtime.linkend import LinkEnd, LinkEnds, next_epoch
from linkemu.runtime.node import Context
from linkemu.transfer import events
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from satellite_node.catalogue import Catalogue
from satellite_node.keeper import NAME_TAKEN, Job, Keeper, LightGone
from satellite_node.store import ChunkStore

CATALOGUE_NAME = ".catalogue"


async def run(context: Context) -> None:
    """Serve until cancelled."""
    await found(context.disk, context.root)
    node = SatelliteNode(
        context,
        await ChunkStore.open(context.disk, context.root),
        await Catalogue.open(context.disk, context.root),
        await next_epoch(context.disk, context.root),
    )
    await node.serve()


class SatelliteNode:
    """One life of the node."""

    def __init__(self, context: Context, store: ChunkStore, catalogue: Catalogue, epoch: int) -> None:
        self._context = context
        self._store = store
        self._catalogue = catalogue
        self._holdings = Holdings()
        self._keeper = Keeper(context, store, catalogue, self._holdings)
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
            self._keeper.record("up", chunks=len(self._store.ids), partials_damaged=damaged)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keeper.keep(self._ends), name=f"{self._context.name}: keeper")
                tasks.create_task(self._serve(), name=f"{self._context.name}: server")
        except* LinkemuError as group:
            raise _first(group) from None
        finally:
            self._ends.close()

    async def _reload(self) -> int:
        """What earlier lives have left; the number of partials that were damaged."""
        self._tell_damage()
        for chunk in sorted(self._store.ids):
            self._holdings.stored(chunk)
        for manifest in self._catalogue:
            if not self._holdings.know(manifest):
                await self._catalogue.unverified(manifest.file_id)
            elif self._catalogue.is_verified(manifest.file_id):
                self._holdings.verified(manifest.file_id, manifest.sha256, True)
            else:
                self._keeper.put(Job(None, events.FileComplete(manifest.file_id)))
        damaged = 0
        for exported in (await self._store.load_partials()).values():
            try:
                self._holdings.load(exported)
            except FormatError:
                damaged += 1
        return damaged

    def _tell_damage(self) -> None:
        """What of the catalogue was damaged."""
        for gap in self._catalogue.gaps:
            self._keeper.record("journal damaged", file="verified", offset=gap.offset, bytes=gap.length)
        for name in self._catalogue.damaged:
            self._keeper.record("manifest damaged", file=name[:16])

    # What the links tell

    def _light(self, end: LinkEnd, light: bool, now: float) -> None:
        self._keeper.record("light" if light else "dark", peer=end.peer)
        if not light:
            self._keeper.put(Job(None, LightGone()))

    def _happened(self, end: LinkEnd, event: events.Event, now: float) -> None:
        match event:
            case events.ChunkReceived() | events.FileComplete():
                self._keeper.put(Job(end, event))
            case events.ChunkRepeated(chunk):
                self._keeper.record("again", chunk=chunk.hex()[:16])
            case events.FileOffered():
                self._offered(end, event, now)
            case events.ChunkWanted():
                self._to_serve.put_nowait((end, event))
            case events.FileRequested():
                self._requested(end, event, now)
            case events.FileVerified(file_id, _):
                self._listings.pop(file_id, None)
                self._keeper.record("delivered", peer=end.peer, file=file_id.hex()[:16])
            case events.FileRefused(file_id, reason):
                self._listings.pop(file_id, None)
                self._keeper.record("refused by peer", peer=end.peer, file=file_id.hex()[:16], reason=reason)
            case events.ChunkAcknowledged() | events.ChunkLost() | events.FileAcknowledged():
                pass  # the station that asked has the custody of a download
            case events.RequestRefused():
                pass  # a satellite asks for nothing

    def _offered(self, end: LinkEnd, event: events.FileOffered, now: float) -> None:
        owner = self._catalogue.named(event.manifest.name)
        if owner is not None and owner.file_id != event.file_id:
            end.endpoint.decline(event.file_id, NAME_TAKEN, now)
        elif event.manifest.name == CATALOGUE_NAME:
            end.endpoint.decline(event.file_id, "the name is reserved", now)
        elif event.file_id not in self._catalogue:
            self._keeper.put(Job(end, event))

    def _requested(self, end: LinkEnd, event: events.FileRequested, now: float) -> None:
        manifest = self._find(event)
        name = event.name if event.name is not None else (event.file_id or b"").hex()[:16]
        self._keeper.record("requested", peer=end.peer, name=name, found=manifest is not None)
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
        return await self._keeper.read(wanted.chunk_id)


def _first(group: BaseExceptionGroup[LinkemuError]) -> LinkemuError:
    """The one error that a person is told."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, LinkemuError)
    return error
