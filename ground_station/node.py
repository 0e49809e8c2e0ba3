"""The ground station's node: spool, links, work list and door, composed. All that decides is elsewhere."""

from __future__ import annotations

import asyncio

from ground_station.intake import serve
from ground_station.spool import Spool
from ground_station.station import Station
from ground_station.work import work
from linkemu.disk import found
from linkemu.errors import LinkemuError
from linkemu.runtime.linkend import next_epoch
from linkemu.runtime.node import Context
from linkemu.runtime.web import listen


async def run(context: Context) -> None:
    """Serve until cancelled.

    Raises:
        ResourceError: the spool can't be written, or the door's address is in use.
    """
    await found(context.disk, context.root)
    satellites = [link.peer for link in context.terminal.links]
    spool = await Spool.open(context.disk, context.root, context.settings.chunk_bytes, satellites)
    station = Station(context, spool, await next_epoch(context.disk, context.root))
    door = listen(context.http, "http door") if context.http is not None else None
    ready = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(station.serve(ready.set), name=f"{context.name}: station")
            await ready.wait()
            tasks.create_task(work(station), name=f"{context.name}: work")
            if door is not None:
                tasks.create_task(serve(station, door), name=f"{context.name}: door")
    except* LinkemuError as group:
        raise first(group) from None


def first(group: BaseExceptionGroup[LinkemuError]) -> LinkemuError:
    """The one error that a person is told."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, LinkemuError)
    return error
