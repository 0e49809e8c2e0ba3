"""Files by name and id over restarts, damage and power cuts; a name stays with its first verified file."""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.disk import Buffer
from linkemu.transfer.manifest import Manifest
from satellite_node.catalogue import Catalogue

ROOT = Path("/satellite")
ONE = Manifest.of("one", b"a" * 1000 + b"b" * 1000, 1000)
OTHER_ONE = Manifest.of("one", b"a" * 1000 + b"c" * 1000, 1000)
TWO = Manifest.of("two", b"a" * 1000 + b"d" * 1000, 1000)


async def opened(disk: SimulatedDisk) -> Catalogue:
    return await Catalogue.open(disk, ROOT)


async def test_what_was_verified_has_a_name_also_after_a_restart() -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    for manifest in (ONE, TWO):
        await catalogue.accept(manifest)
    assert catalogue.named("one") is None
    await catalogue.verified(ONE.file_id, 12.5)
    for each in (catalogue, await opened(disk)):
        assert each.named("one") == ONE
        assert each.named("two") is None
        assert {manifest.name for manifest in each} == {"one", "two"}
        (row,) = json.loads(each.listing())["files"]
        assert (row["name"], row["size"], row["sha256"]) == ("one", 2000, ONE.sha256.hex())


async def test_a_name_stays_with_its_first_file() -> None:
    catalogue = await opened(SimulatedDisk())
    for manifest in (ONE, OTHER_ONE):
        await catalogue.accept(manifest)
        await catalogue.verified(manifest.file_id, 1.0)
    assert catalogue.named("one") == ONE


async def test_a_file_that_went_bad_loses_its_name_for_good() -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    await catalogue.accept(ONE)
    await catalogue.verified(ONE.file_id, 1.0)
    await catalogue.unverified(ONE.file_id)
    for each in (catalogue, await opened(disk)):
        assert each.named("one") is None
        assert ONE.file_id in each


async def test_dropping_a_file_spares_chunks_that_others_need() -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    await catalogue.accept(ONE)
    await catalogue.accept(TWO)
    assert set(catalogue.using(ONE.chunks[0])) == {ONE.file_id, TWO.file_id}
    assert await catalogue.drop(ONE.file_id) == [ONE.chunks[1]]
    again = await opened(disk)
    assert list(again) == [TWO]
    assert await again.drop(TWO.file_id) == sorted(TWO.chunks)


async def test_calls_of_two_workers_at_once_keep_the_journal_whole() -> None:
    class Slow(SimulatedDisk):
        """Every write gives way to the other worker first, as a thread would."""

        async def write(self, path: Path, data: Buffer, offset: int = 0) -> None:
            await asyncio.sleep(0)
            await super().write(path, data, offset)

    disk = Slow()
    catalogue = await opened(disk)
    for manifest in (ONE, TWO):
        await catalogue.accept(manifest)
    await catalogue.verified(ONE.file_id, 1.0)
    await asyncio.gather(catalogue.unverified(ONE.file_id), catalogue.verified(TWO.file_id, 2.0))
    again = await opened(disk)
    assert (again.named("one"), again.named("two")) == (None, TWO)


async def test_a_damaged_manifest_is_dropped() -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    await catalogue.accept(ONE)
    await catalogue.verified(ONE.file_id, 1.0)
    disk.damage(ROOT / "manifests" / ONE.file_id.hex(), 50)
    again = await opened(disk)
    assert list(again) == [] and again.named("one") is None
    await again.accept(ONE)
    assert ONE.file_id in again
    assert again.damaged == [f"{ONE.file_id.hex()}: not the manifest of its name"]
    assert (await opened(disk)).damaged == []


