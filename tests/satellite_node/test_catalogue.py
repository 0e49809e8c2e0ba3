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
    assert again.damaged == [ONE.file_id.hex()]
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
    assert again.damaged == [path.name]
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
        disk.install(path, b"a letter to the operator")
    again = await opened(disk)
    assert again.damaged == [path.name]
    assert list(again) == [ONE] and not again.is_verified(ONE.file_id)
    assert await disk.size(ROOT / "quarantine" / "verified.manifest") is not None
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


async def rotten(*, forget: bool = False) -> SimulatedDisk:
    """Both files are verified. The record behind ONE's is bad: TWO's, or that ONE is verified no more."""
    disk = SimulatedDisk()
    catalogue = await opened(disk)
    for manifest in (ONE, TWO):
        await catalogue.accept(manifest)
    await catalogue.verified(ONE.file_id, 1.0)
    size = await disk.size(ROOT / "verified") or 0
    if forget:
        await catalogue.unverified(ONE.file_id)
    await catalogue.verified(TWO.file_id, 2.0)
    await catalogue.unverified(TWO.file_id)
    await catalogue.verified(TWO.file_id, 3.0)
    disk.damage(ROOT / "verified", size + 20)
    return disk


@pytest.mark.parametrize("forget", [True, False])
async def test_what_was_verified_before_a_lost_record_is_doubtful_and_keeps_its_name(forget: bool) -> None:
    disk = await rotten(forget=forget)
    catalogue = await opened(disk)
    assert len(catalogue.gaps) == 1
    for each in (catalogue, await opened(disk)):
        assert (each.is_verified(ONE.file_id), each.named("one")) == (False, ONE)
        assert (each.is_verified(TWO.file_id), each.named("two")) == (True, TWO)
        assert [row["name"] for row in json.loads(each.listing())["files"]] == ["two"]
    assert (await opened(disk)).gaps == ()
    assert len([name for name in await disk.names(ROOT) if name.startswith("verified.damaged-")]) == 1


async def test_a_doubtful_file_that_was_read_back_is_verified_again_for_good() -> None:
    disk = await rotten()
    catalogue = await opened(disk)
    await catalogue.verified(ONE.file_id, 9.0)
    for each in (catalogue, await opened(disk)):
        assert each.is_verified(ONE.file_id)
        assert {row["name"]: row["verified_s"] for row in json.loads(each.listing())["files"]}["one"] == 9.0


async def test_a_doubtful_file_that_is_bad_gives_its_name_away() -> None:
    disk = await rotten()
    catalogue = await opened(disk)
    await catalogue.unverified(ONE.file_id)
    await catalogue.accept(OTHER_ONE)
    await catalogue.verified(OTHER_ONE.file_id, 9.0)
    for each in (catalogue, await opened(disk)):
        assert (each.named("one"), each.is_verified(ONE.file_id)) == (OTHER_ONE, False)


@pytest.mark.parametrize("seed", range(4))
async def test_power_cut_at_each_call_while_a_rotten_journal_is_taken_up(seed: int) -> None:
    cut, finished = 0, False
    while not finished:
        cut += 1
        disk = await rotten(forget=True)
        disk.power_cut_at = disk.calls + cut
        with contextlib.suppress(PowerCut):
            await opened(disk)
            finished = True
        disk.reboot(seed)
        again = await opened(disk)
        assert (again.is_verified(ONE.file_id), again.is_verified(TWO.file_id)) == (False, True)
        assert (again.named("one"), again.named("two")) == (ONE, TWO)


async def test_a_damaged_manifest_is_kept_in_quarantine_also_after_a_power_cut() -> None:
    disk = SimulatedDisk()
    await (await opened(disk)).accept(ONE)
    disk.damage(ROOT / "manifests" / ONE.file_id.hex(), 50)
    rot = await disk.read(ROOT / "manifests" / ONE.file_id.hex())
    assert (await opened(disk)).damaged == [ONE.file_id.hex()]
    for seed in range(4):
        disk.reboot(seed)
        assert await disk.read(ROOT / "quarantine" / (ONE.file_id.hex() + ".manifest")) == rot
    again = await opened(disk)
    assert (again.damaged, list(again)) == ([], [])
    await again.accept(ONE)
    assert list(await opened(disk)) == [ONE]
