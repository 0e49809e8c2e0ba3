"""Our end of the control channel against a data plane played by hand: answers, refusals, events, its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from linkemu.access.line import Line
from linkemu.control.feed import Feed
from linkemu.control.wire import Wire
from linkemu.errors import AbsentError, InputError, ResourceError

Ends = tuple[Wire, Line, socket.socket]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """The wire, and the desk's end."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    yield wire, Line(theirs), ours
    wire.close()
    theirs.close()


async def heard(desk: Line, count: int = 1) -> list[dict[str, object]]:
    """What the desk is asked next."""
    asked: list[dict[str, object]] = []
    while len(asked) < count:
        asked += desk.read()
        await asyncio.sleep(0)
    return asked


async def test_each_question_gets_its_own_answer_in_any_order(ends: Ends) -> None:
    wire, desk, _ = ends
    asking = [asyncio.create_task(wire.ask("look", at=place)) for place in ("a", "b")]
    first, second = await heard(desk, 2)
    assert (first["do"], first["at"], second["at"]) == ("look", "a", "b")
    desk.write({"id": 99, "done": "nobody asked"})
    desk.write({"id": second["id"], "done": "B"})
    desk.write({"id": second["id"], "done": "again"})
    desk.write({"id": first["id"], "done": None})
    assert await asyncio.gather(*asking) == [None, "B"]


@pytest.mark.parametrize(
    ("blame", "error"),
    [({"blame": "absent"}, AbsentError), ({"blame": "resource"}, ResourceError), ({}, InputError)],
)
async def test_a_refusal_is_the_error_that_it_was(ends: Ends, blame, error) -> None:
    wire, desk, _ = ends
    for ask in (wire.ask, wire.ask_while_there):
        asking = asyncio.create_task(ask("open"))
        (asked,) = await heard(desk)
        desk.write({"id": asked["id"], "refused": "door a: b: c", **blame})
        with pytest.raises(error, match="door a: b: c") as raised:
            await asking
        assert type(raised.value) is error and str(raised.value) == "door a: b: c"


async def test_who_waits_is_told_when_the_data_plane_ends_and_nobody_waits_again(ends: Ends) -> None:
    wire, desk, ours = ends
    asking = [asyncio.create_task(ask("state")) for ask in (wire.ask, wire.ask_while_there)]
    await heard(desk, 2)
    desk.close()
    with pytest.raises(ResourceError, match="data plane: has ended"):
        await asking[0]
    assert await asking[1] is None
    assert wire.gone.is_set()
    assert ours.fileno() == -1
    with pytest.raises(ResourceError, match="data plane: has ended"):
        await wire.ask("state")
    assert await wire.ask_while_there("state") is None


async def test_nonsense_ends_it_like_a_death(ends: Ends) -> None:
    wire, desk, ours = ends
    asking = asyncio.create_task(wire.ask("state"))
    await heard(desk)
    desk._end.sendall(b"[1]\n")
    with pytest.raises(ResourceError, match="data plane: has ended"):
        await asking
    assert wire.gone.is_set() and ours.fileno() == -1


async def test_closing_tells_those_who_wait_and_is_done_once(ends: Ends) -> None:
    wire, desk, ours = ends
    asking = asyncio.create_task(wire.ask("state"))
    await heard(desk)
    wire.close()
    wire.close()
    with pytest.raises(ResourceError, match="data plane: has ended"):
        await asking
    assert ours.fileno() == -1


async def test_events_are_heard_from_the_asking_on_and_no_longer_than_asked(ends: Ends) -> None:
    wire, desk, _ = ends
    told: list[dict[str, object]] = []
    for hearing, on in ((None, False), (told.append, True), (None, False)):
        listening = asyncio.create_task(wire.hear(hearing))
        (asked,) = await heard(desk)
        assert (asked["do"], asked["on"]) == ("listen", on)
        desk.write({"id": asked["id"], "done": None})
        await listening
        desk.write({"event": f"while {on}"})
        asking = asyncio.create_task(wire.ask("state"))
        (asked,) = await heard(desk)
        desk.write({"id": asked["id"], "done": None})
        await asking  # what came before the answer has been heard
    assert told == [{"event": "while True"}]


async def test_a_reader_of_events_who_was_refused_is_none_and_the_next_one_asks_again(ends: Ends) -> None:
    wire, desk, _ = ends
    feed = Feed(wire)
    opening = asyncio.create_task(feed.open())
    (asked,) = await heard(desk)
    desk.write({"id": asked["id"], "refused": "events: not now", "blame": "resource"})
    with pytest.raises(ResourceError, match="not now"):
        await opening
    opening = asyncio.create_task(feed.open())
    (asked,) = await heard(desk)
    assert (asked["do"], asked["on"]) == ("listen", True)
    desk.write({"id": asked["id"], "done": None})
    desk.write({"event": "light"})
    assert await (await opening).next() == {"event": "light"}


async def test_a_question_that_the_socket_does_not_take_at_once_arrives_whole(ends: Ends) -> None:
    wire, desk, _ = ends
    asking = [asyncio.create_task(wire.ask("say", text=letter * 400_000)) for letter in "abc"]
    await asyncio.sleep(0)  # all three are asked, and nobody has read yet
    asked = await heard(desk, 3)
    assert [str(each["text"]) for each in asked] == [letter * 400_000 for letter in "abc"]
    for each in asked:
        desk.write({"id": each["id"], "done": each["id"]})
    assert await asyncio.gather(*asking) == [each["id"] for each in asked]
    again = asyncio.create_task(wire.ask("more"))
    (more,) = await heard(desk)
    desk.write({"id": more["id"], "done": 1})
    assert await again == 1
