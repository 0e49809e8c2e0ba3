"""A station whose journal has lost any one record: what was accepted or fetched is there, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ground_station.custody import Entry, custody_id
from ground_station.spool import Spool
from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.transfer.manifest import Manifest
from tests.two_nodes import CHUNK_BYTES, World

ROOT = Path("/station")
SPOOL = ROOT / "spool"
JOURNAL = SPOOL / "journal"
CHUNK = 1000
CONTENT = {name: bytes([number]) * 1500 + b"end" for number, name in enumerate("abcdefghijkl")}
FETCHED = {name: Manifest.of(name, CONTENT[name], CHUNK) for name in "ghijl"}


async def reopened(disk: SimulatedDisk) -> Spool:
    return await Spool.open(disk, ROOT, CHUNK, ["iss"])


async def put(spool: Spool, name: str, now: float = 1.0) -> Entry:
    incoming = spool.incoming("iss", name, 3)
    await incoming.write(CONTENT[name])
    return await spool.accept(incoming, await incoming.finish(), now)


async def get(spool: Spool, name: str, *indices: int) -> Entry:
    entry = await spool.request("iss", name, 0, 2.0)
    manifest = FETCHED[name]
    await spool.describe(entry, manifest, 3.0)
    for index in indices:
        start = manifest.offset(index)
        await spool.land([(entry, index, CONTENT[name][start : start + manifest.length(index)])])
    if len(indices) == len(manifest.chunks):
        assert await spool.finish(entry, 4.0)
    return entry


async def history() -> SimulatedDisk:
    """Puts that wait (a, d), are verified (b), dropped (c), failed (e), failed and put again (f).

    Downloads that came (g), are under way (h), came and were dropped (i), were dropped on their way
    (l), came and are asked for again (j).
    """
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = {name: await put(spool, name) for name in "abcef"}
    await spool.reach(entry["a"], "sending", 2.0)
    await spool.hold([(entry["a"], 0), (entry["b"], 0), (entry["b"], 1)])
    await spool.lose(entry["a"], [0])
    await spool.hold([(entry["a"], 1)])
    for state in ("in orbit", "verified"):
        await spool.reach(entry["b"], state, 3.0)
    await get(spool, "g", 0, 1)
    await get(spool, "h", 1)
    await spool.drop(entry["c"])
    await spool.drop(await get(spool, "i", 0, 1))
    await spool.drop(await get(spool, "l", 0))
    await get(spool, "j", 0, 1)
    await spool.request("iss", "j", 0, 5.0)
    for name in "ef":
        await spool.reach(entry[name], "failed", 6.0, "refused")
    await put(spool, "f", 7.0)
    entry["d"] = await put(spool, "d", 8.0)
    await spool.reach(entry["d"], "sending", 9.0)
    await put(spool, "k", 10.0)  # so that another record is the last
    return disk


async def bounds(disk: SimulatedDisk) -> list[tuple[int, int]]:
    """Where each record of the journal begins and ends."""
    data, found, start = await disk.read(JOURNAL), [], 4
    while start < len(data):
        end = start + 16 + int(struct.unpack_from(">I", data, start + 4)[0])
        found.append((start, end))
        start = end
    return found


async def states(spool: Spool) -> dict[str, str]:
    return {entry.name: entry.state for entry in spool.ledger}


async def content_of(spool: Spool, name: str) -> bytes:
    """A put, as its chunks would go to the link."""
    entry = spool.ledger.entries[custody_id("put", "iss", name)]
    manifest = spool.manifest(entry)
    assert manifest is not None and not entry.ended
    return b"".join([await spool.chunk(entry, index) for index in range(len(manifest.chunks))])


async def fetched_of(spool: Spool, name: str) -> bytes:
    entry = spool.ledger.entries[custody_id("get", "iss", name)]
    assert entry.state == "verified"
    return b"".join([piece async for piece in spool.pieces(entry, "fetched")])


async def check(spool: Spool) -> None:
    """What holds whichever record is lost."""
    for name in "adfk":
        assert await content_of(spool, name) == CONTENT[name], "accepted, and not lost"
    assert await fetched_of(spool, "g") == CONTENT["g"], "fetched, and not lost"
    found = await states(spool)
    assert found.get("b", "verified") in ("verified", "failed")
    assert found.get("c", "failed") == "failed", "given up, at least its bytes"
    assert "i" not in found, "given up, with its file"
    assert found["h"] == "receiving"
    assert found.get("l", "failed") == "failed", "given up on its way"
    assert found.get("j", "requested") == "requested"
    for entry in spool.ledger:
        if entry.action == "put" and not entry.ended:
            assert entry.held <= ({1} if entry.name == "a" else set()), "0 was acknowledged, and lost again"
        if entry.state == "receiving":
            assert entry.held <= {1}


async def records() -> int:
    return len(await bounds(await history()))


async def test_the_history_is_what_it_says() -> None:
    spool = await reopened(await history())
    await check(spool)
    assert spool.gaps == () and spool.salvaged == [] and spool.aside == []
    a = spool.ledger.entries[custody_id("put", "iss", "a")]
    assert (a.state, a.held) == ("sending", {1})


async def test_any_one_record_may_be_lost() -> None:
    for number in range(await records() - 1):
        disk = await history()
        start, end = (await bounds(disk))[number]
        disk.damage(JOURNAL, (start + end) // 2)
        rotten = await disk.read(JOURNAL)
        spool = await reopened(disk)
        (gap,) = spool.gaps
        assert (gap.offset, gap.length) == (start, end - start)
        await check(spool)
        kept = [name for name in await disk.names(SPOOL) if name.startswith("journal.")]
        assert [await disk.read(SPOOL / name) for name in kept] == [rotten]
        again = await reopened(disk)
        assert again.gaps == () and again.salvaged == []
        assert await states(again) == await states(spool)
        await check(again)


async def test_any_two_records_may_be_lost() -> None:
    count = await records()
    for number in range(count - 3):
        disk = await history()
        places = await bounds(disk)
        for each in (number, number + 1 + (7 * number) % (count - number - 2)):
            disk.damage(JOURNAL, places[each][0])
        spool = await reopened(disk)
        for name in "adfk":
            assert await content_of(spool, name) == CONTENT[name]
        aside = [name for name in await disk.names(SPOOL) if ".aside-" in name]
        whole = [await disk.read(SPOOL / name) for name in (*aside, *await disk.names(SPOOL))]
        assert CONTENT["g"] in whole


async def test_of_a_put_that_may_have_been_lost_in_orbit_nothing_counts_as_acknowledged() -> None:
    """The record of the chunk that was lost is the one that rots: without it, it would count as held."""
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await put(spool, "a")
    await spool.hold([(entry, 0), (entry, 1)])
    start = spool._journal.size
    await spool.lose(entry, [0])
    await put(spool, "b")
    disk.damage(JOURNAL, start + 6)
    (a, b) = (await reopened(disk)).ledger
    assert (a.name, a.state, a.held, a.times) == ("a", "spooled", set(), {"spooled": 1.0})
    assert (b.name, b.state) == ("b", "spooled")


async def test_a_put_whose_every_record_is_lost_is_known_by_its_manifest() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    await put(spool, "a")
    end = spool._journal.size
    await put(spool, "b")
    disk.damage(JOURNAL, end - 1)
    spool = await reopened(disk)
    assert await states(spool) == {"b": "spooled", "a": "spooled"}
    assert await content_of(spool, "a") == CONTENT["a"]


async def test_files_of_a_satellite_that_is_not_known_are_set_aside_and_stay() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    incoming = spool.incoming("elsewhere", "a", 0)
    await incoming.write(CONTENT["a"])
    lost = await spool.accept(incoming, await incoming.finish(), 1.0)
    end = spool._journal.size
    await put(spool, "b")
    disk.damage(JOURNAL, end - 1)
    spool = await reopened(disk)
    assert spool.aside == [f"{lost.id}.content", f"{lost.id}.manifest"]
    for _ in range(2):
        assert await disk.read(SPOOL / f"{lost.id}.content.aside-1") == CONTENT["a"]
        await reopened(disk)


async def test_of_a_download_under_way_the_chunks_count_that_are_right() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    start = spool._journal.size
    entry = await get(spool, "h", 1)
    await put(spool, "b")
    disk.damage(JOURNAL, start + 6)  # the order itself
    disk.damage(spool.path(entry, "part"), 1000)
    (b, h) = (await reopened(disk)).ledger
    assert (b.name, h.name, h.state, h.held) == ("b", "h", "receiving", set())


async def test_a_fetched_file_whose_last_word_is_lost_is_read_back() -> None:
    async def story(damage: Callable[[SimulatedDisk, Spool, Entry], Awaitable[None]]) -> list[Entry]:
        disk = SimulatedDisk()
        spool = await reopened(disk)
        entry = await get(spool, "g", 0, 1)
        end = spool._journal.size
        await put(spool, "b")
        disk.damage(JOURNAL, end - 1)
        await damage(disk, spool, entry)
        return [each for each in (await reopened(disk)).ledger if each.name == "g"]

    async def none(disk: SimulatedDisk, spool: Spool, entry: Entry) -> None:
        pass

    async def rot(disk: SimulatedDisk, spool: Spool, entry: Entry) -> None:
        disk.damage(spool.path(entry, "fetched"), 700)

    (good,) = await story(none)
    assert good.state == "verified"
    (bad,) = await story(rot)
    assert (bad.state, bad.file_id) == ("requested", None)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("number", [4, 12])
async def test_a_power_cut_at_each_call_of_the_salvage_loses_nothing(number: int, seed: int) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = await history()
        disk.damage(JOURNAL, (await bounds(disk))[number][0])
        disk.power_cut_at = disk.calls + cut
        with contextlib.suppress(PowerCut):
            await reopened(disk)
            finished = True
        disk.reboot(seed)
        await check(await reopened(disk))


def test_a_station_says_what_has_rotten_and_goes_on_with_what_it_accepted() -> None:
    disk = SimulatedDisk()

    async def accepted() -> None:
        spool = await Spool.open(disk, Path("/nodes/ground"), CHUNK_BYTES)
        await put(spool, "a")
        end = spool._journal.size
        await put(spool, "b")
        disk.damage(Path("/nodes/ground/spool/journal"), end - 1)

    asyncio.run(accepted())
    world = World(disks={"ground": disk, "iss": SimulatedDisk()})

    async def story(world: World) -> None:
        for name in "ab":
            end = await world.ended(name, by=5.0)
            assert (end.state, end.sha256) == ("verified", hashlib.sha256(CONTENT[name]).hexdigest())

    world.play(story)
    (told,) = world.events("journal damaged")
    assert '"file":"spool/journal"' in told and '"offset":4' in told
    (told,) = world.events("salvaged")
    assert custody_id("put", "iss", "a") in told
