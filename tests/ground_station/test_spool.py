"""The spool on a disk that fails: accepted is durable, and nothing acknowledged is forgotten."""

import contextlib
from pathlib import Path

import pytest

from ground_station.custody import Entry
from ground_station.incoming import NameTakenError
from ground_station.landing import Landings
from ground_station.spool import Spool
from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.errors import IntegrityError, ResourceError
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest

ROOT = Path("/station")
CONTENT = bytes(range(256)) * 20  # five chunks of 1000 and one of 120
CHUNK = 1000


async def reopened(disk: SimulatedDisk) -> Spool:
    return await Spool.open(disk, ROOT, CHUNK)


async def put(spool: Spool, name: str = "a", content: bytes = CONTENT, now: float = 1.0) -> Entry:
    incoming = spool.incoming("iss", name, 3)
    await incoming.write(content)
    return await spool.accept(incoming, await incoming.finish(), now)


async def test_an_accepted_file_is_there_after_a_power_cut() -> None:
    disk = SimulatedDisk()
    await put(await reopened(disk))
    disk.reboot()
    spool = await reopened(disk)
    (entry,) = spool.ledger
    assert (entry.satellite, entry.name, entry.priority, entry.state) == ("iss", "a", 3, "spooled")
    assert entry.times == {"spooled": 1.0}
    assert spool.manifest(entry) == Manifest.of("a", CONTENT, CHUNK)
    assert b"".join([await spool.chunk(entry, index) for index in range(6)]) == CONTENT


async def test_the_same_content_again_is_the_same_custody_and_another_is_refused() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await put(spool)
    assert await put(spool, now=2.0) is entry
    incoming = spool.incoming("iss", "a", 0)
    await incoming.write(b"other")
    with pytest.raises(NameTakenError) as refusal:
        await spool.accept(incoming, await incoming.finish(), 2.0)
    assert refusal.value.entry is entry
    await incoming.abandon()
    assert len(await disk.names(ROOT / "spool")) == 3


async def test_a_put_goes_its_way_and_its_bytes_go_when_verified() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await put(spool)
    assert await spool.reach(entry, "sending", 2.0)
    await spool.hold([(entry, 0), (entry, 5)])
    assert entry.done_bytes == 1120
    spool = await reopened(disk)
    (entry,) = spool.ledger
    assert (entry.state, entry.held) == ("sending", {0, 5})
    await spool.lose(entry, [0])
    assert entry.held == {5}
    assert await spool.reach(entry, "in orbit", 3.0)
    assert await spool.reach(entry, "verified", 4.0)
    assert not await spool.reach(entry, "sending", 5.0)
    assert await disk.names(ROOT / "spool") == ["journal"]
    (entry,) = (await reopened(disk)).ledger
    assert entry.times == {"spooled": 1.0, "sending": 2.0, "in orbit": 3.0, "verified": 4.0}
    assert entry.done_bytes == len(CONTENT)


async def test_content_changed_in_the_spool_is_told() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await put(spool)
    disk.damage(spool.path(entry, "content"), 1500)
    assert await spool.chunk(entry, 0) == CONTENT[:1000]
    with pytest.raises(IntegrityError, match="chunk 1 changed"):
        await spool.chunk(entry, 1)


async def test_a_damaged_manifest_is_rebuilt_from_the_content_and_a_damaged_content_fails() -> None:
    disk = SimulatedDisk()
    entry = await put(await reopened(disk))
    disk.damage(ROOT / "spool" / f"{entry.id}.manifest", 60)
    spool = await reopened(disk)
    (entry,) = spool.ledger
    assert spool.manifest(entry) == Manifest.of("a", CONTENT, CHUNK)
    disk.damage(ROOT / "spool" / f"{entry.id}.manifest", 61)
    disk.damage(ROOT / "spool" / f"{entry.id}.content", 60)
    (entry,) = (await reopened(disk)).ledger
    assert (entry.state, entry.problem) == ("failed", "its content in the spool is gone or damaged")


