"""The keeper: what the links tell a station, brought to disk in the order in which it came.

An acknowledgement counts, and a chunk is stated durable, only once it is journalled. Events that came
meanwhile are journalled together. What to send and to whom is decided in the station.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from ground_station.custody import Entry, State
from linkemu.errors import ResourceError
from linkemu.runtime.linkend import LinkEnd
from linkemu.transfer import events

if TYPE_CHECKING:
    from ground_station.station import Station

_GROUP = 64  # events that share a journal write


class Keeper:
    """Worker of one station."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._queue: asyncio.Queue[tuple[LinkEnd, events.Event]] = asyncio.Queue()

    def put(self, end: LinkEnd, event: events.Event) -> None:
        self._queue.put_nowait((end, event))

    async def keep(self) -> None:
        while True:
            group = [await self._queue.get()]
            while not self._queue.empty() and len(group) < _GROUP:
                group.append(self._queue.get_nowait())
            await self._keep_acknowledgements(group)
            await self._keep_chunks(group)
            for end, event in group:
                await self._keep_other(end, event)
            for end in self._station.ends:
                end.drive()

    async def _keep_acknowledgements(self, group: list[tuple[LinkEnd, events.Event]]) -> None:
        held = dict[Entry, list[int]]()
        for end, event in group:
            if isinstance(event, events.ChunkAcknowledged):
                for file_id in event.file_ids:
                    entry = self._station.puts.get((end.peer, file_id))
                    if entry is not None and not entry.ended:
                        held.setdefault(entry, []).extend(self._indices(entry, event.chunk_id))
        if not held:
            return
        places = [(entry, index) for entry, indices in held.items() for index in indices]
        await self._station.persist(partial(self._station.spool.hold, places))
        for entry, indices in held.items():
            self._station.record("acknowledged", id=entry.id, chunks=len(indices), bytes=entry.done_bytes)
            self._station.progress.changed(entry)

    def _indices(self, entry: Entry, chunk: bytes) -> list[int]:
        return self._station.spool.positions(entry).get(chunk, [])

    async def _keep_chunks(self, group: list[tuple[LinkEnd, events.Event]]) -> None:
        for end, event in group:
            if isinstance(event, events.FileOffered):
                await self._offered(end, event)
        received = [(end, event) for end, event in group if isinstance(event, events.ChunkReceived)]
        if not received:
            return
        try:
            landed = await self._station.landings.land({event.chunk_id: event.data for _, event in received})
        except ResourceError as error:
            await self._refuse_chunks(received, str(error))
            return
        for end, event in received:
            if event.chunk_id in landed:
                self._station.record("landed", chunk=event.chunk_id.hex()[:16])
                end.endpoint.stored(event.chunk_id, self._station.now)
            else:
                end.endpoint.discard(event.chunk_id, self._station.now)
        for entry in list(self._station.gets.values()):
            self._station.progress.changed(entry)

    async def _refuse_chunks(
        self, received: list[tuple[LinkEnd, events.ChunkReceived]], problem: str
    ) -> None:
        """The disk takes no more: the downloads on these links fail, and say why; their bytes are freed."""
        for end, event in received:
            end.endpoint.discard(event.chunk_id, self._station.now)
            for (peer, _), entry in list(self._station.gets.items()):
                if peer == end.peer and entry.state == "receiving":
                    self._station.landings.forget(entry)  # stated no more, before its bytes go
                    await self._station.spool.make_room(entry)
                    await self._fail(end, entry, problem)

    async def _keep_other(self, end: LinkEnd, event: events.Event) -> None:
        match event:
            case events.ChunkLost(chunk, files):
                for entry in (self._station.puts.get((end.peer, file_id)) for file_id in files):
                    if entry is not None and not entry.ended:
                        indices = self._indices(entry, chunk)
                        self._station.record("chunk lost", id=entry.id, chunk=chunk.hex()[:16])
                        await self._station.persist(partial(self._station.spool.lose, entry, indices))
            case events.FileAcknowledged(file_id):
                await self._step(end, file_id, "in orbit")
            case events.FileVerified(file_id, _):
                await self._step(end, file_id, "verified")
            case events.FileRefused(file_id, reason):
                await self._step(end, file_id, "failed", reason)
            case events.RequestRefused(request, reason):
                entry = self._station.gets.get((end.peer, request))
                if entry is not None:
                    await self._fail(end, entry, reason)
            case events.FileComplete(file_id):
                await self._complete(end, file_id)
            case _:
                pass  # chunks, acknowledgements and offers are kept already

    async def _step(self, end: LinkEnd, file_id: bytes, state: State, problem: str | None = None) -> None:
        entry = self._station.puts.get((end.peer, file_id))
        if entry is None:
            return
        await self._station.reach(entry, state, problem)
        if entry.ended:
            self._station.puts.pop((end.peer, file_id), None)
            self._station.choose(end)

    async def _fail(self, end: LinkEnd, entry: Entry, problem: str) -> None:
        self._station.withdraw(end, entry)
        self._station.landings.forget(entry)
        await self._station.reach(entry, "failed", problem)

    async def _offered(self, end: LinkEnd, event: events.FileOffered) -> None:
        name = event.manifest.name
        orders = self._station.gets.items()  # by name: the offer may answer a request of an earlier life
        entry = next((each for (peer, _), each in orders if peer == end.peer and each.name == name), None)
        if entry is not None:
            try:
                begun = await self._station.landings.begin(entry, event.manifest, self._station.now)
            except ResourceError as error:
                await self._fail(end, entry, str(error))
                return
            if not begun:
                end.endpoint.decline(event.file_id, "not asked for any more", self._station.now)
                return
            self._station.record("receiving", id=entry.id, size=entry.size)
            await self._station.tell(entry)
        elif self._has_fetched(end, event):
            for chunk in event.manifest.chunks:
                self._station.holdings.stored(chunk)
            end.endpoint.verified(event.file_id, event.manifest.sha256, True, self._station.now)
        elif self._station.landings.find(end.peer, event.file_id) is None:
            end.endpoint.decline(event.file_id, "not asked for", self._station.now)

    def _has_fetched(self, end: LinkEnd, event: events.FileOffered) -> bool:
        """Whether an earlier life has fetched just this file, and died before it could say so."""
        done = self._station.spool.ledger.find("get", end.peer, event.manifest.name)
        return done is not None and (done.state, done.file_id) == ("verified", event.file_id)

    async def _complete(self, end: LinkEnd, file_id: bytes) -> None:
        found = self._station.landings.find(end.peer, file_id)
        if found is None:
            return
        entry, manifest = found
        was = entry.state
        verify = partial(self._station.landings.verify, entry, manifest, self._station.now)
        good = await self._station.persist(verify)
        if good is None:
            self._station.record("damaged on disk", id=entry.id)
            return
        end.endpoint.verified(file_id, manifest.sha256, good, self._station.now)
        for key in [key for key, each in self._station.gets.items() if each is entry]:
            del self._station.gets[key]
        if not good:
            await self._station.reach(entry, "failed", "the SHA-256 is not what the satellite stated")
        elif was != "verified":
            self._station.record("verified", id=entry.id)
            await self._station.tell(entry)
