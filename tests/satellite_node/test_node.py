"""The satellite's node over what an earlier life has left on its disk, and what it keeps for a later one."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from linkemu.campaign.disk import SimulatedDisk
from linkemu.telemetry import TransferState
from linkemu.transfer.manifest import Manifest
from satellite_node.catalogue import Catalogue
from tests.two_nodes import CHUNK_BYTES, World, transfer

ROOT = Path("/nodes/iss")
CONTENT = bytes(range(256)) * 300  # a chunk and a part of one
FILE = Manifest.of("a", CONTENT, CHUNK_BYTES)


def left_behind(manifest: Manifest, chunks: int, *, verified: bool = False) -> SimulatedDisk:
    """A disk with a file's manifest and the first of its chunks."""
    disk = SimulatedDisk()
    for index, chunk in enumerate(manifest.chunks[:chunks]):
        start = manifest.offset(index)
        disk.install(ROOT / "chunks" / chunk.hex(), CONTENT[start : start + manifest.length(index)])

    async def listed() -> None:
        catalogue = await Catalogue.open(disk, ROOT)
        await catalogue.accept(manifest)
        if verified:
            await catalogue.verified(manifest.file_id, 1.0)

    asyncio.run(listed())
    return disk


def fetched(disk: SimulatedDisk) -> tuple[World, TransferState]:
    """What comes of a download from a satellite with this disk."""
    world = World(work=(transfer(0.5, "get", "a"),), disks={"ground": SimulatedDisk(), "iss": disk})
    ends = []

    async def story(world: World) -> None:
        ends.append(await world.ended("a", by=5.0))

    world.play(story)
    return world, ends[0]


@pytest.mark.parametrize("verified", [True, False])
def test_a_file_that_was_whole_is_served_verified_before_or_not(verified: bool) -> None:
    world, end = fetched(left_behind(FILE, 2, verified=verified))
    assert (end.state, end.sha256) == ("verified", hashlib.sha256(CONTENT).hexdigest())
    assert len(world.events("verified")) == (1 if verified else 2), "read back once, and once on the ground"


def test_a_file_that_has_lost_a_chunk_is_not_there() -> None:
    _, end = fetched(left_behind(FILE, 1, verified=True))
    assert (end.state, end.problem) == ("failed", "no such file in orbit")


def test_a_file_whose_digest_is_wrong_never_has_its_name() -> None:
    wrong = Manifest("a", FILE.size, bytes(32), FILE.chunk_bytes, FILE.chunks)
    world, end = fetched(left_behind(wrong, 2))
    assert (end.state, end.problem) == ("failed", "no such file in orbit")
    assert len(world.events("wrong digest")) == 1


def test_the_name_of_the_catalogue_is_not_for_files() -> None:
    world = World(work=(transfer(0.5, "put", ".catalogue", 100),))

    async def story(world: World) -> None:
        end = await world.ended(".catalogue", by=5.0)
        assert (end.state, end.problem) == ("failed", "the name is reserved")

    world.play(story)


def test_what_has_come_of_a_chunk_is_kept_when_the_light_goes() -> None:
    world = World(work=(transfer(0.5, "put", "a", 100 * CHUNK_BYTES),), dark={"ground": [(0.7003, 50.0)]})

    async def story(world: World) -> None:
        await world.until(1.0)
        assert await world.disks["iss"].names(ROOT / "partials") != []

    world.play(story)


def test_a_file_whose_word_may_have_been_lost_is_read_back_before_it_is_said_again() -> None:
    """It is served meanwhile, as it keeps its name; the trace says where the journal is rotten."""
    disk = left_behind(FILE, 2, verified=True)
    lost = Manifest.of("b", b"never came", CHUNK_BYTES)

    async def rot() -> None:
        size = await disk.size(ROOT / "verified") or 0
        catalogue = await Catalogue.open(disk, ROOT)
        await catalogue.accept(lost)
        await catalogue.verified(lost.file_id, 2.0)
        await catalogue.unverified(lost.file_id)
        disk.damage(ROOT / "verified", size + 30)

    asyncio.run(rot())
    world, end = fetched(disk)
    assert (end.state, end.sha256) == ("verified", hashlib.sha256(CONTENT).hexdigest())
    assert len(world.events("verified")) == 2, "read back once, and once on the ground"
    (told,) = world.events("journal damaged")
    assert '"file":"verified"' in told
