"""What was appended and synced is read again, whatever the crash; a torn tail never passes for a record."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.errors import FormatError, ResourceError
from linkemu.journal import Journal

ROOM = Path("/room")
PATH = ROOM / "journal"
Records = st.lists(st.binary(max_size=40), max_size=8)


async def _fresh(records: list[bytes]) -> SimulatedDisk:
    disk = SimulatedDisk()
    await disk.make_directory(ROOM)
    journal = await Journal.open(disk, PATH)
    for record in records:
        await journal.append(record)
    return disk


async def _records(disk: SimulatedDisk) -> list[bytes]:
    return (await Journal.open(disk, PATH)).records


@given(Records)
def test_all_records_come_back(records: list[bytes]) -> None:
    async def story() -> None:
        assert await _records(await _fresh(records)) == records

    asyncio.run(story())


@given(Records, st.data())
def test_cut_at_any_byte_leaves_a_prefix_and_room_for_more(records: list[bytes], data: st.DataObject) -> None:
    async def story() -> None:
        disk = await _fresh(records)
        size = await disk.size(PATH) or 0
        await disk.truncate(PATH, data.draw(st.integers(0, size)))
        journal = await Journal.open(disk, PATH)
        assert journal.records == records[: len(journal.records)]
        await journal.append(b"after")
        assert await _records(disk) == [*journal.records, b"after"]

    asyncio.run(story())


@given(Records, st.data())
def test_a_flipped_bit_leaves_a_prefix(records: list[bytes], data: st.DataObject) -> None:
    async def story() -> None:
        disk = await _fresh(records)
        size = await disk.size(PATH) or 0
        disk.damage(PATH, data.draw(st.integers(4, size - 1)))
        found = await _records(disk)
        assert found == records[: len(found)] and len(found) < len(records)

    if records:
        asyncio.run(story())


@given(st.binary(max_size=60))
def test_any_tail_of_garbage_is_cut(garbage: bytes) -> None:
    async def story() -> None:
        disk = await _fresh([b"one", b"two"])
        await disk.append(PATH, garbage)
        assert await _records(disk) == [b"one", b"two"]

    asyncio.run(story())


async def test_another_file_is_refused_not_overwritten() -> None:
    disk = SimulatedDisk()
    await disk.make_directory(ROOM)
    await disk.write(PATH, b"{'json': 1}")
    with pytest.raises(FormatError, match="not a journal"):
        await Journal.open(disk, PATH)


async def test_full_disk_loses_no_record_and_a_later_append_works() -> None:
    disk = await _fresh([b"kept"])
    disk.capacity = 30
    journal = await Journal.open(disk, PATH)
    with pytest.raises(ResourceError, match="no space left"):
        await journal.append(b"x" * 100)
    disk.capacity = None
    await journal.append(b"later")
    assert await _records(disk) == [b"kept", b"later"]


async def test_a_failed_append_that_cannot_be_cut_is_no_record_later() -> None:
    """The remains of a longer failed record lie behind the next one and must not be read as records."""
    disk = await _fresh([])
    journal = await Journal.open(disk, PATH)
    ghost = await _fresh([b"a", b"ghost", b"ghost"])
    await disk.append(PATH, (await ghost.read(PATH))[4:])
    await journal.append(b"b")
    assert await _records(disk) == [b"b"]


@pytest.mark.parametrize("seed", range(6))
async def test_power_cut_at_each_call_keeps_all_that_was_promised(seed: int) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = SimulatedDisk()
        await disk.make_directory(ROOM)
        await Journal.open(disk, PATH)
        disk.power_cut_at = disk.calls + cut
        promised = list[bytes]()
        under_way: list[bytes] = []
        try:
            journal = await Journal.open(disk, PATH)
            for number in range(4):
                under_way = [*promised, b"record %d" % number]
                await journal.append(under_way[-1])
                promised = under_way
            under_way = promised[2:]
            await journal.rewrite(under_way)
            promised = under_way
            await journal.append(b"last")
            promised = [*promised, b"last"]
            finished = True
        except PowerCut:
            pass
        disk.reboot(seed)
        found = await _records(disk)
        assert found in (promised, under_way, [*promised, b"last"])
