"""The Python client: what it imposes acts at once, all at one moment, and ends with its block or process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from doors import ROOT, eventually, exactly, server, sky
from live import DELAY_S, World, standing, trip_s, world

from linkemu.access.settings import Door
from linkemu.client import AsyncLink, Every, Link
from linkemu.errors import AbsentError, InputError, ResourceError, UnitError
from tests.waiting import moment

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def left_as_it_was(echoed: World):
    yield
    echoed.link.reset()


def delays_s(link: Link) -> tuple[float, float]:
    """Up and down, now."""
    (state,) = link.state()["links"]
    return state["up"]["delay_s"], state["down"]["delay_s"]


def now_s(link: Link) -> float:
    return float(link.state()["now_s"])


def settled(link: Link) -> None:
    """Return once the last change is in force."""
    at_s = max([each.start_s for each in link.overrides()] or [now_s(link) + 0.01])
    assert eventually(lambda: now_s(link) > at_s)


def test_what_is_set_replaces_what_was_set_and_nothing_is_the_sky(echoed):
    link = echoed.link
    link.set(delay="20 ms", rate="5 Mbit/s")
    link.set(delay="30 ms", direction="up")
    one = standing(link)[-1]
    assert one.effects == {"delay_ns": 30_000_000}
    link.set(delay=0.04)
    assert [each.effects for each in standing(link)] == [{"delay_ns": 40_000_000}]
    settled(link)
    assert delays_s(link) == (0.04, 0.04)
    assert link.set() is None
    assert standing(link) == []


def test_an_outage_holds_the_bytes_of_a_connection_and_ends_with_its_block(echoed):
    with echoed.connect() as client:
        trip_s(client)
        with echoed.link.outage(direction="up") as outage:
            settled(echoed.link)
            client.sendall(b"held")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
            (link,) = echoed.link.state()["links"]
            assert (link["up"]["rate_bps"], link["up"]["has_light"], link["down"]["has_light"]) == (
                0,
                False,
                True,
            )
        client.settimeout(20.0)
        assert exactly(client, 4) == b"held"
    assert outage.name not in [each.name for each in standing(echoed.link)]


def test_a_rate_is_set_above_the_skys_too(echoed):
    data = os.urandom(1 << 18)
    with echoed.connect() as client:
        for rate, least_s in (("4 Mbit/s", 0.52), ("1 Gbit/s", 0.0)):
            echoed.link.set(rate=rate)
            settled(echoed.link)
            sender = threading.Thread(target=client.sendall, args=(data,))
            begun_s = time.monotonic()
            sender.start()
            assert exactly(client, len(data)) == data
            assert time.monotonic() - begun_s >= least_s
            sender.join()


def test_an_exception_lifts_what_its_block_has_imposed(echoed):
    with pytest.raises(RuntimeError, match="client"), echoed.link.override(cap="1 Mbit/s"):
        assert len(standing(echoed.link)) == 1
        raise RuntimeError("the client under test failed")
    assert standing(echoed.link) == []


def test_a_block_of_a_link_ends_what_was_set_in_it(echoed):
    with Link(echoed.control.url, echoed.control.token, "ground:orbit") as link:
        link.set(delay="30 ms")
        link.impose(erasure=Every(10), duration="50 s")
        assert len(echoed.link.overrides()) == 2
    assert eventually(lambda: echoed.link.overrides() == [])


def test_a_killed_client_leaves_nothing_imposed(echoed, tmp_path):
    echoed.control.save(tmp_path / "control.json")
    code = (
        "import signal, sys; from linkemu.client import Link\n"
        "with Link.at(sys.argv[1]) as link, link.outage():\n"
        "    link.set(delay='30 ms'); print('imposed', flush=True); signal.pause()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "control.json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "imposed\n"
        assert len(echoed.link.overrides()) == 2
        process.send_signal(signal.SIGKILL)
        assert eventually(lambda: echoed.link.overrides() == [])
    finally:
        process.kill()
        process.communicate()


def test_a_batch_is_all_or_nothing(echoed):
    with echoed.link.batch() as batch:
        batch.impose(direction="up", cap="1 Mbit/s")
        batch.outage(direction="down", duration=0.5)
    assert len({each.start_s for each in batch.overrides}) == 1
    with pytest.raises(AbsentError), echoed.link.batch() as wrong:
        wrong.lift(batch.overrides[0])
        wrong.lift("nobody")
    assert batch.overrides[0] in echoed.link.overrides()
    with pytest.raises(ZeroDivisionError), echoed.link.batch() as unasked:
        unasked.outage()
        raise ZeroDivisionError
    with echoed.link.batch() as exchange:
        exchange.lift(batch.overrides[0])
        exchange.impose(delay="9 ms")
        exchange.enable("door", False)
    assert exchange.overrides[0] in echoed.link.overrides()
    assert echoed.link.doors()[0]["is_enabled"] is False
    with pytest.raises(ConnectionRefusedError):
        echoed.connect()


def test_events_tell_what_happens_in_order(echoed):
    with echoed.link.events("light", "override", "door") as events:
        with echoed.link.outage(direction="up", duration=0.2) as outage:
            seen = [next(events) for _ in range(4)]
        echoed.link.disable("door")
        seen.append(next(events))
    told = [(each["event"], each["what"]) for each in seen]
    assert sorted(told[:2]) == [("light", "ends"), ("override", "begins")]
    assert sorted(told[2:4]) == [("light", "begins"), ("override", "ends")]
    assert told[4] == ("door", "disabled")
    assert {each["at_s"] for each in seen[:2]} == {outage.start_s}
    assert {each["at_s"] for each in seen[2:4]} == {outage.end_s}


def test_connections_are_told_as_they_come_and_go(echoed):
    with echoed.link.events("connection") as events:
        with echoed.connect() as client:
            trip_s(client)
            opened = next(events)
            assert opened["peer"].endswith(f":{client.getsockname()[1]}")
            assert echoed.link.break_connections("door") == 1
        told = [opened, next(events), next(events)]
    assert [each["what"] for each in told] == ["opened", "reset", "closed"]
    assert len({each["number"] for each in told}) == 1


def test_a_reader_that_does_not_read_hurts_nobody(echoed):
    with socket.create_connection(("127.0.0.1", int(echoed.control.url.rpartition(":")[2]))) as deaf:
        request = (
            f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {echoed.control.token}\r\n\r\n"
        )
        deaf.sendall(request.encode())
        assert b"200" in deaf.recv(15)
        with echoed.link.events("override") as events:
            for _ in range(100):
                with echoed.link.override(cap="50 Mbit/s"):
                    assert next(events)["what"] == "begins"
                assert next(events)["what"] == "ends"
        assert echoed.ask("GET", "/v1/state")[0] == 200


def test_the_report_is_that_of_the_doors(echoed):
    with echoed.connect() as client:
        trip_s(client)
        (report,) = echoed.link.report()
    assert report["name"] == "door"
    assert report["ways"][0]["delivered_bytes"] >= 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, InputError),
        ({"rate": "fast"}, UnitError),
        ({"rate": -1}, InputError),
        ({"delay": "3"}, UnitError),
        ({"erasure": 1.5}, InputError),
        ({"erasure": Every(0)}, InputError),
        ({"speed": 1.0}, InputError),
        ({"corrupt": 0.5}, InputError),
        ({"cap": 1, "duration": -1.0}, InputError),
        ({"cap": 1, "direction": "left"}, InputError),
    ],
)
def test_wrong_words_are_refused(echoed, said, error):
    with pytest.raises(error):
        echoed.link.impose(**said)
    assert standing(echoed.link) == []


def test_wrong_addresses_tokens_and_files(echoed, tmp_path):
    with pytest.raises(InputError, match="token"):
        Link(echoed.control.url, "wrong").state()
    with pytest.raises(InputError, match="is not http"):
        Link("https://127.0.0.1:1", "")
    with pytest.raises(ResourceError, match="refused"):
        Link("http://127.0.0.1:1", "").state()
    with pytest.raises(InputError, match="No such file"):
        Link.at(tmp_path / "missing")
    (tmp_path / "wrong").write_text("[]")
    with pytest.raises(InputError, match="is no file of"):
        Link.at(tmp_path / "wrong")
    with pytest.raises(AbsentError, match="'a:b' is none of ground:orbit"):
        Link(echoed.control.url, echoed.control.token, "a:b").impose(cap=1)


async def test_blocks_under_asyncio(echoed):
    async with AsyncLink(echoed.control.url, echoed.control.token) as link:
        await link.set(delay="30 ms")
        async with link.outage():
            assert len(echoed.link.overrides()) == 2

        async def hang() -> None:
            async with link.override(cap="1 Mbit/s"):
                await asyncio.Event().wait()

        task = asyncio.create_task(hang())
        assert await asyncio.to_thread(eventually, lambda: len(echoed.link.overrides()) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len((await link.state())["overrides"]) == 1
        stream = link.events("door")
        first = asyncio.ensure_future(anext(stream))
        while not first.done():
            await link.enable("door", not (await link.state())["doors"][0]["is_enabled"])
        assert first.result()["event"] == "door"
        await stream.aclose()
    assert eventually(lambda: echoed.link.overrides() == [])


class Clocked:
    """Echoes nothing: notes when each 8-byte stamp of a sender has come, by CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, float]] = []  # sent, arrived

    def __call__(self, connection: socket.socket) -> None:
        while len(stamp := exactly(connection, 8)) == 8:
            self.heard.append((int.from_bytes(stamp, "big") / 1e9, time.monotonic()))


