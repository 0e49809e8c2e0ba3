"""The station at work: which files of the spool are on which link, and every step of their custody.

Endpoints tell what happened at once; disk work is done by two workers, in order: the keeper journals and
lands, the feeder reads chunks for the links. All is decided from plan, sensors and frames alone (law 2).
Doors (intake, scripted work) call ``put``, ``get`` and ``give_up``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from ground_station import contacts
from ground_station.custody import Action, Entry, State
from ground_station.incoming import Incoming
from ground_station.keeper import Keeper
from ground_station.landing import Landings
from ground_station.progress import Progress
from ground_station.spool import Spool
from linkemu.errors import InputError, IntegrityError, ResourceError
from linkemu.plan import Plan
from linkemu.runtime.linkend import LinkEnd, LinkEnds
from linkemu.runtime.node import Context
from linkemu.trace import Field
from linkemu.transfer import events
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest

_RETRY_s = 1.0
T = TypeVar("T")


class Station:
    """One life of the ground station. ``serve`` runs until cancelled."""

    def __init__(self, context: Context, spool: Spool, epoch: int) -> None:
        self.context = context
        self.spool = spool
        self.holdings = Holdings()
        self.landings = Landings(spool, self.holdings)
        self._keeper = Keeper(self)
        self._to_feed: asyncio.Queue[tuple[LinkEnd, events.ChunkWanted]] = asyncio.Queue()
        self.puts: dict[tuple[str, bytes], Entry] = {}  # on a link, by satellite and file id
        self.gets: dict[tuple[str, int], Entry] = {}  # by satellite and number of the request
        self._changed = asyncio.Condition()
        self.ends = LinkEnds(
            context.terminal,
            context.clock,
            self.holdings,
            epoch,
            context.settings.frame_bytes,
            self._happened,
            self._light,
            self._planned,
        )
        self.progress = Progress(context, self.ends, self.holdings)

    @property
    def now(self) -> float:
        return self.context.clock.now()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Go on with what is in custody; ``ready`` is called once the station takes orders."""
        self.landings.reload()
        try:
            await self.context.terminal.start()
            self.record("up", custody=len(self.spool.ledger.entries))
            self._tell_rot()
            for entry in list(self.spool.ledger):
                self._take_up(entry)
                self.progress.stepped(entry)  # what was announced before still holds
            ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keeper.keep(), name=f"{self.context.name}: keeper")
                tasks.create_task(self._feed(), name=f"{self.context.name}: feeder")
        finally:
            self.progress.close()
            self.ends.close()

    def _tell_rot(self) -> None:
        """What was lost of the journal, and what has become of it."""
        for gap in self.spool.gaps:
            self.record("journal damaged", file="spool/journal", offset=gap.offset, bytes=gap.length)
        for name in self.spool.salvaged:
            entry = self.spool.ledger.entries.get(name)
            self.record("salvaged", id=name, state=None if entry is None else entry.state)
        for file in self.spool.aside:
            self.record("set aside", file=file)

    # Orders, from the doors

    def end_to(self, satellite: str) -> LinkEnd:
        """The link to a satellite; InputError if this station has none."""
        end = self.ends.to(satellite)
        if end is None:
            known = ", ".join(each.peer for each in self.ends) or "none"
            raise InputError(f"satellite {satellite!r}", f"no link from {self.context.name}; it has: {known}")
        return end

    async def put(self, incoming: Incoming, manifest: Manifest) -> Entry:
        """Take custody of a file and send it when there is light; NameTakenError, ResourceError."""
        entry = await self.spool.accept(incoming, manifest, self.now)
        if (entry.satellite, manifest.file_id) not in self.puts and not entry.ended:
            self.record("spooled", id=entry.id, name=entry.name, size=entry.size)
            self._take_up(entry)
            await self.tell(entry)
        return entry

    async def get(self, satellite: str, name: str, priority: int) -> Entry:
        """Ask for a file of a satellite; the order that is under way for it already, if there is one."""
        self.end_to(satellite)
        known = self.spool.ledger.find("get", satellite, name)
        if known is not None and not known.ended:
            return known
        if known is not None:
            self.landings.forget(known)
        entry = await self.spool.request(satellite, name, priority, self.now)
        self.record("requested", id=entry.id, name=name)
        self._take_up(entry)
        await self.tell(entry)
        return entry

    async def give_up(self, entry: Entry) -> None:
        """Drop custody on the operator's word."""
        end = self.ends.to(entry.satellite)
        if end is not None and not entry.ended:
            self.withdraw(end, entry)
        await self.spool.drop(entry)
        self.landings.forget(entry)  # now that the keeper can't take it up any more
        self.record("given up", id=entry.id)

    async def wait(self, entry: Entry, seconds: float) -> None:
        """Until the entry has ended, at most real ``seconds``."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: entry.ended)
        except TimeoutError:
            return

    # What the links tell

    def _planned(self, plan: Plan) -> None:
        self.record("plan", version=plan.version, windows=len(plan.windows))
        for end in self.ends:
            self.choose(end)
            end.drive()

    def _light(self, end: LinkEnd, light: bool, now: float) -> None:
        self.record("light" if light else "dark", peer=end.peer)
        for entry in [*self.puts.values(), *self.gets.values()]:
            if entry.satellite == end.peer:
                self.progress.changed(entry)
        if light:
            self.choose(end)

    def _happened(self, end: LinkEnd, event: events.Event, now: float) -> None:
        match event:
            case events.ChunkWanted():
                self._to_feed.put_nowait((end, event))
            case events.FileRequested():
                end.endpoint.refuse(event.request, "a ground station serves no files", now)
            case events.ChunkRepeated(chunk):
                self.record("again", chunk=chunk.hex()[:16])
            case _:
                self._keeper.put(end, event)

    # Files on links

    def _take_up(self, entry: Entry) -> None:
        end = self.ends.to(entry.satellite)
        if end is None or entry.ended:
            return
        if entry.action == "put":
            self.choose(end)
        else:
            number = end.endpoint.request(entry.name, entry.priority, self.now)
            self.gets[end.peer, number] = entry
        end.drive()

    def choose(self, end: LinkEnd) -> None:
        """Offer what the current pass, or the next one, has room for."""
        waiting = [
            entry
            for entry in self.spool.ledger
            if entry.action == "put" and entry.satellite == end.peer and not entry.ended
        ]
        window = contacts.window(self.ends.plan, end.peer, self.now)
        for share in contacts.shares(waiting, window, self.now):
            self._offer(end, share.entry)

    def _offer(self, end: LinkEnd, entry: Entry) -> None:
        manifest = self.spool.manifest(entry)
        if manifest is None or (end.peer, manifest.file_id) in self.puts:
            return
        self.puts[end.peer, manifest.file_id] = entry
        acknowledged = [manifest.chunks[index] for index in sorted(entry.held)]
        sent = end.endpoint.offer(manifest, entry.priority, acknowledged, self.now)
        self.progress.begin(entry, sent)

    def withdraw(self, end: LinkEnd, entry: Entry) -> None:
        if entry.file_id is not None and self.puts.pop((end.peer, entry.file_id), None) is not None:
            end.endpoint.withdraw(entry.file_id, self.now)
        for key, each in list(self.gets.items()):
            if each.id == entry.id:
                del self.gets[key]
                end.endpoint.cancel(key[1], self.now)
        end.drive()

    # The feeder

    async def _feed(self) -> None:
        while True:
            end, wanted = await self._to_feed.get()
            entry = self.puts.get((end.peer, wanted.file_id))
            if entry is None or entry.ended:
                end.endpoint.withdraw(wanted.file_id, self.now)
            else:
                await self._feed_chunk(end, entry, wanted)
            end.drive()

    async def _feed_chunk(self, end: LinkEnd, entry: Entry, wanted: events.ChunkWanted) -> None:
        try:
            data = await self.spool.chunk(entry, wanted.index)
        except (IntegrityError, ResourceError) as error:
            self.withdraw(end, entry)
            await self.reach(entry, "failed", str(error))
            return
        if entry.state != "sending" and await self.reach(entry, "sending"):
            self.record("first byte", id=entry.id)
        end.endpoint.supply(wanted.chunk_id, data, self.now, checked=True)

    # Custody

    async def reach(self, entry: Entry, state: State, problem: str | None = None) -> bool:
        stepped = await self.persist(partial(self.spool.reach, entry, state, self.now, problem))
        if stepped:
            self.record(state, id=entry.id, problem=problem)
            await self.tell(entry)
        return stepped

    async def fail(self, action: Action, satellite: str, name: str, priority: int, problem: str) -> None:
        """Note an order that could not be taken, so that its address says why."""
        note = partial(self.spool.fail, action, satellite, name, priority, self.now, problem)
        entry = await self.persist(note)
        self.record("failed", id=entry.id, problem=problem)
        await self.tell(entry)

    async def persist(self, step: Callable[[], Awaitable[T]]) -> T:
        """A step that has to be journalled before anything may go on: wait for room as long as it takes."""
        while True:
            try:
                return await step()
            except ResourceError as error:
                self.record("disk refuses", reason=str(error))
                await self.context.clock.sleep_until(self.now + _RETRY_s)

    async def tell(self, entry: Entry) -> None:
        self.progress.stepped(entry)
        async with self._changed:
            self._changed.notify_all()

    def record(self, what: str, **fields: Field) -> None:
        self.context.trace.record(self.now, self.context.name, what, **fields)