async def test_a_manifest_that_cannot_be_read_is_rebuilt_and_content_that_cannot_be_fails() -> None:
    disk = SimulatedDisk()
    entry = await put(await reopened(disk))
    disk.lose(ROOT / "spool" / f"{entry.id}.manifest", 0, 1)
    spool = await reopened(disk)
    (entry,) = spool.ledger
    assert spool.manifest(entry) == Manifest.of("a", CONTENT, CHUNK)
    disk.lose(ROOT / "spool" / f"{entry.id}.content", 1500, 1501)
    (entry,) = (await reopened(disk)).ledger
    assert (entry.state, entry.problem) == ("failed", "its content in the spool is gone or damaged")


async def test_full_disk_takes_nothing_and_loses_nothing() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    await put(spool)
    disk.capacity = 12_000
    incoming = spool.incoming("iss", "big", 0)
    with pytest.raises(ResourceError, match="no space left"):
        await incoming.write(bytes(3 << 20))
    await incoming.abandon()
    assert [entry.name for entry in spool.ledger] == ["a"]
    assert await put(spool, "small", b"fits")
    disk.reboot()
    assert [entry.name for entry in (await reopened(disk)).ledger] == ["a", "small"]


async def test_a_file_whose_custody_finds_no_room_leaves_no_bytes() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    incoming = spool.incoming("iss", "a", 0)
    await incoming.write(CONTENT)
    manifest = await incoming.finish()
    disk.capacity = disk.used_bytes + len(manifest.encoded)  # and none for the record
    with pytest.raises(ResourceError, match="no space left"):
        await spool.accept(incoming, manifest, 1.0)
    assert await disk.names(ROOT / "spool") == ["journal"]


async def test_an_unwritable_spool_refuses_in_one_line() -> None:
    disk = SimulatedDisk()
    await reopened(disk)
    disk.read_only = True
    with pytest.raises(ResourceError, match="permission denied"):
        await reopened(disk)


async def land(spool: Spool, entry: Entry, *indices: int) -> None:
    await spool.land((entry, index, CONTENT[index * CHUNK : (index + 1) * CHUNK]) for index in indices)


async def test_a_download_lands_in_any_order_over_restarts() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    manifest = Manifest.of("a", CONTENT, CHUNK)
    entry = await spool.request("iss", "a", 0, 1.0)
    await spool.describe(entry, manifest, 2.0)
    await land(spool, entry, 4, 1)
    disk.reboot()
    spool = await reopened(disk)
    (entry,) = spool.ledger
    assert (entry.state, entry.held) == ("receiving", {1, 4})
    await spool.describe(entry, manifest, 3.0)  # offered again
    assert entry.held == {1, 4}
    await land(spool, entry, 0, 2, 3, 5)
    assert await spool.damaged(entry, manifest) == []
    assert await spool.digest(entry) == manifest.sha256
    await spool.finish(entry, 4.0)
    assert await disk.read(spool.path(entry, "fetched")) == CONTENT
    assert await disk.names(ROOT / "spool") == [f"{entry.id}.fetched", "journal"]
    assert spool.manifest(entry) is None
    await spool.request("iss", "a", 0, 5.0)  # wanted anew: the old file gives way
    assert await disk.names(ROOT / "spool") == ["journal"]


async def test_a_download_that_was_verified_before_a_crash_gets_its_name_after_it() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await spool.request("iss", "a", 0, 1.0)
    await spool.describe(entry, Manifest.of("a", CONTENT, CHUNK), 2.0)
    await land(spool, entry, *range(6))
    await spool.reach(entry, "verified", 4.0)  # journalled, and then the power goes
    disk.reboot()
    spool = await reopened(disk)
    assert await disk.read(spool.path(entry, "fetched")) == CONTENT
    assert await disk.names(ROOT / "spool") == [f"{entry.id}.fetched", "journal"]


async def test_a_download_whose_bytes_are_gone_begins_anew_over_restarts() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await spool.request("iss", "a", 0, 1.0)
    await spool.describe(entry, Manifest.of("a", CONTENT, CHUNK), 2.0)
    await land(spool, entry, 1)
    await disk.remove(spool.path(entry, "part"))
    for _ in range(2):
        spool = await reopened(disk)
        (entry,) = spool.ledger
        assert (entry.state, entry.file_id, entry.held) == ("requested", None, set())
        assert spool.manifest(entry) is None


