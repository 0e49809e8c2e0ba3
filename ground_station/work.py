"""Scripted work: the transfers of the scenario that are this station's, each at its time and only once.

What failed before the time of a later entry of the same name is done anew by that one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from ground_station import source
from ground_station.incoming import NameTakenError
from ground_station.station import Station
from linkemu.errors import InputError, LinkemuError, ResourceError
from linkemu.scenario import Transfer


async def work(station: Station) -> None:
    """Do the work list of the station; what can't be done is custody that failed, and says why."""
    for transfer in sorted(station.context.work, key=lambda each: each.at_s):
        await station.context.clock.sleep_until(transfer.at_s)
        known = station.spool.ledger.find(transfer.action, transfer.satellite, transfer.name)
        if known is not None and not (known.state == "failed" and known.times["failed"] < transfer.at_s):
            continue  # an earlier life took it up
        try:
            await _do(station, transfer)
        except (LinkemuError, NameTakenError) as error:
            await station.fail(
                transfer.action, transfer.satellite, transfer.name, transfer.priority, str(error)
            )


async def _do(station: Station, transfer: Transfer) -> None:
    station.end_to(transfer.satellite)
    if transfer.action == "get":
        await station.get(transfer.satellite, transfer.name, transfer.priority)
        return
    incoming = station.spool.incoming(transfer.satellite, transfer.name, transfer.priority)
    try:
        async for piece in _content(station, transfer):
            await incoming.write(piece)
        await station.put(incoming, await incoming.finish())
    except (InputError, ResourceError, NameTakenError):
        await incoming.abandon()
        raise


def _content(station: Station, transfer: Transfer) -> AsyncIterator[bytes]:
    if transfer.file is not None:
        return source.of_file(station.context.disk, transfer.file)
    return source.synthetic(station.context.seed, transfer.name, transfer.size_bytes or 0)
