"""The simulated disk keeps the contract of linkemu.disk, and no more than that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.disk import store
from linkemu.errors import ResourceError

ROOT = Path("/disk")
FILES = [ROOT / name for name in "abc"]
CALLS = st.one_of(
    st.tuples(
        st.just("write"), st.sampled_from(FILES), st.binary(min_size=1, max_size=40), st.integers(0, 20)
    ),
    st.tuples(st.just("sync"), st.sampled_from(FILES)),
    st.tuples(st.just("remove"), st.sampled_from(FILES)),
    st.tuples(st.just("replace"), st.sampled_from(FILES), st.sampled_from(FILES)),
    st.tuples(st.just("directory")),
)


async def fresh() -> SimulatedDisk:
    disk = SimulatedDisk()
    await disk.make_directory(ROOT)
    return disk


async def call(disk: SimulatedDisk, what: str, *arguments: object) -> None:
    if what == "directory":
        await disk.sync(ROOT)
    elif what in ("sync", "replace") and await disk.size(arguments[0]) is None:  # type: ignore[arg-type]
        return
    elif what != "replace" or arguments[0] != arguments[1]:
        await getattr(disk, what)(*arguments)


@settings(max_examples=200, deadline=None)
@given(calls=st.lists(CALLS, max_size=25), seed=st.integers(0, 10**6))
def test_what_was_synced_survives_and_a_seed_is_one_fate(calls: list[tuple[object, ...]], seed: int) -> None:
    """Everything synced at the end is there after a cut; the same seed leaves the same bytes."""

    async def fate(last_words: bool) -> list[bytes | None]:
        disk = await fresh()
        for each in calls:
            await call(disk, *each)  # type: ignore[arg-type]
        if last_words:
            for path in FILES:
                if await disk.size(path) is not None:
                    await disk.sync(path)
            await disk.sync(ROOT)
        alive = [await disk.read(path) if await disk.size(path) is not None else None for path in FILES]
        if last_words:
            assert sorted(disk.survivors()) == sorted(each for each in alive if each is not None)
        disk.reboot(seed)
        left = [await disk.read(path) if await disk.size(path) is not None else None for path in FILES]
        assert not last_words or left == alive
        return left

    asyncio.run(fate(True))
    assert asyncio.run(fate(False)) == asyncio.run(fate(False))


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_a_file_that_is_stored_is_old_or_new(cut: int, seed: int) -> None:
    async def story() -> bytes:
        disk = await fresh()
        await store(disk, FILES[0], b"old" * 500)
        disk.power_cut_at = disk.calls + cut
        told = list[bool]()
        disk.on_power_cut = lambda: told.append(True)
        try:
            await store(disk, FILES[0], b"new!" * 700)
        except PowerCut:
            assert told
        disk.reboot(seed)
        return await disk.read(FILES[0])

    content = asyncio.run(story())
    assert content in (b"old" * 500, b"new!" * 700)
    assert cut <= 5 or content == b"new!" * 700  # remove, write, sync, replace, sync of the directory


def test_a_machine_without_power_stays_off() -> None:
    async def story() -> None:
        disk = await fresh()
        disk.power_cut_at = disk.calls
        for _ in range(2):
            with pytest.raises(PowerCut):
                await disk.read(FILES[0])

    asyncio.run(story())


def test_other_tasks_run_while_it_is_at_work() -> None:
    async def story() -> list[str]:
        disk, order = await fresh(), list[str]()

        async def pause() -> None:
            order.append("at work")
            await asyncio.sleep(0)

        async def write() -> None:
            await disk.write(FILES[0], b"x")
            order.append("written")

        disk.pause = pause
        task = asyncio.create_task(write())
        await asyncio.sleep(0)
        order.append("meanwhile")
        assert list(disk.survivors()) == []
        await task
        return order

    assert asyncio.run(story()) == ["at work", "meanwhile", "written"]


def test_a_file_that_was_installed_is_as_if_it_had_always_been() -> None:
    disk = SimulatedDisk()
    disk.install(FILES[1], b"bytes")
    disk.reboot(3)
    assert asyncio.run(disk.read(FILES[1])) == b"bytes"
    assert list(disk.survivors()) == [b"bytes"]
    assert disk.used_bytes == 5


def test_rot_changes_one_bit_of_a_durable_file_by_the_seed() -> None:
    def rotten(seed: int) -> bytes:
        disk = SimulatedDisk()
        assert disk.rot(seed) is None
        disk.install(FILES[0], bytes(50))
        damage = disk.rot(seed)
        assert damage is not None
        assert (damage.path, damage.before) == (FILES[0], bytes(50))
        assert asyncio.run(disk.read(FILES[0])) == damage.after
        return damage.after

    assert sum(byte.bit_count() for byte in rotten(1)) == 1
    assert rotten(1) == rotten(1)
    assert len({rotten(seed) for seed in range(20)}) > 5
    assert len({max(rotten(seed)) for seed in range(20)}) > 3, "any bit, not the last one alone"


async def written(lost_syncs: bool = False, *, name: bool = True) -> SimulatedDisk:
    """A disk with a file of 100 bytes: written, synced, and its ``name`` too."""
    disk = SimulatedDisk(lost_syncs=lost_syncs)
    await disk.make_directory(ROOT)
    await disk.write(FILES[0], b"x" * 100)
    await disk.sync(FILES[0])
    if name:
        await disk.sync(ROOT)
    return disk


def fates(disk: Callable[[], Coroutine[Any, Any, SimulatedDisk]]) -> set[bytes | None]:
    """What a power cut may leave of the file, over many seeds."""

    async def fate(seed: int) -> bytes | None:
        made = await disk()
        made.reboot(seed)
        return await made.read(FILES[0]) if await made.size(FILES[0]) is not None else None

    return {asyncio.run(fate(seed)) for seed in range(40)}


def test_syncs_that_are_lost_lose_names_and_bytes() -> None:
    assert fates(written) == {b"x" * 100}
    left = fates(lambda: written(lost_syncs=True))
    assert None in left and b"x" * 100 in left and len(left) > 5


def test_a_name_that_was_not_synced_may_be_there_or_not() -> None:
    assert fates(lambda: written(name=False)) == {None, b"x" * 100}


def test_a_write_at_the_cut_is_half_done_and_a_sync_not_at_all() -> None:
    async def at(cut: int) -> SimulatedDisk:
        disk = SimulatedDisk()
        await disk.make_directory(ROOT)
        await disk.write(FILES[0], b"")
        await disk.sync(ROOT)
        disk.power_cut_at = disk.calls + cut
        with pytest.raises(PowerCut):
            await disk.write(FILES[0], b"x" * 100)
            await disk.sync(FILES[0])
        assert list(disk.survivors()) == [b""]
        return disk

    left = {len(each or b"") for each in fates(lambda: at(1))}
    assert {0, 100} & left == {0} and len(left) > 2
    assert fates(lambda: at(2)) >= {b"", b"x" * 100}


def test_what_was_damaged_stays_so_and_no_file_is_without_its_directory() -> None:
    async def story() -> bytes:
        disk = await written()
        disk.damage(FILES[0], 7)
        disk.reboot()
        with pytest.raises(ResourceError, match="no such directory"):
            await disk.write(ROOT / "absent" / "f", b"x")
        return await disk.read(FILES[0])

    assert asyncio.run(story()) == b"x" * 7 + b"y" + b"x" * 92


def unreadable(disk: SimulatedDisk, path: Path, size: int) -> list[int]:
    """Offsets of a file at which a byte can't be read."""

    async def fails(offset: int) -> bool:
        try:
            return len(await disk.read(path, offset, 1)) != 1
        except ResourceError as error:
            assert str(error) == f"{path}: input/output error"
            return True

    async def story() -> list[int]:
        return [offset for offset in range(size) if await fails(offset)]

    return asyncio.run(story())


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 3000), count=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_lost_sectors_fail_to_be_read_and_no_byte_beside_them(size: int, count: int, seed: int) -> None:
    disk = SimulatedDisk()
    assert disk.lose_sectors(seed, count) is None
    content = bytes(range(1, 251)) * 12
    disk.install(FILES[0], content[:size])
    disk.install(FILES[1], b"")
    damage = disk.lose_sectors(seed, count)
    assert damage is not None
    assert (damage.path, damage.before) == (FILES[0], content[:size])
    lost = unreadable(disk, FILES[0], size)
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert lost[0] % 512 == 0
    assert len(lost) == min(512 * count, size - lost[0])
    assert [at for at in range(size) if damage.after[at] != content[at]] == lost, "what is lost is gone"
    with pytest.raises(ResourceError, match="input/output error"):
        asyncio.run(disk.read(FILES[0]))
    disk.reboot(seed)
    assert unreadable(disk, FILES[0], size) == lost