async def test_a_manifest_that_cannot_be_read_ends_nothing_and_is_offered_again() -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    for manifest in (ONE, TWO):
        await catalogue.accept(manifest)
        await catalogue.verified(manifest.file_id, 1.0)
    path = ROOT / "manifests" / ONE.file_id.hex()
    disk.lose(path, 0, 40)
    again = await opened(disk)
    assert again.damaged == [f"{path}: input/output error"]
    assert list(again) == [TWO] and again.named("two") == TWO
    await again.accept(ONE)
    assert set(await opened(disk)) == {ONE, TWO}


@pytest.mark.parametrize("harm", ["no journal", "unreadable"])
async def test_a_journal_of_verified_files_that_is_lost_is_set_aside(harm: str) -> None:
    """The files are known, and verified anew; the bytes of the journal are kept."""
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    await catalogue.accept(ONE)
    await catalogue.verified(ONE.file_id, 1.0)
    path = ROOT / "verified"
    if harm == "unreadable":
        disk.lose(path, 10, 12)
    else:
        disk.damage(path, 0)
    again = await opened(disk)
    assert len(again.damaged) == 1 and str(path) in again.damaged[0]
    assert list(again) == [ONE] and not again.is_verified(ONE.file_id)
    assert await disk.size(ROOT / "verified.damaged") is not None
    await again.verified(ONE.file_id, 2.0)
    last = await opened(disk)
    assert last.named("one") == ONE and last.damaged == []


@pytest.mark.parametrize("seed", range(6))
async def test_power_cut_at_each_call(seed: int) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = SimulatedDisk()
        disk.power_cut_at = cut
        accepted, verified = set[bytes](), set[bytes]()
        with contextlib.suppress(PowerCut):
            catalogue = await opened(disk)
            for manifest in (ONE, TWO):
                await catalogue.accept(manifest)
                accepted.add(manifest.file_id)
                await catalogue.verified(manifest.file_id, 1.0)
                verified.add(manifest.file_id)
            finished = True
        disk.reboot(seed)
        again = await opened(disk)
        assert accepted <= {manifest.file_id for manifest in again}
        assert all(again.is_verified(file_id) for file_id in verified)


async def test_a_file_that_never_had_the_name_does_not_take_it_along() -> None:
    catalogue = await opened(SimulatedDisk())
    for manifest in (ONE, OTHER_ONE):
        await catalogue.accept(manifest)
        await catalogue.verified(manifest.file_id, 1.0)
    await catalogue.unverified(OTHER_ONE.file_id)
    assert catalogue.named("one") == ONE


@pytest.mark.parametrize("seed", range(5))
async def test_a_file_that_was_dropped_is_listed_no_more_also_after_a_power_cut(seed: int) -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    await catalogue.accept(ONE)
    await catalogue.verified(ONE.file_id, 1.0)
    await catalogue.drop(ONE.file_id)
    disk.reboot(seed)
    for each in (catalogue, await opened(disk)):
        assert (list(each), each.is_verified(ONE.file_id), each.named("one")) == ([], False, None)
        assert json.loads(each.listing()) == {"files": []}


async def test_a_chunk_that_stands_twice_in_a_file_goes_with_it() -> None:
    twice = Manifest.of("twice", b"a" * 2000, 1000)
    catalogue = await opened(SimulatedDisk())
    await catalogue.accept(twice)
    assert await catalogue.drop(twice.file_id) == [twice.chunks[0]]


async def test_a_long_journal_is_made_short_at_the_next_start() -> None:
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    for manifest in (ONE, TWO):
        await catalogue.accept(manifest)
    await catalogue.verified(TWO.file_id, 2.0)
    record = b'{"file":"' + ONE.file_id.hex().encode() + b'","t":null}'
    await catalogue._journal.rewrite([record] * 3000 + [record.replace(b"null", b"1.5")])
    assert (await disk.size(ROOT / "verified") or 0) > 1 << 18
    assert (await opened(disk)).named("one") == ONE
    assert (await disk.size(ROOT / "verified") or 0) < 200
    again = await opened(disk)
    assert (again.named("one"), again.is_verified(TWO.file_id)) == (ONE, False)
