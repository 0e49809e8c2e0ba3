"""The UDP port on loopback: whole datagrams, the kernel's stamps, drops counted, addresses refused."""

from __future__ import annotations

import select
import socket
import time

import pytest

from linkemu.errors import ResourceError
from linkemu.runtime.udp import Port


def waiting(port: Port) -> list[tuple[bytes, tuple[str, int], int]]:
    select.select([port.socket], [], [], 5.0)
    return [(bytes(view), sender, stamp) for view, sender, stamp in port.batch(1000)]


def test_datagrams_come_whole_with_the_moment_of_their_arrival() -> None:
    here, there = Port(("127.0.0.1", 0)), Port(("127.0.0.1", 0))
    before = time.monotonic_ns()
    assert there.send(b"head", b"body" * 16_000, to=here.address)
    between = time.monotonic_ns()
    while time.monotonic_ns() < between + 4_000_000:
        pass
    assert there.send(b"", b"x", to=here.address)
    after = time.monotonic_ns()
    first, second = waiting(here)  # read together, and late: the stamps must not be
    assert first[0] == b"head" + b"body" * 16_000 and second[0] == b"x"
    assert first[1] == there.address
    assert before - 1_000_000 < first[2] < between + 1_000_000 < second[2] < after + 1_000_000
    here.close()
    there.close()


def test_what_the_kernel_drops_is_counted() -> None:
    here, there = Port(("127.0.0.1", 0)), Port(("127.0.0.1", 0))
    here.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sent = 100
    for _ in range(sent):
        there.send(bytes(60_000), to=here.address)
    got = len(waiting(here))
    there.send(b"one more: the count comes with it", to=here.address)
    got += len(waiting(here))
    assert 0 < got < sent and here.drops == sent + 1 - got
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
