"""Both nodes as shipped, over light: files go up, come back, and survive outages, kills and full disks."""

import hashlib
import random
from itertools import pairwise

import pytest

from linkemu.campaign.disk import SimulatedDisk
from linkemu.errors import ResourceError
from tests.two_nodes import CHUNK_BYTES, RATE_BPS, World, transfer

SIZE = 20 * CHUNK_BYTES + 1234


def test_a_file_goes_up_and_comes_back() -> None:
    world = World(work=(transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a")), erased=[(700, 20)])

    async def story(world: World) -> None:
        up = await world.ended("a", by=3.0)
        assert (up.state, up.done_bytes, up.resent_chunks) == ("verified", SIZE, 0)
        assert list(up.times) == ["spooled", "sending", "in orbit", "verified"]
        assert up.times["spooled"] == pytest.approx(0.5)
        world.told.clear()
        down = await world.ended("a", by=10.0)
        assert (down.action, down.state) == ("get", "verified")
        assert list(down.times) == ["requested", "receiving", "verified"]

    async def checked(world: World) -> None:
        await story(world)
        await world.kill("ground")
        spool, entry = await world.entry("get", "a")
        content = b"".join([piece async for piece in spool.pieces(entry, "fetched")])
        assert len(content) == SIZE
        assert hashlib.sha256(content).hexdigest() == entry.sha256
        assert (await world.entry("put", "a"))[1].sha256 == entry.sha256
        world.start("ground")

    world.play(checked)
    assert len(world.events("acknowledged")) > 0


def test_an_empty_file_too() -> None:
    world = World(work=(transfer(0.5, "put", "empty", 0), transfer(3.0, "get", "empty")))

    async def story(world: World) -> None:
        assert (await world.ended("empty", by=3.0)).state == "verified"
        world.told.clear()
        assert (await world.ended("empty", by=10.0)).state == "verified"

    world.play(story)


def test_what_is_not_in_orbit_is_told() -> None:
    world = World(work=(transfer(0.5, "get", "nothing"),))

    async def story(world: World) -> None:
        end = await world.ended("nothing", by=5.0)
        assert (end.state, end.problem) == ("failed", "no such file in orbit")

    world.play(story)


def test_what_failed_is_done_anew_by_a_later_entry_of_the_work_list() -> None:
    world = World(
        work=(transfer(0.5, "get", "x"), transfer(2.0, "put", "x", SIZE), transfer(4.0, "get", "x"))
    )

    async def story(world: World) -> None:
        await world.until(6.0)
        ends = [(state.action, state.state) for state in world.told if state.ended]
        assert list(dict.fromkeys(ends)) == [("get", "failed"), ("put", "verified"), ("get", "verified")]

    world.play(story)


def test_the_rate_that_is_told_is_the_light_s_own() -> None:
    world = World(work=(transfer(0.5, "put", "a", 100 * CHUNK_BYTES),))

    async def story(world: World) -> None:
        end = await world.ended("a", by=5.0)
        assert end.rate_bps == pytest.approx(RATE_BPS, rel=0.2)

    world.play(story)


def test_a_name_in_orbit_stays_with_its_content() -> None:
    """Two stations, one name, two contents: the second is refused and says why."""
    work = (
        transfer(0.5, "put", "n", SIZE, station="one"),
        transfer(5.0, "put", "n", SIZE + 1, station="two"),
    )
    world = World("one", "two", work=work)

    async def story(world: World) -> None:
        assert (await world.ended("n", node="one", by=5.0)).state == "verified"
        second = await world.ended("n", node="two", by=10.0)
        assert (second.state, second.problem) == ("failed", "the name is taken by another file")

    world.play(story)


def test_another_station_goes_on_in_mid_chunk() -> None:
    """What the satellite holds, also of a chunk under way, is never sent again by the second station."""
    size = 100 * CHUNK_BYTES
    work = (
        transfer(0.5, "put", "h", size, station="one"),
        transfer(0.5, "put", "h", size, station="two"),
    )
    world = World("one", "two", dark={"one": [(0.8, 99.0)], "two": [(0.0, 2.0)]}, work=work)

    async def story(world: World) -> None:
        assert (await world.ended("h", node="two", by=10.0)).state == "verified"
        last = [each for each in world.told if each.node == "two" and each.name == "h"][-1]
        first = [each for each in world.told if each.node == "one" and each.name == "h"][-1]
        assert 0 < first.done_bytes < size
        assert last.sent_bytes <= size - first.done_bytes
        assert last.repaired_bytes == 0

    world.play(story)


def test_a_chunk_damaged_in_orbit_is_found_and_sent_again() -> None:
    """Damage between storing and reading back: the file is not called verified before it is whole."""
    disk = SimulatedDisk()
    world = World(
        dark={"ground": [(0.9, 2.0)]},
        work=(transfer(0.5, "put", "a", 120 * CHUNK_BYTES),),
        disks={"ground": SimulatedDisk(), "iss": disk},
    )

    async def story(world: World) -> None:
        await world.until(1.5)
        directory = world.root / "iss" / "chunks"
        names = await disk.names(directory)
        assert 3 < len(names) < 120
        disk.damage(directory / names[2], 77)
        assert (await world.ended("a", by=20.0)).state == "verified"
        assert len(world.events("chunk lost")) == 2  # at the satellite, and as the station hears it

    world.play(story)


def test_a_full_satellite_refuses_and_takes_the_next_file() -> None:
    disk = SimulatedDisk(capacity=40 * CHUNK_BYTES)
    work = (transfer(0.5, "put", "big", 60 * CHUNK_BYTES), transfer(5.0, "put", "small", SIZE))
    world = World(work=work, disks={"ground": SimulatedDisk(), "iss": disk})

    async def story(world: World) -> None:
        big = await world.ended("big", by=5.0)
        assert big.state == "failed"
        assert big.problem is not None and "no space left" in big.problem
        assert (await world.ended("small", by=20.0)).state == "verified"

    world.play(story)


def test_a_download_on_a_full_station_fails_and_says_why() -> None:
    disk = SimulatedDisk()
    world = World(
        work=(transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a")),
        disks={"ground": disk, "iss": SimulatedDisk()},
    )

    async def story(world: World) -> None:
        assert (await world.ended("a", by=3.0)).state == "verified"
        world.told.clear()
        disk.capacity = 5 * CHUNK_BYTES
        down = await world.ended("a", by=10.0)
        assert down.state == "failed" and down.problem is not None
        assert "no space left" in down.problem

    world.play(story)


def test_an_unwritable_spool_ends_the_station_in_one_line() -> None:
    disk = SimulatedDisk()
    disk.read_only = True
    world = World(disks={"ground": disk, "iss": SimulatedDisk()})

    async def story(world: World) -> None:
        await world.until(0.1)

    with pytest.raises(ResourceError, match="permission denied"):
        world.play(story)


@pytest.mark.parametrize("victim", ["ground", "iss"])
@pytest.mark.parametrize("seed", range(4))
def test_power_cuts_at_any_call_resend_nothing_that_was_journalled(victim: str, seed: int) -> None:
    rng = random.Random(f"{victim}{seed}")
    work = (transfer(0.5, "put", "a", SIZE), transfer(0.6, "put", "b", SIZE), transfer(4.0, "get", "a"))
    world = World(work=work, erased=[(550, 30), (4100, 30)])
    disk = world.disks[victim]

    async def story(world: World) -> None:
        for life in range(5):
            disk.power_cut_at = disk.calls + rng.randint(20, 90)
            while not world.is_off(victim) and world.clock.now() < 12.0:
                await world.until(world.clock.now() + 0.01)
            if not world.is_off(victim):
                break
            await world.kill(victim)
            disk.reboot(seed * 10 + life)
            world.start(victim)
        disk.power_cut_at = None
        await world.until(max(world.clock.now() + 10, 15.0))
        await world.kill("ground")
        for action, name in (("put", "a"), ("put", "b"), ("get", "a")):
            spool, entry = await world.entry(action, name)
            assert entry.state == "verified", (action, name, entry)
        sha256 = hashlib.sha256()
        async for piece in spool.pieces(entry, "fetched"):
            sha256.update(piece)
        assert sha256.hexdigest() == entry.sha256 == (await world.entry("put", "a"))[1].sha256
        world.start("ground")

    world.play(story)
    assert {each.resent_chunks for each in world.told} == {0}


def test_the_same_run_has_the_same_trace() -> None:
    digests = set[str]()
    for _ in range(2):
        world = World(work=(transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a")), erased=[(600, 5)])

        async def story(world: World) -> None:
            await world.until(6.0)

        world.play(story)
        digests.add(world.trace.digest())
    assert len(digests) == 1


@pytest.mark.parametrize("seed", range(5))
def test_two_stations_and_a_satellite_in_a_storm(seed: int) -> None:
    """Power cuts of any node at any call, outages and erasures: all of it ends, and all bytes are right."""
    rng = random.Random(seed)
    stations = ("one", "two")
    puts = tuple(
        transfer(0.5 + 0.1 * n, "put", f"f{n}", SIZE + n, station=rng.choice(stations), priority=n % 3)
        for n in range(4)
    )
    gets = tuple(transfer(6.0, "get", put.name, station=station) for put in puts for station in stations)
    dark = {
        station: [
            (start, start + rng.random())
            for start in sorted(rng.uniform(4 * k, 4 * k + 3) for k in range(1, 5))
        ]
        for station in stations
    }
    erased = [(first, rng.randint(1, 40)) for first in range(500, 15_000, 700)]
    world = World(*stations, work=puts + gets, dark=dark, erased=erased)

    async def story(world: World) -> None:
        for _ in range(8):
            victim = rng.choice((*stations, "iss"))
            disk = world.disks[victim]
            disk.power_cut_at = disk.calls + rng.randint(1, 150)
            at = world.clock.now() + rng.uniform(0.2, 2.5)
            while not world.is_off(victim) and world.clock.now() < at:
                await world.until(world.clock.now() + 0.01)
            disk.power_cut_at = disk.calls if not world.is_off(victim) else disk.power_cut_at
            await world.kill(victim)
            disk.reboot(rng.randint(0, 999))
            world.start(victim)
        await world.until(45.0)
        for station in stations:
            await world.kill(station)
        for each in puts + gets:
            spool, entry = await world.entry(each.action, each.name, each.station)
            assert entry.state == "verified", entry
            if each.action == "get":
                content = b"".join([piece async for piece in spool.pieces(entry, "fetched")])
                assert hashlib.sha256(content).hexdigest() == entry.sha256
        for station in stations:
            world.start(station)

    world.play(story)
    assert {each.resent_chunks for each in world.told} == {0}


def test_an_order_given_up_and_given_again_is_served() -> None:
    """What was declined as not asked for is welcome once it is asked for."""
    world = World(work=(transfer(0.5, "put", "a", 60 * CHUNK_BYTES), transfer(3.0, "get", "a")))

    async def story(world: World) -> None:
        assert (await world.ended("a", by=3.0)).state == "verified"
        await world.until(3.1)
        await world.kill("ground")
        spool, entry = await world.entry("get", "a")
        assert entry.state == "receiving"
        await spool.drop(entry)
        world.start("ground")  # the satellite still offers it, and the work list orders it anew
        world.told.clear()
        assert (await world.ended("a", by=10.0)).state == "verified"

    world.play(story)


def test_a_satellite_with_room_again_takes_what_it_declined() -> None:
    disk = SimulatedDisk(capacity=40 * CHUNK_BYTES)
    world = World(
        dark={"ground": [(4.0, 5.0)]},
        work=(transfer(0.5, "put", "big", 60 * CHUNK_BYTES),),
        disks={"ground": SimulatedDisk(), "iss": disk},
    )

    async def story(world: World) -> None:
        assert (await world.ended("big", by=4.0)).state == "failed"
        await world.until(4.5)
        disk.capacity = None
        await world.kill("ground")
        spool, entry = await world.entry("put", "big")
        incoming = spool.incoming("iss", "big", 0)
        async for piece in spool.pieces(entry, "content"):
            await incoming.write(piece)
        await spool.accept(incoming, await incoming.finish(), 4.5)
        world.start("ground")
        world.told.clear()
        assert (await world.ended("big", by=10.0)).state == "verified"

    world.play(story)


def test_a_fade_without_loss_of_lock_is_announced() -> None:
    """After the last acknowledgement nothing is journalled; that the file stands still is told too."""
    world = World(
        work=(transfer(0.5, "put", "a", 60 * CHUNK_BYTES),),
        erased=[(650, 6350)],
        dark={"ground": [(7.0, 8.0)]},
    )

    async def story(world: World) -> None:
        await world.until(6.9)
        told = [each for each in world.told if each.at_s > 0.65]
        assert told[0].rate_bps and told[0].done_bytes < told[-1].done_bytes + 1
        assert told[-1].rate_bps == 0.0 and told[-1].state == "sending"
        assert told[-1].sent_bytes >= told[-1].done_bytes > 0
        assert told[-1].at_s < 6.0, "what stands still is told once"
        assert all(later.at_s >= earlier.at_s + 0.99 for earlier, later in pairwise(told))
        assert (await world.ended("a", by=20.0)).state == "verified"

    world.play(story)


def test_of_two_files_of_one_name_that_come_at_once_one_is_refused() -> None:
    """Else its station would call verified what nobody can fetch by that name."""
    puts = [transfer(0.5, "put", "a", SIZE + n, station=name) for n, name in enumerate(("one", "two"))]
    world = World("one", "two", work=tuple(puts))

    async def story(world: World) -> None:
        ends = [await world.ended("a", node=name, by=10.0) for name in ("one", "two")]
        assert sorted(each.state for each in ends) == ["failed", "verified"]
        (problem,) = (each.problem for each in ends if each.state == "failed")
        assert problem == "the name is taken by another file"
        await world.until(world.clock.now() + 1.0)
        assert len(world.events("dropped")) == 1

    world.play(story)
