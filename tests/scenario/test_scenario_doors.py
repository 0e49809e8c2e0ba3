"""The doors of a scenario: what they say, what stands for what they leave out, what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkemu.errors import ScenarioError
from linkemu.scenario import Door, load, loads
from tests import one_pass

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SKY = one_pass.text(75, 'http = "127.0.0.1:8080"\n')
SECOND = '[[station]]\nid = "second"\npreset = "nict-koganei"\nterminal = "ogs-illuma"\n'


def door(*lines: str, before: str = "") -> str:
    return SKY + before + "\n".join(("[[door]]", *lines))


def read(text: str) -> tuple[Door, ...]:
    return loads(text, CONFIGS / "doors-test.toml").doors


def test_a_door_needs_little():
    (one,) = read(door('id = "one"', 'to = "h:22"'))
    assert one == Door("one", "koganei", "iss", ("127.0.0.1", 0), ("h", 22), "tcp", "hold", 0.0, "client")


def test_a_door_may_say_everything():
    lines = (
        'id = "all"',
        'station = "second"',
        'satellite = "iss"',
        'listen = "[::1]:8080"',
        'to = "[::1]:1"',
    )
    more = ('protocol = "tcp"', 'outage = "reset:30s"', 'uplink = "server"')
    (one,) = read(door(*lines, *more, before=SECOND))
    assert one == Door("all", "second", "iss", ("::1", 8080), ("::1", 1), "tcp", "reset", 30.0, "server")


def test_those_that_travel_with_the_package():
    assert [(each.id, each.protocol, each.outage) for each in load(CONFIGS / "doors.toml").doors] == [
        ("shell", "tcp", "hold"),
        ("files", "tcp", "reset"),
        ("names", "udp", "hold"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (door('id = "a"'), "door[0].to", "is missing"),
        (door('to = "h:1"'), "door[0].id", "is missing"),
        (door('id = "a"', 'to = "h"'), "door[0].to", "expected an address and a port"),
        (door('id = "a"', 'to = "h:0"'), "door[0]", "to needs the port of a server"),
        (door('id = "a"', 'to = "h:1"', 'outage = "reset"'), "door[0].outage", 'expected "hold"'),
        (door('id = "a"', 'to = "h:1"', 'outage = "reset:3"'), "door[0].outage", "no unit"),
        (door('id = "a"', 'to = "h:1"', "outage = 3"), "door[0].outage", 'expected "hold"'),
        (
            door('id = "a"', 'to = "h:1"', 'outage = "arq"', 'protocol = "udp"'),
            "door[0]",
            "no meaning for datagrams",
        ),
        (door('id = "a"', 'to = "h:1"', 'protocol = "icmp"'), "door[0].protocol", "'tcp' or 'udp'"),
        (door('id = "a"', 'to = "h:1"', 'station = "kogane"'), "door[0].station", 'did you mean "koganei"?'),
        (door('id = "a"', 'to = "h:1"', before=SECOND), "door[0].station", "more than one station"),
        (
            door('id = "a"', 'to = "h:1"', 'listen = "127.0.0.1:8080"'),
            "door[0].listen",
            "is already the door of station[0]",
        ),
        (door('id = "a"', 'to = "h:1"') + "\n" + '[[door]]\nid = "a"\nto = "h:2"', "door[1].id", "already"),
        (door('id = "a"', 'to = "h:1"', "speed = 3"), "door[0].speed", "unknown key"),
    ],
)
def test_what_is_wrong_is_named(text, place, problem):
    with pytest.raises(ScenarioError) as told:
        read(text)
    ((where, said),) = told.value.problems
    assert where == place
    assert problem in said


def test_streams_and_datagrams_may_share_an_address():
    listen = 'listen = "127.0.0.1:5300"'
    one = door('id = "a"', 'to = "h:1"', listen)
    assert len(read(one + "\n" + f'[[door]]\nid = "b"\nto = "h:1"\nprotocol = "udp"\n{listen}')) == 2
