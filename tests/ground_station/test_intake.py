"""The HTTP door, by a real client over loopback against the nodes as shipped, on real files."""

import asyncio
import base64
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from linkemu.errors import ResourceError
from linkemu.runtime.disk import AioDisk
from linkemu.runtime.web import listen
from tests.small_tmpfs import small_tmpfs
from tests.two_nodes import World
from tests.waiting import until_async

CONTENT = os.urandom(3_000_001)


def world(root: Path, **more: Any) -> World:
    return World(disks={"ground": AioDisk(), "iss": AioDisk()}, root=root, **more)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a station that has light all the time."""
    async with world(tmp_path).live() as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
async def dark(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a station that has no light."""
    night = world(tmp_path, dark={"ground": [(0.0, 99.0)]})
    async with night.live() as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client


async def test_a_file_up_and_down_with_custody_at_each_step(client: httpx.AsyncClient) -> None:
    put = await client.put("/files/iss/dir/a%20b.bin", content=CONTENT, params={"priority": 3})
    assert put.status_code == 202
    assert put.json()["state"] == "spooled"
    assert put.json()["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    custody = (await client.get(put.headers["location"], params={"wait": 20})).json()
    assert (custody["state"], custody["done_bytes"]) == ("verified", len(CONTENT))
    assert list(custody["times"]) == ["spooled", "sending", "in orbit", "verified"]
    assert custody["times"]["spooled"]["utc"].startswith("2024-05-10T00:00:0")
    assert custody["priority"] == 3 and custody["name"] == "dir/a b.bin"
    asked = await client.get("/files/iss/dir/a%20b.bin")
    assert asked.status_code == 202 and asked.json()["action"] == "get"
    got = await client.get("/files/iss/dir/a%20b.bin", params={"wait": 20})
    assert got.status_code == 200 and got.content == CONTENT
    assert (
        got.headers["repr-digest"]
        == f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"
    )
    everything = (await client.get("/custody")).json()["custody"]
    assert [each["state"] for each in everything] == ["verified", "verified"]


async def test_ranges_and_head(client: httpx.AsyncClient) -> None:
    put = await client.put("/files/iss/r", content=CONTENT)
    assert (await client.head("/files/iss/r")).status_code == 404  # HEAD orders nothing
    await client.get(put.headers["location"], params={"wait": 20})
    got = await client.get("/files/iss/r", params={"wait": 20})
    assert got.status_code == 200, got.text
    assert got.headers["accept-ranges"] == "bytes"
    part = await client.get("/files/iss/r", headers={"Range": "bytes=1000000-1000009"})
    assert (part.status_code, part.content) == (206, CONTENT[1000000:1000010])
    assert part.headers["content-range"] == f"bytes 1000000-1000009/{len(CONTENT)}"
    tail = await client.get("/files/iss/r", headers={"Range": "bytes=-5"})
    assert (tail.status_code, tail.content) == (206, CONTENT[-5:])
    beyond = await client.get("/files/iss/r", headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == 416
    head = await client.head("/files/iss/r")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
    stale = await client.get("/files/iss/r", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, CONTENT)
    fresh = await client.get("/files/iss/r", headers={"Range": "bytes=0-9", "If-Range": head.headers["etag"]})
    assert fresh.status_code == 206


async def test_a_download_again_is_served_from_the_station_unless_wanted_anew(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    put = await client.put("/files/iss/x", content=CONTENT)
    await client.get(put.headers["location"], params={"wait": 20})
    for _ in range(2):
        got = await client.get("/files/iss/x", params={"wait": 20})
        assert got.content == CONTENT
    first = (await client.get(got.headers["location"])).json()["times"]
    again = await client.get("/files/iss/x", params={"wait": 20}, headers={"Cache-Control": "no-cache"})
    assert again.status_code == 200 and again.content == CONTENT
    assert (await client.get(got.headers["location"])).json()["times"]["requested"] != first["requested"]
    (fetched,) = (tmp_path / "ground" / "spool").glob("*.fetched")
    fetched.unlink()
    found = await client.get("/files/iss/x", params={"wait": 20})
    assert found.status_code == 200 and found.content == CONTENT


async def test_the_catalogue_lists_what_is_in_orbit(client: httpx.AsyncClient) -> None:
    for name in ("one", "two"):
        put = await client.put(f"/files/iss/{name}", content=name.encode())
        await client.get(put.headers["location"], params={"wait": 20})
        got = await client.get("/files/iss/.catalogue", params={"wait": 20})
        assert got.status_code == 200, got.text
    rows = got.json()["files"]
    assert [(row["name"], row["size"]) for row in rows] == [("one", 3), ("two", 3)]
    assert rows[0]["sha256"] == hashlib.sha256(b"one").hexdigest()


async def test_what_is_not_in_orbit_is_404_and_asked_for_anew(client: httpx.AsyncClient) -> None:
    got = await client.get("/files/iss/later", params={"wait": 20})
    assert (got.status_code, got.json()["error"]) == (404, "no such file in orbit")
    put = await client.put("/files/iss/later", content=b"now")
    await client.get(put.headers["location"], params={"wait": 20})
    got = await client.get("/files/iss/later", params={"wait": 20})
    assert (got.status_code, got.content) == (200, b"now")


async def test_a_polling_client_hears_of_a_failure_once(client: httpx.AsyncClient) -> None:
    asked = await client.get("/files/iss/none")
    assert asked.status_code == 202
    await client.get(asked.headers["location"], params={"wait": 20})
    assert (await client.get("/files/iss/none")).status_code == 404
    assert (await client.get("/files/iss/none")).status_code == 202


async def test_one_name_one_content(dark: httpx.AsyncClient, tmp_path: Path) -> None:
    first = await dark.put("/files/iss/n", content=b"one")
    again = await dark.put("/files/iss/n", content=b"one")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = await dark.put("/files/iss/n", content=b"two")
    assert other.status_code == 409
    assert other.headers["location"] == first.headers["location"]
    assert list((tmp_path / "ground" / "spool").glob("*.draft")) == []
    assert (await dark.delete(first.headers["location"])).status_code == 204
    assert (await dark.get(first.headers["location"])).status_code == 404
    assert (await dark.put("/files/iss/n", content=b"two")).status_code == 202


async def test_bad_requests_are_told_in_one_line(dark: httpx.AsyncClient) -> None:
    async def chunked() -> AsyncIterator[bytes]:
        yield b"x"

    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    right = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    answers = [
        (411, await dark.put("/files/iss/a", content=chunked())),
        (404, await dark.put("/files/mir/a", content=b"x")),
        (404, await dark.get("/files/mir/a")),
        (404, await dark.get("/custody/none")),
        (400, await dark.put("/files/iss/a", content=b"x", params={"priority": "256"})),
        (400, await dark.put("/files/iss/a", content=b"x", params={"priority": "-1"})),
        (400, await dark.put("/files/iss/" + "n" * 1025, content=b"x")),
        (400, await dark.put("/files/iss/a%07b", content=b"x")),
        (400, await dark.put("/files/iss/.catalogue", content=b"x")),
        (400, await dark.get("/files/iss/a", params={"wait": "nan"})),
        (400, await dark.put("/files/iss/a", content=b"x", headers={"Content-Digest": f"sha-256=:{wrong}:"})),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        assert "\n" not in answer.json()["error"]
    assert (await dark.get("/custody")).json() == {"custody": []}
    good = await dark.put("/files/iss/a", content=b"x", headers={"Content-Digest": f"sha-256=:{right}:"})
    assert good.status_code == 202


async def test_too_large_is_refused_before_the_body(dark: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection(dark.base_url.host, dark.base_url.port)
    writer.write(b"PUT /files/iss/a HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_an_upload_cut_in_the_middle_leaves_nothing(dark: httpx.AsyncClient, tmp_path: Path) -> None:
    _, writer = await asyncio.open_connection(dark.base_url.host, dark.base_url.port)
    writer.write(
        b"PUT /files/iss/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + bytes(3_000_000)
    )
    await writer.drain()
    spool = tmp_path / "ground" / "spool"
    await until_async(lambda: bool(list(spool.glob("*.draft"))))
    writer.close()
    await until_async(lambda: not list(spool.glob("*.draft")))
    assert [path.name for path in spool.iterdir()] == ["journal"]
    assert (await dark.get("/custody")).json() == {"custody": []}


async def test_a_file_put_in_the_dark_waits_and_survives_a_restart(tmp_path: Path) -> None:
    night = world(tmp_path, dark={"ground": [(0.0, 1.0)]})
    async with night.live() as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            put = await client.put("/files/iss/w", content=CONTENT)
            assert put.status_code == 202
            assert put.json()["next_window"]["expected_bytes"] > 0
            station = (await client.get("/")).json()
            assert (station["station"], station["links"][0]["light"]) == ("ground", False)
        await night.kill("ground")
        night.start("ground")
        async with httpx.AsyncClient(base_url=await night.door(), timeout=30) as client:
            custody = (await client.get(put.headers["location"], params={"wait": 20})).json()
            assert custody["state"] == "verified"
            assert custody["times"]["sending"]["scenario_s"] >= 1.0


async def test_a_full_disk_is_507_and_nothing_is_lost(tmp_path: Path) -> None:
    station = tmp_path / "ground"
    station.mkdir()
    with small_tmpfs(station, "1m"):
        night = world(tmp_path, dark={"ground": [(0.0, 99.0)]})
        async with night.live() as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
            kept = await client.put("/files/iss/kept", content=CONTENT[:300_000])
            assert kept.status_code == 202
            full = await client.put("/files/iss/big", content=CONTENT)
            assert full.status_code == 507
            assert "no space left" in full.json()["error"]
            small = await client.put("/files/iss/small", content=CONTENT[:300_000])
            assert small.status_code == 202
            names = [each["name"] for each in (await client.get("/custody")).json()["custody"]]
            assert names == ["kept", "small"]


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ResourceError, match=r"http door 127\.0\.0\.1:\d+: Address already in use"):
            listen(taken.getsockname(), "http door")


async def test_a_download_that_has_not_its_name_yet_is_neither_served_nor_ordered_again(
    tmp_path: Path,
) -> None:
    """It is verified when the journal says so; its file is renamed after that."""
    reached, may_go_on, named = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Waiting(AioDisk):
        async def replace(self, source: Path, target: Path) -> None:
            if target.suffix == ".fetched":
                reached.set()
                await may_go_on.wait()
            await super().replace(source, target)
            if target.suffix == ".fetched":
                named.set()

    nodes = World(disks={"ground": Waiting(), "iss": AioDisk()}, root=tmp_path)
    async with nodes.live() as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        put = await client.put("/files/iss/a", content=b"content")
        await client.get(put.headers["location"], params={"wait": 20})
        assert (await client.get("/files/iss/a")).status_code == 202
        await asyncio.wait_for(reached.wait(), 20)
        early = await client.get("/files/iss/a")
        assert (early.status_code, early.json()["state"]) == (202, "verified")
        assert (await client.head("/files/iss/a")).status_code == 202
        may_go_on.set()
        await asyncio.wait_for(named.wait(), 20)
        assert (await client.get("/files/iss/a")).content == b"content"
        await until_async(lambda: nodes.events("delivered"))  # the satellite has heard of it
    assert len(nodes.events("delivered")) == 1
