"""Faults that a sky's schedule foresees, at a door and on the link behind it, with real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from linkemu.access.scheduled import Scheduled
from linkemu.link.overlay import Overlay, Pick
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.schedule import DoorFault, Schedule
from tests.access.doors import door, sky

pytestmark = pytest.mark.acceptance
S = 10**9
UP, DOWN = (0, Direction.UP), (0, Direction.DOWN)


def scheduled(*doors: DoorFault, overlays: tuple[tuple[tuple[int, Direction], Overlay], ...] = ()) -> Sky:
    return Schedule(overlays, doors=doors).put_into(sky(50_000_000, 0.005, 30.0))


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that gives back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(client: socket.socket) -> None:
            with client, suppress(OSError):
                while data := client.recv(65536):
                    client.sendall(data)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)


def asked(client: socket.socket, data: bytes = b"ping") -> bytes:
    client.sendall(data)
    return client.recv(65536)


def test_a_door_refuses_for_its_time_and_resets_what_is_there(tmp_path: Path, echo: tuple[str, int]) -> None:
    with door(tmp_path, scheduled(DoorFault("door", "refuse", S, 2 * S)), echo) as proxy:
        with proxy.connect() as client:
            assert asked(client) == b"ping"
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            assert proxy.now_s() >= 1.0
        with pytest.raises(ConnectionError):
            proxy.connect()
        assert proxy.now_s() < 2.0
        proxy.until(2.0)
        while True:
            with suppress(ConnectionError), proxy.connect() as client:
                assert asked(client) == b"ping"
                break


def test_a_stream_is_reset_in_its_middle_and_the_next_one_goes_on(
    tmp_path: Path, echo: tuple[str, int]
) -> None:
    with door(tmp_path, scheduled(DoorFault("door", "reset", S)), echo) as proxy:
        with proxy.connect() as client:
            assert asked(client) == b"ping"
            with pytest.raises(ConnectionError):
                while True:
                    assert asked(client) == b"ping"
            assert proxy.now_s() >= 1.0
        with proxy.connect() as client:
            assert asked(client) == b"ping"
        assert proxy.finish().reset == 1


def test_the_far_side_forgets_and_the_client_finds_out_when_it_sends(
    tmp_path: Path, echo: tuple[str, int]
) -> None:
    with (
        door(tmp_path, scheduled(DoorFault("door", "half-open", S)), echo) as proxy,
        proxy.connect() as client,
    ):
        assert asked(client) == b"ping"
        client.settimeout(max(0.1, 2.5 - proxy.now_s()))  # the door had time to forget it
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(10.0)
        client.sendall(b"anybody there?")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_overlays_of_the_schedule_stand_from_the_beginning(tmp_path: Path, echo: tuple[str, int]) -> None:
    far = scheduled(overlays=((UP, Overlay(0, None, "far", delay_ns=200_000_000)),))
    with door(tmp_path, far, echo) as proxy, proxy.connect() as client:
        asked(client)
        began = time.monotonic()
        assert asked(client) == b"ping"
        assert time.monotonic() - began >= 0.205


def test_datagrams_meet_what_streams_are_spared(tmp_path: Path) -> None:
    twice = scheduled(overlays=((UP, Overlay(0, None, "twice", duplicate=Pick(2))),))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10.0)
        with door(tmp_path, twice, server.getsockname(), udp=True) as proxy:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(proxy.address)
                for number in range(4):
                    client.send(b"%d" % number)
                got = [server.recv(100) for _ in range(6)]
            assert got == [b"0", b"1", b"1", b"2", b"3", b"3"]


def test_play_that_begins_later_takes_up_only_what_still_holds() -> None:
    faults = [
        DoorFault("a", "reset", 1 * S),
        DoorFault("a", "refuse", 1 * S, 9 * S),
        DoorFault("a", "refuse", 1 * S, 2 * S),
        DoorFault("a", "half-open", 7 * S),
    ]
    plan = Scheduled(faults, 5 * S)
    times = []
    next_ns = plan.act(0, lambda name: None)
    while next_ns is not None:
        times.append(next_ns // S)
        next_ns = plan.act(next_ns, lambda name: None)
    assert times == [1, 7, 9]
