"""The chunk store on a disk that fails: what was stated durable is there after any crash, bit for bit."""

from pathlib import Path

import pytest
from blake3 import blake3

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.errors import IntegrityError, ResourceError
from satellite_node.store import ChunkStore

ROOT = Path("/satellite")
DATA = [bytes([number]) * (700 + number) for number in range(6)]


def chunks(*numbers: int) -> dict[bytes, bytes]:
    return {blake3(DATA[number]).digest(): DATA[number] for number in numbers}


def path(chunk: bytes) -> Path:
    return ROOT / "chunks" / chunk.hex()


async def test_chunks_come_back_after_a_restart() -> None:
    disk = SimulatedDisk()
    await (await ChunkStore.open(disk, ROOT)).put(chunks(0, 1, 2))
    again = await ChunkStore.open(disk, ROOT)
    assert again.ids == chunks(0, 1, 2).keys()
    for chunk, data in chunks(0, 1, 2).items():
        assert chunk in again
        assert await again.get(chunk) == data


async def test_chunks_that_find_no_room_leave_no_drafts() -> None:
    disk = SimulatedDisk(capacity=1500)
    store = await ChunkStore.open(disk, ROOT)
    with pytest.raises(ResourceError, match="no space left"):
        await store.put(chunks(0, 1, 2))
    assert disk.used_bytes == 0
    await store.put(chunks(3))
    assert store.ids == chunks(3).keys()


async def test_a_chunk_under_a_wrong_id_is_refused() -> None:
    store = await ChunkStore.open(SimulatedDisk(), ROOT)
    with pytest.raises(IntegrityError):
        await store.put({**chunks(0), bytes(32): b"no"})
    assert store.ids == frozenset()


async def test_a_damaged_chunk_goes_to_quarantine_and_can_be_stored_again() -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    await store.put(chunks(0, 1))
    first, second = chunks(0, 1)
    disk.damage(path(first), 100)
    with pytest.raises(IntegrityError, match="quarantine"):
        await store.get(first)
    assert store.ids == {second}
    assert await disk.names(ROOT / "quarantine") == [first.hex()]
    assert (await ChunkStore.open(disk, ROOT)).ids == {second}
    await store.put(chunks(0))
    assert await store.get(first) == DATA[0]


async def test_a_chunk_file_that_is_gone_is_missing() -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    await store.put(chunks(0))
    (chunk,) = chunks(0)
    await disk.remove(path(chunk))
    with pytest.raises(IntegrityError, match="gone"):
        await store.get(chunk)
    assert chunk not in store


async def test_full_disk_keeps_what_was_stored_and_takes_more_later() -> None:
    disk = SimulatedDisk(capacity=2000)
    store = await ChunkStore.open(disk, ROOT)
    await store.put(chunks(0, 1))
    with pytest.raises(ResourceError, match="no space left"):
        await store.put(chunks(2))
    assert store.ids == chunks(0, 1).keys()
    disk.capacity = None
    await store.put(chunks(2))
    assert (await ChunkStore.open(disk, ROOT)).ids == chunks(0, 1, 2).keys()


async def test_partials_are_replaced_as_a_whole() -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    one, two, three = chunks(0, 1, 2)
    await store.save_partials({one: b"a", two: b"b"})
    await (await ChunkStore.open(disk, ROOT)).save_partials({two: b"B", three: b"c"})
    assert await (await ChunkStore.open(disk, ROOT)).load_partials() == {two: b"B", three: b"c"}


async def test_removed_chunks_are_gone_for_good() -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    await store.put(chunks(0, 1))
    await store.remove(chunks(0))
    assert (await ChunkStore.open(disk, ROOT)).ids == chunks(1).keys()


@pytest.mark.parametrize("seed", range(8))
async def test_power_cut_at_each_call_loses_nothing_that_was_stated(seed: int) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = SimulatedDisk()
        disk.power_cut_at = cut
        stated = dict[bytes, bytes]()
        try:
            store = await ChunkStore.open(disk, ROOT)
            for group in ((0,), (1, 2, 3), (3, 4)):
                await store.put(chunks(*group))
                stated |= chunks(*group)
            finished = True
        except PowerCut:
            pass
        disk.reboot(seed)
        again = await ChunkStore.open(disk, ROOT)
        assert stated.keys() <= again.ids
        for chunk in again.ids:
            assert await again.get(chunk) == chunks(*range(6))[chunk]


@pytest.mark.parametrize("seed", range(8))
async def test_a_disk_that_lies_about_sync_never_yields_wrong_bytes(seed: int) -> None:
    disk = SimulatedDisk(lost_syncs=True)
    await (await ChunkStore.open(disk, ROOT)).put(chunks(*range(6)))
    disk.reboot(seed)
    again = await ChunkStore.open(disk, ROOT)
    for chunk in again.ids:
        try:
            assert await again.get(chunk) == chunks(*range(6))[chunk]
        except IntegrityError:
            assert chunk not in again


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_put_away_as_damaged_stays_so_over_a_power_cut(seed: int) -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    await store.put(chunks(0, 1))
    damaged, kept = chunks(0, 1)
    disk.damage(path(damaged), 5)
    with pytest.raises(IntegrityError, match="quarantine"):
        await store.get(damaged)
    disk.reboot(seed)
    assert (await ChunkStore.open(disk, ROOT)).ids == {kept}


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_removed_stays_so_over_a_power_cut(seed: int) -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    await store.put(chunks(0, 1))
    removed, kept = chunks(0, 1)
    await store.remove([removed])
    assert removed not in store
    disk.reboot(seed)
    assert (await ChunkStore.open(disk, ROOT)).ids == {kept}


async def test_a_file_that_is_no_chunk_does_not_stand_in_the_way() -> None:
    disk = SimulatedDisk()
    await ChunkStore.open(disk, ROOT)
    disk.install(ROOT / "chunks" / "notes of an operator", b"x")
    assert (await ChunkStore.open(disk, ROOT)).ids == frozenset()


async def test_partials_that_cannot_be_read_are_no_reason_to_stay_down() -> None:
    disk = SimulatedDisk()
    store = await ChunkStore.open(disk, ROOT)
    lost, kept = chunks(0, 1)
    await store.save_partials({lost: b"some", kept: b"ranges"})
    disk.lose(ROOT / "partials" / lost.hex(), 1, 2)
    again = await ChunkStore.open(disk, ROOT)
    assert await again.load_partials() == {lost: b"", kept: b"ranges"}
    await again.save_partials({lost: b"anew"})
    assert await again.load_partials() == {lost: b"anew"}
