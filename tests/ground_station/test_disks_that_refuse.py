"""Both nodes on disks that are full for a while, or can't read back: nodes go on, every transfer ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from linkemu.campaign.disk import SimulatedDisk
from linkemu.disk import Buffer
from linkemu.errors import ResourceError
from tests.two_nodes import CHUNK_BYTES, World, transfer

SIZE = 6 * CHUNK_BYTES + 77


class Refusing(SimulatedDisk):
    """Refuses writes for which there is ``no_room``, and reads of what is ``unreadable``."""

    def __init__(self) -> None:
        super().__init__()
        self.no_room: Callable[[Path, bytes], bool] = lambda path, data: False
        self.unreadable: Callable[[Path], bool] = lambda path: False
        self.named = list[Path]()
        self.refused = 0

    async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        if self.unreadable(path):
            self.refused += 1
            raise ResourceError(str(path), "input/output error")
        return await super().read(path, offset, length)

    async def write(self, path: Path, data: Buffer, offset: int = 0) -> None:
        if self.no_room(path, bytes(data)):
            self.refused += 1
            raise ResourceError(str(path), "no space left on the device")
        await super().write(path, data, offset)

    async def replace(self, source: Path, target: Path) -> None:
        self.named.append(target)
        await super().replace(source, target)


def world(*work: object, iss: SimulatedDisk | None = None, ground: SimulatedDisk | None = None) -> World:
    disks = {"iss": iss or SimulatedDisk(), "ground": ground or SimulatedDisk()}
    return World(work=work, disks=disks)  # type: ignore[arg-type]


def test_a_satellite_without_room_for_the_word_verified_says_it_once_it_has() -> None:
    disk = Refusing()

    async def story(world: World) -> None:
        disk.no_room = lambda path, data: path.name == "verified" and world.clock.now() < 4.0
        await world.until(3.5)
        assert disk.refused
        assert world.told[-1].state == "in orbit"
        assert (await world.ended("a", by=6.0)).state == "verified"

    world(transfer(0.5, "put", "a", SIZE), iss=disk).play(story)


def test_a_chunk_that_the_satellite_cannot_read_back_is_sent_and_written_again() -> None:
    disk = Refusing()
    # the seventh chunk, until it is named again
    disk.unreadable = lambda path: [path] == [each for each in disk.named if each.parent == path.parent][6:]

    async def story(world: World) -> None:
        assert (await world.ended("a", by=5.0)).state == "verified"
        assert disk.refused == 1
        assert len([each for each in disk.named if each.parent.name == "chunks"]) == 8

    world(transfer(0.5, "put", "a", SIZE), iss=disk).play(story)


def test_a_full_satellite_that_finds_a_damaged_chunk_goes_on() -> None:
    disk = Refusing()
    work = (transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a"), transfer(6.0, "put", "b", SIZE))

    async def story(world: World) -> None:
        await world.ended("a", by=3.0)
        directory = world.root / "iss" / "chunks"
        disk.damage(directory / (await disk.names(directory))[0], 5)
        disk.no_room = lambda path, data: world.clock.now() < 5.0
        assert (await world.ended("b", by=10.0)).state == "verified"

    world(*work, iss=disk).play(story)


def test_a_satellite_that_was_full_ends_the_same_file_of_both_stations() -> None:
    """What it drops as it can't store what one brings, it is offered anew by the other."""
    disk = Refusing()
    work = [transfer(0.5, "put", "a", 60 * CHUNK_BYTES, station=station) for station in ("one", "two")]
    disks = {"iss": disk, "one": SimulatedDisk(), "two": SimulatedDisk()}
    world = World("one", "two", work=tuple(work), disks=disks)

    async def story(world: World) -> None:
        disk.no_room = lambda path, data: (
            path.parent.name == "chunks" and world.clock.now() > 0.55 and not disk.refused
        )
        ends = {(await world.ended("a", node=each, by=10.0)).state for each in ("one", "two")}
        assert disk.refused
        assert ends == {"failed", "verified"}

    world.play(story)


def test_a_download_that_fails_is_sent_no_more() -> None:
    disk = SimulatedDisk()
    work = (transfer(0.5, "put", "a", 60 * CHUNK_BYTES), transfer(3.0, "get", "a"))

    async def story(world: World) -> None:
        await world.ended("a", by=3.0)
        world.told.clear()
        disk.capacity = 5 * CHUNK_BYTES
        assert (await world.ended("a", by=10.0)).state == "failed"
        await world.until(world.clock.now() + 0.5)
        assert len(world.events("refused by peer")) == 1

    world(*work, ground=disk).play(story)


@pytest.mark.parametrize("reads", [1, 1 + 7])
def test_a_download_that_cannot_be_read_back_is_right_in_the_end(reads: int) -> None:
    """Once it could not be read as a whole; or no chunk of it could, and all come again."""
    disk = Refusing()
    disk.unreadable = lambda path: path.suffix == ".part" and disk.refused < reads

    async def story(world: World) -> None:
        await world.ended("a", by=3.0)
        world.told.clear()
        assert (await world.ended("a", by=10.0)).state == "verified"
        assert disk.refused == reads
        assert len(world.events("damaged on disk")) == (reads > 1)

    world(transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a"), ground=disk).play(story)


def test_a_station_without_room_for_the_word_verified_waits_for_it() -> None:
    disk = Refusing()

    async def story(world: World) -> None:
        await world.ended("a", by=3.0)
        world.told.clear()
        disk.no_room = lambda path, data: b'"state":"verified"' in data and world.clock.now() < 6.0
        down = await world.ended("a", by=10.0)
        assert down.state == "verified" and down.at_s >= 6.0
        assert disk.refused
        spool, entry = await world.entry("get", "a")
        assert await disk.size(spool.path(entry, "fetched")) == SIZE

    world(transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a"), ground=disk).play(story)
