"""Skipped time: only stretches in which nothing leaves or arrives, for streams and datagrams alike."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
import time

import pytest
from doors import eventually, exactly, server, sky
from live import DELAY_S, echo, world

from linkemu.access.settings import Door


def unheard(client: socket.socket) -> int:
    """How many bytes the kernel at the other end doesn't have yet: SIOCOUTQ of tcp(7)."""
    return int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def test_time_skips_to_any_moment_while_nothing_is_under_way():
    with server(echo) as far, world(far.address, sky(10**8, duration_s=1000.0)) as lit:
        begun_s = time.monotonic()
        assert lit.link.skip(400.0) == pytest.approx(400.0, abs=1e-6)
        assert 400.0 <= lit.link.state()["now_s"] < 410.0
        with lit.connect() as client:
            client.sendall(b"x")
            assert exactly(client, 1) == b"x"
            assert eventually(lambda: lit.link.skip(900.0) >= 900.0)
            client.sendall(b"y")
            assert exactly(client, 1) == b"y"
        assert lit.link.skip(5.0) >= 900.0  # time never goes back
        assert time.monotonic() - begun_s < 60.0


def test_bytes_that_wait_for_light_bound_what_is_skipped():
    played = sky(10**8, duration_s=1000.0, dark=[(1.0, 300.0)])
    with server(echo) as far, world(far.address, played) as dark, dark.connect() as client:
        client.sendall(b"a")
        assert exactly(client, 1) == b"a"
        assert eventually(lambda: dark.link.skip(2.0) >= 2.0)
        client.sendall(b"waits")
        assert eventually(lambda: not unheard(client))
        assert eventually(lambda: 299.9 < dark.link.skip(900.0) < 310.0)
        assert exactly(client, 5) == b"waits"  # and not before its light
        assert dark.link.state()["now_s"] >= 300.0 + 2 * DELAY_S


def test_before_the_first_byte_a_skip_moves_the_beginning():
    with server(echo) as far, world(far.address, anchor="first-byte") as still:
        assert still.link.skip(30.0) == 30.0
        assert [still.link.state()["now_s"] for _ in range(5)] == [30.0] * 5
        with still.connect() as client:
            client.sendall(b"x")
            assert exactly(client, 1) == b"x"
        assert 30.0 < still.link.state()["now_s"] < 50.0


def test_datagrams_that_wait_for_light_bound_it_too():
    played = sky(10**8, duration_s=100.0, dark=[(0.0, 50.0)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(20.0)
        door = Door(("127.0.0.1", 0), far.getsockname(), "udp")
        with (
            world(far.getsockname(), played, [door]) as dark,
            socket.socket(type=socket.SOCK_DGRAM) as client,
        ):
            assert dark.link.skip(45.0) >= 45.0
            client.sendto(b"hello", dark.plane.address)
            assert eventually(lambda: dark.link.report()[0]["ways"][0]["taken_bytes"] == len(b"hello"))
            assert eventually(lambda: dark.link.skip(90.0) < 60.0 and dark.link.skip(90.0) >= 49.9)
            assert far.recv(100) == b"hello"


@pytest.mark.parametrize("moment", [-1, True, "5", None, 1e12])
def test_what_is_no_moment_is_refused(echoed, moment):
    status, answer = echoed.ask("POST", "/v1/skip", {"until_s": moment})
    assert status == 400 and "until_s" in answer["error"]
