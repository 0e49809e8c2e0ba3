"""Downloads that share chunks: what counts as durable lies in every file that wants it."""

from pathlib import Path

from ground_station.landing import Landings
from ground_station.spool import Spool
from linkemu.campaign.disk import SimulatedDisk
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest

ROOT = Path("/station")
SHARED, OWN = b"s" * 1000, b"o" * 1000
ONE = Manifest.of("one", SHARED, 1000)
TWO = Manifest.of("two", OWN + SHARED, 1000)
CHUNK = ONE.chunks[0]


async def station(disk: SimulatedDisk) -> tuple[Spool, Holdings, Landings]:
    spool, holdings = await Spool.open(disk, ROOT, 1000), Holdings()
    return spool, holdings, Landings(spool, holdings)


async def test_a_chunk_of_a_download_that_ended_is_copied_into_the_next() -> None:
    disk = SimulatedDisk()
    spool, holdings, landings = await station(disk)
    one = await spool.request("iss", "one", 0, 1.0)
    await landings.begin(one, ONE, 1.0)
    assert await landings.land({CHUNK: SHARED}) == {CHUNK}
    holdings.stored(CHUNK)
    assert await landings.verify(one, ONE, 2.0) is True
    two = await spool.request("iss", "two", 0, 3.0)
    await landings.begin(two, TWO, 3.0)
    assert two.held == {1}
    assert await disk.read(spool.path(two, "part"), 1000) == SHARED
    assert await landings.verify(two, TWO, 4.0) is None, "a chunk is missing"
    await landings.land({TWO.chunks[0]: OWN})
    assert await landings.verify(two, TWO, 5.0) is True
    assert await disk.read(spool.path(two, "fetched")) == OWN + SHARED


async def test_a_chunk_that_only_a_forgotten_download_had_is_stated_no_more() -> None:
    spool, holdings, landings = await station(SimulatedDisk())
    for name, manifest in (("one", ONE), ("two", TWO)):
        await landings.begin(await spool.request("iss", name, 0, 1.0), manifest, 1.0)
    await landings.land({CHUNK: SHARED, TWO.chunks[0]: OWN})
    for chunk in TWO.chunks:
        holdings.stored(chunk)
    two = spool.ledger.find("get", "iss", "two")
    assert two is not None
    landings.forget(two)
    assert (holdings.has(CHUNK), holdings.has(TWO.chunks[0])) == (True, False)


async def test_a_download_goes_on_after_a_restart_with_what_has_landed() -> None:
    disk = SimulatedDisk()
    spool, _, landings = await station(disk)
    await landings.begin(await spool.request("iss", "two", 0, 1.0), TWO, 1.0)
    await landings.land({CHUNK: SHARED})
    disk.reboot()
    spool, holdings, landings = await station(disk)
    landings.reload()
    assert holdings.missing(TWO.file_id) == [0]


async def test_one_file_of_two_satellites_is_two_downloads() -> None:
    spool, _, landings = await station(SimulatedDisk())
    entries = [await spool.request(satellite, "one", 0, 1.0) for satellite in ("iss", "css")]
    for entry in entries:
        await landings.begin(entry, ONE, 1.0)
    for entry in entries:
        assert landings.find(entry.satellite, ONE.file_id) == (entry, ONE)
    assert landings.find("hst", ONE.file_id) is None
