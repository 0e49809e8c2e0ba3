"""The UDP port on loopback: whole datagrams, the kernel's stamps, drops counted, addresses refused."""

from __future__ import annotations

import select
import socket
import time

import pytest

from linkemu.errors import ResourceError
from linkemu.runtime.udp import Port
from tests.waiting import moment, until


def waiting(port: Port) -> list[tuple[bytes, tuple[str, int], int]]:
    select.select([port.socket], [], [], 60.0)
    return [(bytes(view), sender, stamp) for view, sender, stamp in port.batch(1000)]


def test_datagrams_come_whole_with_the_moment_of_their_arrival() -> None:
    """The kernel may be late to bring them, but has brought the first when its socket is ready."""
    here, there = Port(("127.0.0.1", 0)), Port(("127.0.0.1", 0))
    before = time.monotonic_ns()
    assert there.send(b"head", b"body" * 16_000, to=here.address)
    select.select([here.socket], [], [], 60.0)
    arrived = time.monotonic_ns()
    moment(arrived / 1e9 + 0.02)
    between = time.monotonic_ns()
    assert there.send(b"", b"x", to=here.address)
    got = []
    while len(got) < 2:
        got += waiting(here)
    first, second = got  # read late, and often together: the stamps must not be
    assert first[0] == b"head" + b"body" * 16_000 and second[0] == b"x"
    assert first[1] == there.address
    assert before - 1_000_000 < first[2] < arrived + 1_000_000
    assert between - 1_000_000 < second[2] < time.monotonic_ns() + 1_000_000
    here.close()
    there.close()


def test_what_the_kernel_drops_is_counted() -> None:
    here, there = Port(("127.0.0.1", 0)), Port(("127.0.0.1", 0))
    here.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sent = sum(there.send(bytes(60_000), to=here.address) for _ in range(100))
    got = len(waiting(here))

    def all_are_told() -> bool:
        nonlocal sent, got
        sent += there.send(b"one more: the count comes with it", to=here.address)
        got += len(waiting(here))
        return here.drops == sent - got

    until(all_are_told)
    assert 0 < here.drops < sent
    here.close()
    there.close()


def test_nobody_there_is_a_lost_datagram_and_no_error() -> None:
    gone = Port(("127.0.0.1", 0))
    address = gone.address
    gone.close()
    port = Port(("127.0.0.1", 0), peer=address)
    port.send(b"into the void")
    select.select([port.socket], [], [], 1.0)
    assert port.send(b"again") in (True, False)
    assert list(port.batch(10)) == []
    port.close()


def test_an_address_that_is_taken_or_not_ours() -> None:
    port = Port(("127.0.0.1", 0))
    with pytest.raises(ResourceError, match=f"udp 127.0.0.1:{port.address[1]}: .*in use"):
        Port(port.address)
    with pytest.raises(ResourceError, match=r"udp 192\.0\.2\.1:9"):
        Port(("192.0.2.1", 9))
    port.close()
