"""What the Python client lets go of: refused changes, blocks that never began, streams being read."""

from __future__ import annotations

import asyncio
import threading

import pytest
from doors import eventually
from live import World, sockets, standing

from linkemu.client import AsyncLink, Every, Link
from linkemu.errors import AbsentError, InputError

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def left_as_it_was(echoed: World):
    yield
    echoed.link.reset()


def test_a_refused_change_leaves_what_was_set_and_the_next_one_replaces_it(echoed):
    echoed.link.set(cap="1 Mbit/s")
    with pytest.raises(InputError, match="no datagrams"):
        echoed.link.set(corrupt=0.5)
    assert [each.effects for each in standing(echoed.link)] == [{"rate_cap_bps": 10**6}]
    echoed.link.set(delay="20 ms")
    assert [each.effects for each in standing(echoed.link)] == [{"delay_ns": 20_000_000}]


def test_nothing_set_for_one_direction_leaves_the_other(echoed):
    echoed.link.set(direction="up", cap="1 Mbit/s")
    echoed.link.set(direction="down", cap="2 Mbit/s")
    assert echoed.link.set(direction="up") is None
    (left,) = standing(echoed.link)
    assert (left.directions, left.effects) == (("down",), {"rate_cap_bps": 2 * 10**6})


def test_one_direction_set_anew_leaves_the_other_as_both_were_set(echoed):
    link = echoed.link
    link.set(delay="20 ms", erasure=Every(7))
    up = link.set(direction="up", cap="1 Mbit/s")
    assert up is not None and (up.directions, up.effects) == (("up",), {"rate_cap_bps": 10**6})
    both = {"delay_ns": 20_000_000, "erase_slots": {"every": 7}}
    found = {each.directions: each.effects for each in standing(link)}
    assert found == {("up",): up.effects, ("down",): both}
    assert len({each.start_s for each in standing(link)}) == 1, "at one edge"
    assert link.set(direction="up") is None
    assert [(each.directions, each.effects) for each in standing(link)] == [(("down",), both)]
    link.set(direction="down", delay="30 ms")
    (down,) = standing(link)
    assert (down.directions, down.effects) == (("down",), {"delay_ns": 30_000_000})
    assert link.set() is None and standing(link) == []


def test_nothing_set_for_one_direction_after_both_ends_it_there_alone(echoed):
    echoed.link.set(cap="1 Mbit/s")
    assert echoed.link.set(direction="down") is None
    (left,) = standing(echoed.link)
    assert (left.directions, left.effects) == (("up",), {"rate_cap_bps": 10**6})


def test_a_block_that_was_refused_holds_no_lease(echoed):
    links = [Link(echoed.control.url, echoed.control.token) for _ in range(8)]
    for link in links:
        link.state()  # its connection stays
    before = len(sockets())
    for link in links:
        with pytest.raises(InputError, match="no datagrams"), link.override(corrupt=0.5):
            pass
    assert eventually(lambda: len(sockets()) <= before)
    for link in links:
        link.close()


def test_a_door_that_no_route_could_name_is_refused_and_all_others_can_be_named(echoed):
    host, port = echoed.far
    with pytest.raises(InputError, match="none of them /"):
        echoed.link.open_door("a/b", f"{host}:{port}")
    name = "a door? of #1 & 50%2F, é"
    echoed.link.open_door(name, f"{host}:{port}")
    echoed.link.disable(name)
    assert [each["is_enabled"] for each in echoed.link.doors() if each["name"] == name] == [False]
    assert echoed.link.connections(name) == []
    assert echoed.link.break_connections(name) == 0
    echoed.link.close_door(name)
    assert name not in [each["name"] for each in echoed.link.doors()]


def test_a_stream_ends_at_once_when_it_is_closed_while_a_thread_reads_it(echoed):
    events, heard = echoed.link.events("door"), threading.Event()
    told: list[str] = []

    def read() -> None:
        for event in events:
            told.append(event["what"])
            heard.set()

    reader = threading.Thread(target=read)
    reader.start()
    echoed.link.disable("door")
    assert heard.wait(20.0)
    events.close()  # nothing more happens that could wake the reader
    reader.join()
    assert told == ["disabled"]
    events.close()


async def test_a_task_that_reads_events_is_cancelled_without_waiting_for_one(echoed):
    link, heard = AsyncLink(echoed.control.url, echoed.control.token), asyncio.Event()

    async def read() -> None:
        async for _ in link.events("door"):
            heard.set()

    task = asyncio.create_task(read())
    while not heard.is_set():
        await link.enable("door", not (await link.state())["doors"][0]["is_enabled"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(link.link.close)


async def test_a_task_cancelled_while_its_block_begins_leaves_nothing_imposed(echoed):
    link = AsyncLink(echoed.control.url, echoed.control.token)

    async def hold() -> None:
        async with link.outage():
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.sleep(0)  # it has asked, and waits for the answer
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.get_running_loop().shutdown_default_executor()  # whatever a thread still does, it has done
    assert standing(echoed.link) == []
    link.link.close()


async def test_a_block_that_is_refused_says_so_under_asyncio(echoed):
    link = AsyncLink(echoed.control.url, echoed.control.token, "a:b")
    with pytest.raises(AbsentError, match="is none of"):
        async with link.outage():
            pytest.fail("it began")
    await asyncio.to_thread(link.link.close)
