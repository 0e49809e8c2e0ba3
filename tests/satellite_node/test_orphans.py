"""Chunks that no file needs go at the start; never one that a file, or a word that was lost, may need."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.errors import ResourceError
from linkemu.transfer.manifest import Manifest, chunk_id_of
from satellite_node import orphans
from satellite_node.catalogue import Catalogue
from satellite_node.store import ChunkStore

ROOT = Path("/satellite")
KEPT = Manifest.of("kept", b"a" * 1000 + b"b" * 1000, 1000)
GONE = Manifest.of("gone", b"a" * 1000 + b"c" * 1000 + b"d" * 1000, 1000)
CONTENTS = {chunk_id_of(byte * 1000): byte * 1000 for byte in (b"a", b"b", b"c", b"d")}
NEEDED = set(KEPT.chunks)


async def opened(disk: SimulatedDisk) -> tuple[ChunkStore, Catalogue]:
    return await ChunkStore.open(disk, ROOT), await Catalogue.open(disk, ROOT)


async def left_by_a_drop() -> SimulatedDisk:
    """A satellite that stopped between the two steps of dropping a file: its manifest is gone, no more."""
    disk = SimulatedDisk()
    store, catalogue = await opened(disk)
    for manifest in (KEPT, GONE):
        await catalogue.accept(manifest)
    await store.put(CONTENTS)
    await catalogue.verified(KEPT.file_id, 1.0)
    await catalogue.drop(GONE.file_id)
    return disk


async def test_what_a_broken_off_drop_has_left_is_removed_and_nothing_else() -> None:
    disk = await left_by_a_drop()
    assert await orphans.collect(*await opened(disk)) == 2
    store, catalogue = await opened(disk)
    assert store.ids == NEEDED
    assert await orphans.collect(store, catalogue) == 0
    assert {await store.get(chunk) for chunk in NEEDED} == {b"a" * 1000, b"b" * 1000}


async def test_chunks_of_a_file_that_is_not_yet_whole_stay() -> None:
    disk = SimulatedDisk()
    store, catalogue = await opened(disk)
    await catalogue.accept(KEPT)
    await store.put({KEPT.chunks[1]: b"b" * 1000})
    assert await orphans.collect(*await opened(disk)) == 0
    assert (await opened(disk))[0].ids == {KEPT.chunks[1]}


async def test_one_start_removes_some_and_the_next_ones_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "MOST", 1)
    disk = await left_by_a_drop()
    assert [await orphans.collect(*await opened(disk)) for _ in range(3)] == [1, 1, 0]
    assert (await opened(disk))[0].ids == NEEDED


async def test_nothing_is_removed_while_a_manifest_is_damaged() -> None:
    disk = await left_by_a_drop()
    disk.damage(ROOT / "manifests" / KEPT.file_id.hex(), 30)
    for _ in range(2):  # in the life that found it, and after
        assert await orphans.collect(*await opened(disk)) == 0
    store, catalogue = await opened(disk)
    assert store.ids == CONTENTS.keys()
    await catalogue.accept(KEPT)  # offered again
    assert await orphans.collect(*await opened(disk)) == 2
    assert (await opened(disk))[0].ids == NEEDED


async def test_nothing_is_removed_while_a_manifest_can_not_be_read() -> None:
    class Stubborn(SimulatedDisk):
        async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
            if path.name == KEPT.file_id.hex():
                raise ResourceError(str(path), "input/output error")
            return await super().read(path, offset, length)

    disk = await left_by_a_drop()
    stubborn = Stubborn()
    stubborn.__dict__.update(vars(disk))
    store, catalogue = await opened(stubborn)
    assert (KEPT.file_id in catalogue, await orphans.collect(store, catalogue)) == (False, 0)
    assert await orphans.collect(*await opened(disk)) == 2


async def test_nothing_is_removed_while_a_verified_file_has_no_manifest() -> None:
    disk = await left_by_a_drop()
    await disk.remove(ROOT / "manifests" / KEPT.file_id.hex())
    assert await orphans.collect(*await opened(disk)) == 0


async def test_nothing_is_removed_in_the_life_that_finds_the_journal_rotten() -> None:
    disk = await left_by_a_drop()
    _, catalogue = await opened(disk)
    await catalogue.unverified(KEPT.file_id)
    await catalogue.verified(KEPT.file_id, 2.0)
    disk.damage(ROOT / "verified", 30)
    assert await orphans.collect(*await opened(disk)) == 0
    assert await orphans.collect(*await opened(disk)) == 2


@pytest.mark.parametrize("how", ["power", "kill"])
@pytest.mark.parametrize("seed", range(4))
async def test_a_crash_at_each_call_loses_nothing_and_a_later_start_goes_on(seed: int, how: str) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = await left_by_a_drop()
        disk.power_cut_at = disk.calls + cut
        with contextlib.suppress(PowerCut):
            await orphans.collect(*await opened(disk))
            finished = True
        disk.power_cut_at = None
        if how == "power":
            disk.reboot(seed)
        store, catalogue = await opened(disk)
        assert store.ids >= NEEDED
        assert catalogue.named("kept") == KEPT
        await orphans.collect(store, catalogue)
        disk.reboot(seed)
        assert (await opened(disk))[0].ids == NEEDED
    assert cut > 10