async def with_lost_sectors() -> SimulatedDisk:
    """A disk with a file of 2000 bytes, none of which can be read."""
    disk = await fresh()
    disk.install(FILES[0], b"x" * 2000)
    disk.lose(FILES[0], 0, 2000)
    return disk


def test_lost_sectors_can_be_read_where_they_were_written_anew() -> None:
    disk = asyncio.run(with_lost_sectors())
    asyncio.run(disk.write(FILES[0], b"new" * 100, 600))
    assert unreadable(disk, FILES[0], 2000) == [*range(600), *range(900, 2000)]
    assert asyncio.run(disk.read(FILES[0], 600, 300)) == b"new" * 100
    asyncio.run(disk.truncate(FILES[0], 900))
    asyncio.run(disk.append(FILES[0], b"!"))
    assert unreadable(disk, FILES[0], 901) == [*range(600)]
    asyncio.run(disk.replace(FILES[0], FILES[1]))
    assert unreadable(disk, FILES[1], 901) == [*range(600)], "they go with the file"


def test_what_was_not_synced_heals_nothing_that_a_power_cut_takes() -> None:
    async def story(seed: int, synced: bool) -> SimulatedDisk:
        disk = await with_lost_sectors()
        await disk.write(FILES[0], b"y" * 2000)
        if synced:
            await disk.sync(FILES[0])
        disk.reboot(seed)
        return disk

    def fate(seed: int, synced: bool) -> int:
        return len(unreadable(asyncio.run(story(seed, synced)), FILES[0], 2000))

    assert {fate(seed, True) for seed in range(10)} == {0}
    left = {fate(seed, False) for seed in range(20)}
    assert 2000 in left and 0 in left and len(left) > 3