async def test_a_put_that_failed_may_be_put_again_with_another_content() -> None:
    spool = await reopened(SimulatedDisk())
    first = await put(spool)
    assert len(spool.positions(first)) == 6
    await spool.reach(first, "failed", 2.0, "refused")
    again = await put(spool, content=CONTENT[::-1][:1500], now=3.0)
    assert again is not first and (again.state, again.size) == ("spooled", 1500)
    manifest = Manifest.of("a", CONTENT[::-1][:1500], CHUNK)
    assert spool.positions(again) == {manifest.chunks[0]: [0], manifest.chunks[1]: [1]}


async def test_damage_of_a_download_is_found_and_asked_for_again() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await spool.request("iss", "a", 0, 1.0)
    manifest = Manifest.of("a", CONTENT, CHUNK)
    await spool.describe(entry, manifest, 2.0)
    await land(spool, entry, *range(6))
    disk.damage(spool.path(entry, "part"), 2100)
    assert await spool.damaged(entry, manifest) == [2]
    assert entry.held == {0, 1, 3, 4, 5}


async def test_a_download_of_another_content_begins_anew() -> None:
    spool = await reopened(SimulatedDisk())
    entry = await spool.request("iss", "a", 0, 1.0)
    await spool.describe(entry, Manifest.of("a", CONTENT, CHUNK), 2.0)
    await land(spool, entry, 1)
    await spool.describe(entry, Manifest.of("a", CONTENT[:-1], CHUNK), 3.0)
    assert (entry.held, entry.size) == (set(), len(CONTENT) - 1)


@pytest.mark.parametrize("seed", range(3))
async def test_a_power_cut_while_it_begins_anew_leaves_no_false_word_of_what_is_held(seed: int) -> None:
    """The bytes of the old content go only after the journal's word of them."""
    cut, begun = 0, False
    while not begun:
        cut += 1
        disk = SimulatedDisk()
        spool = await reopened(disk)
        entry = await spool.request("iss", "a", 0, 1.0)
        await spool.describe(entry, Manifest.of("a", CONTENT, CHUNK), 2.0)
        await land(spool, entry, *range(6))
        disk.power_cut_at = disk.calls + cut
        with contextlib.suppress(PowerCut):
            begun = await spool.describe(entry, Manifest.of("a", CONTENT[:-1], CHUNK), 3.0)
        disk.reboot(seed)
        spool = await reopened(disk)
        (entry,) = spool.ledger
        if (manifest := spool.manifest(entry)) is not None:
            assert not entry.held & set(await spool.damaged(entry, manifest))
    assert cut > 5


async def test_a_download_given_up_while_it_is_read_back_ends_nothing() -> None:
    spool = await reopened(SimulatedDisk())
    landings = Landings(spool, Holdings())
    entry, manifest = await spool.request("iss", "a", 0, 1.0), Manifest.of("a", CONTENT, CHUNK)
    assert await landings.begin(entry, manifest, 2.0)
    await land(spool, entry, *range(6))
    await spool.drop(entry)
    landings.forget(entry)
    assert await landings.verify(entry, manifest, 3.0) is None
    assert not await landings.begin(entry, manifest, 3.0)
    assert landings.find("iss", manifest.file_id) is None


async def test_a_chunk_of_another_download_is_taken_only_if_it_is_sound() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    holdings = Holdings()
    landings = Landings(spool, holdings)
    first = await spool.request("iss", "a", 0, 1.0)
    manifest = Manifest.of("a", CONTENT, CHUNK)
    await landings.begin(first, manifest, 2.0)
    await land(spool, first, 1, 2)
    for index in (1, 2):
        holdings.stored(manifest.chunks[index])
    disk.damage(spool.path(first, "part"), CHUNK + 3)
    second = await spool.request("iss", "b", 0, 3.0)
    await landings.begin(second, Manifest.of("b", CONTENT, CHUNK), 4.0)
    assert second.held == {2}
    assert not holdings.has(manifest.chunks[1])


