"""What was synced is read again, whatever the crash and whatever rots beside it; a torn tail is no record."""

import asyncio
import contextlib
import itertools
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.errors import FormatError, ResourceError
from linkemu.journal import Journal
from linkemu.journalform import Gap

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


async def _older(records: list[bytes]) -> SimulatedDisk:
    """A disk with a journal as it was written before records proved themselves."""
    disk, data, crc = SimulatedDisk(), b"LKJ1", 0
    for record in records:
        crc = zlib.crc32(record, zlib.crc32(struct.pack(">II", crc, len(record) + 1)))
        data += struct.pack(">II", len(record), crc) + record
    disk.install(PATH, data)
    return disk


def _bounds(records: list[bytes], head: int = 16) -> list[tuple[int, int]]:
    """Where each record begins and ends in the file."""
    ends = list(itertools.accumulate((head + len(record) for record in records), initial=4))
    return list(itertools.pairwise(ends))


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
        assert journal.gaps == ()
        await journal.append(b"after")
        assert await _records(disk) == [*journal.records, b"after"]

    asyncio.run(story())


LongRecords = st.lists(st.binary(max_size=60), min_size=3, max_size=12)


@given(LongRecords, st.data())
def test_rot_in_a_record_costs_that_record_and_no_other(records: list[bytes], data: st.DataObject) -> None:
    """Any change of any range of bytes of one record: the others stay, and the gap is where it was."""

    async def story() -> None:
        disk = await _fresh(records)
        whole = await disk.read(PATH)
        number = data.draw(st.integers(0, len(records) - 1))
        start, end = _bounds(records)[number]
        at = data.draw(st.integers(start, end - 1))
        was = whole[at : data.draw(st.integers(at + 1, end))]
        rotten = data.draw(st.binary(min_size=len(was), max_size=len(was)).filter(lambda new: new != was))
        disk.install(PATH, whole[:at] + rotten + whole[at + len(was) :])
        journal = await Journal.open(disk, PATH)
        assert journal.records == records[:number] + records[number + 1 :]
        gap = Gap(start, end - start, number)
        if number < len(records) - 1:
            assert journal.gaps == (gap,)
        else:  # nothing behind it tells that it was ever whole
            assert journal.gaps in ((), (gap,))

    asyncio.run(story())


@given(LongRecords, st.data())
def test_rot_anywhere_costs_only_what_it_touches(records: list[bytes], data: st.DataObject) -> None:
    """Over the borders of records too, and over the first bytes of the file."""

    async def story() -> None:
        disk = await _fresh(records)
        bounds = _bounds(records)
        whole = bytearray(await disk.read(PATH))
        first = data.draw(st.integers(0, bounds[-1][0] - 1))
        last = data.draw(st.integers(first, bounds[-1][0] - 1))
        bits = data.draw(st.integers(1, 255))
        for at in range(first, last + 1):
            whole[at] ^= bits
        disk.install(PATH, bytes(whole))
        journal = await Journal.open(disk, PATH)
        spared = [
            record
            for record, (start, end) in zip(records, bounds, strict=True)
            if end <= first or start > last
        ]
        assert journal.records == spared
        assert sum(gap.length for gap in journal.gaps) >= last - first + 1

    asyncio.run(story())


@given(LongRecords, st.data())
def test_a_file_with_gaps_is_kept_when_its_owner_says_what_stands(
    records: list[bytes], data: st.DataObject
) -> None:
    async def story() -> None:
        disk = await _fresh(records)
        disk.damage(PATH, data.draw(st.integers(4, _bounds(records)[-2][1] - 1)))
        rotten = await disk.read(PATH)
        journal = await Journal.open(disk, PATH)
        with pytest.raises(AssertionError, match="has not yet said"):
            await journal.append(b"too early")
        await journal.rewrite(journal.records)
        await journal.append(b"after")
        again = await Journal.open(disk, PATH)
        assert (again.records, again.gaps) == ([*journal.records, b"after"], ())
        (kept,) = [name for name in await disk.names(ROOM) if name != PATH.name]
        assert kept.startswith("journal.damaged-")
        assert await disk.read(ROOM / kept) == rotten

    asyncio.run(story())


@given(st.data())
def test_a_record_inside_the_payload_of_another_never_comes_out(data: st.DataObject) -> None:
    """A whole journal as a payload, and the record around it rots: none of what it says is believed."""

    async def story() -> None:
        inner = await (await _fresh([b"inner", b"most"])).read(PATH)
        records = [b"one", data.draw(st.binary(max_size=20)) + inner, b"three"]
        disk = await _fresh(records)
        start, end = _bounds(records)[1]
        disk.damage(PATH, data.draw(st.integers(start, end - 1)))
        assert await _records(disk) == [b"one", b"three"]

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(4))
async def test_power_cut_while_a_file_with_gaps_is_replaced_loses_nothing(seed: int) -> None:
    records, cut, finished = [b"one", b"two", b"three"], 0, False
    while not finished:
        cut += 1
        disk = await _fresh(records)
        disk.damage(PATH, _bounds(records)[1][0] + 5)
        rotten = await disk.read(PATH)
        disk.power_cut_at = disk.calls + cut
        with contextlib.suppress(PowerCut):
            journal = await Journal.open(disk, PATH)
            await journal.rewrite(journal.records)
            finished = True
        disk.reboot(seed)
        journal = await Journal.open(disk, PATH)
        assert journal.records == [b"one", b"three"]
        kept = [await disk.read(ROOM / name) for name in await disk.names(ROOM) if name != PATH.name]
        assert journal.gaps or rotten in kept