def test_a_change_acts_on_all_connections_of_all_doors_from_one_moment_on():
    """Whoever sends after the edge waits for the longer delay, in each door; before it, nobody does."""
    clocked, longer_s = Clocked(), 0.25
    with server(clocked) as far:
        doors = [Door(("127.0.0.1", 0), far.address, name=name) for name in ("one", "two")]
        with world(far.address, sky(10**8, DELAY_S), doors) as shared:
            assert shared.plane.zero_ns is not None
            clients = [shared.connect(name) for name in ("one", "one", "two", "two")]

            def send(times: int) -> None:
                begun_s = time.monotonic()
                for number in range(times):
                    moment(begun_s + number / 1000)
                    for client in clients:
                        client.sendall(time.monotonic_ns().to_bytes(8, "big"))

            send(100)
            made = shared.link.impose(direction="up", delay=longer_s)
            send(200)
            edge_s = shared.plane.zero_ns / 1e9 + made.start_s
            for client in clients:
                client.close()
            assert eventually(lambda: len(clocked.heard) == 300 * len(clients))
    after = [arrived - sent for sent, arrived in clocked.heard if sent >= edge_s]
    before = sorted(arrived - sent for sent, arrived in clocked.heard if sent < edge_s - 0.002)
    assert len(after) > 100
    assert min(after) >= longer_s
    assert len(before) > 100
    assert before[0] >= DELAY_S
    assert before[len(before) // 4] < longer_s  # late at most by the machine's doing