async def test_steps_of_what_was_given_up_meanwhile_do_nothing() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    up, down = await put(spool), await spool.request("iss", "d", 0, 1.0)
    await spool.describe(down, Manifest.of("d", CONTENT, CHUNK), 2.0)
    for entry in (up, down):
        await spool.drop(entry)
        await spool.drop(entry)
        assert not await spool.reach(entry, "failed", 3.0)
        await spool.lose(entry, [1])
    await spool.hold([(up, 1)])
    await land(spool, down, 1)
    for content in (CONTENT, CONTENT[1:]):
        await spool.describe(down, Manifest.of("d", content, CHUNK), 2.0)
    await spool.finish(down, 3.0)
    for each in (spool, await reopened(disk)):
        assert list(each.ledger) == []
    assert await disk.names(ROOT / "spool") == ["journal"]


async def test_chunks_of_what_was_given_up_do_not_land_in_what_took_its_place() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    old = await spool.request("iss", "d", 0, 1.0)
    await spool.describe(old, Manifest.of("d", CONTENT, CHUNK), 2.0)
    await spool.drop(old)
    new = await spool.request("iss", "d", 0, 3.0)
    await spool.describe(new, Manifest.of("d", CONTENT[::-1], CHUNK), 4.0)
    await land(spool, old, 1)
    assert new.held == set() and await disk.size(spool.path(new, "part")) == 0


async def test_the_journal_stays_short() -> None:
    disk = SimulatedDisk()
    spool = await reopened(disk)
    entry = await put(spool)
    for _ in range(300):
        await spool.hold([(entry, index) for index in range(6)])
    spool._compact_at = 100
    await spool.reach(entry, "failed", 2.0, "refused")
    short = await disk.size(ROOT / "spool" / "journal") or 0
    assert short < 600
    await spool.reach(await put(spool, "b"), "failed", 2.0, "refused")
    assert (await disk.size(ROOT / "spool" / "journal") or 0) > 2 * short  # not rewritten at every end
    for again in (await reopened(disk)).ledger:
        assert (again.state, again.problem) == ("failed", "refused")


@pytest.mark.parametrize("seed", range(5))
async def test_power_cut_at_each_call_keeps_every_promise(seed: int) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = SimulatedDisk()
        disk.power_cut_at = cut
        promised: dict[str, object] = {}
        with contextlib.suppress(PowerCut):
            finished = await _story(disk, promised)
        disk.reboot(seed)
        spool = await reopened(disk)
        entries = {entry.name: entry for entry in spool.ledger}
        if "accepted" in promised and not {"verified"} & promised.keys():
            entry = entries["up"]
            if entry.state != "verified":
                assert b"".join([await spool.chunk(entry, index) for index in range(6)]) == CONTENT
                assert entry.held >= promised.get("acknowledged", set())  # type: ignore[operator]
        if "verified" in promised:
            assert entries["up"].state == "verified"
        if "landed" in promised and entries["down"].state != "verified":
            assert entries["down"].held >= promised["landed"]  # type: ignore[operator]
            manifest = Manifest.of("down", CONTENT, CHUNK)
            bad = await spool.damaged(entries["down"], manifest)
            assert not set(bad) & promised["landed"]  # type: ignore[operator]
        if "fetched" in promised:
            assert await disk.read(spool.path(entries["down"], "fetched")) == CONTENT
        await _story(disk, {})  # life goes on


async def _story(disk: SimulatedDisk, promised: dict[str, object]) -> bool:
    """A put and a get, noting what was promised when."""
    spool = await reopened(disk)
    up = await put(spool, "up")
    promised["accepted"] = True
    await spool.reach(up, "sending", 2.0)
    if not up.ended:
        await spool.hold([(up, 1), (up, 2)])
        promised["acknowledged"] = {1, 2}
    down = await spool.request("iss", "down", 0, 1.0)
    await spool.describe(down, Manifest.of("down", CONTENT, CHUNK), 2.0)
    await land(spool, down, 0, 3)
    promised["landed"] = {0, 3}
    await spool.reach(up, "verified", 3.0)
    promised["verified"] = True
    await land(spool, down, 1, 2, 4, 5)
    await spool.finish(down, 4.0)
    promised["fetched"] = True
    return True