async def test_what_a_failed_write_has_left_is_cut_before_the_next() -> None:
    """Neither write nor cut is allowed for a while; then one journal goes on, and nothing of the rest is."""
    disk = await _fresh([b"kept"])
    journal = await Journal.open(disk, PATH)
    disk.capacity = disk.used_bytes + 50
    with pytest.raises(ResourceError):
        await journal.append(b"x" * 100)
    disk.read_only = True
    with pytest.raises(ResourceError):
        await journal.append(b"y")
    disk.read_only, disk.capacity = False, None
    await journal.append(b"later")
    whole = await disk.read(PATH)
    assert len(whole) == journal.size
    assert await _records(disk) == [b"kept", b"later"]


@given(Records)
def test_a_journal_of_the_older_form_is_read_and_goes_on_in_the_new_one(records: list[bytes]) -> None:
    async def story() -> None:
        disk = await _older(records)
        journal = await Journal.open(disk, PATH)
        assert (journal.records, journal.gaps) == (records, ())
        await journal.append(b"after")
        assert (await disk.read(PATH)).startswith(b"LKJ2")
        assert await _records(disk) == [*records, b"after"]

    asyncio.run(story())


@given(LongRecords, st.data())
def test_in_the_older_form_too_rot_costs_one_record_or_the_rest_is_kept_aside(
    records: list[bytes], data: st.DataObject
) -> None:
    """Its checksums hang together: where the link itself is rotten, nothing behind it can be believed."""

    async def story() -> None:
        disk = await _older(records)
        number = data.draw(st.integers(0, len(records) - 1))
        start, end = _bounds(records, head=8)[number]
        at = data.draw(st.integers(start, end - 1))
        disk.damage(PATH, at)
        journal = await Journal.open(disk, PATH)
        link = start + 4 <= at < start + 8
        assert journal.records == records[:number] + ([] if link else records[number + 1 :])
        assert [gap.offset for gap in journal.gaps] == [start]

    asyncio.run(story())


@given(LongRecords, st.data())
def test_the_older_form_cut_at_any_byte_leaves_a_prefix(records: list[bytes], data: st.DataObject) -> None:
    async def story() -> None:
        disk = await _older(records)
        size = await disk.size(PATH) or 0
        await disk.truncate(PATH, cut := data.draw(st.integers(4, size)))
        whole = sum(end <= cut for _, end in _bounds(records, head=8))
        assert await _records(disk) == records[:whole]

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


@pytest.mark.parametrize("records", [[], [b"only"]])
async def test_a_journal_of_which_nothing_is_whole_is_kept_aside_and_begun_anew(records: list[bytes]) -> None:
    disk = await _fresh(records)
    for at in (1, *(start + 5 for start, _ in _bounds(records))):
        disk.damage(PATH, at)
    rotten = await disk.read(PATH)
    journal = await Journal.open(disk, PATH)
    assert (journal.records, len(journal.gaps)) == ([], 1)
    await journal.rewrite(())
    await journal.append(b"after")
    assert await _records(disk) == [b"after"]
    (kept,) = [name for name in await disk.names(ROOM) if name != PATH.name]
    assert await disk.read(ROOM / kept) == rotten


async def test_first_bytes_that_have_rotted_into_those_of_the_older_form_are_told() -> None:
    disk = await _fresh([b"one", b"two"])
    whole = await disk.read(PATH)
    disk.install(PATH, b"LKJ1" + whole[4:])
    journal = await Journal.open(disk, PATH)
    assert (journal.records, journal.gaps) == ([b"one", b"two"], (Gap(0, 4, 0),))


LINES = [b'{"number":%d}' % number for number in range(5)]


@pytest.mark.parametrize("number", range(len(LINES)))
async def test_rot_from_a_record_to_the_end_is_no_torn_tail(number: int) -> None:
    """Nothing behind it is whole, and yet more than one append can have left is bad, or other bytes are."""
    disk = await _fresh(LINES)
    start, _ = _bounds(LINES)[number]
    size = await disk.size(PATH) or 0
    for _, end in _bounds(LINES)[number:]:
        disk.damage(PATH, end - 4)
    journal = await Journal.open(disk, PATH)
    assert (journal.records, journal.gaps) == (LINES[:number], (Gap(start, size - start, number),))


@pytest.mark.parametrize("at", [*range(16), 20])
async def test_rot_in_the_last_record_is_told_from_a_torn_tail(at: int) -> None:
    disk = await _fresh(LINES)
    start, end = _bounds(LINES)[-1]
    disk.damage(PATH, start + at)
    journal = await Journal.open(disk, PATH)
    assert journal.records == LINES[:-1]
    longer = 4 <= at < 8  # its length, more than there is: like one that was not written to its end
    assert journal.gaps == (() if longer else (Gap(start, end - start, 4),))


@pytest.mark.parametrize("unwritten", [(0, 512), (512, 1024), (1024, 1200), (0, 1200)])
async def test_sectors_that_were_not_written_are_a_torn_tail(unwritten: tuple[int, int]) -> None:
    disk = await _fresh([*LINES, b"x" * 1184])
    (start, _), (first, last) = _bounds([*LINES, b"x" * 1184])[-1], unwritten
    whole = await disk.read(PATH)
    disk.install(PATH, whole[: start + first] + bytes(last - first) + whole[start + last :])
    journal = await Journal.open(disk, PATH)
    assert (journal.records, journal.gaps, journal.size) == (LINES, (), start)


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
