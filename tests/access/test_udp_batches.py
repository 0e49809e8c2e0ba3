"""Many datagrams at once, on real sockets: none is changed, split or joined, whatever came together."""

from __future__ import annotations

import socket
import struct
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from doors import door, eventually, least, sky
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.access.intake import Intake, join_segments, peer
from linkemu.access.mail import Mail, Trays
from linkemu.access.outlet import post
from linkemu.access.udp import Client
from linkemu.link.lane import Lane
from linkemu.link.timeline import constant
from linkemu.machine import Direction
from linkemu.runtime.udp import Port
from tests.waiting import moment, until

UDP_SEGMENT = 103  # linux/udp.h
SO_MEMINFO = 55  # asm-generic/socket.h
HOSTS = ["127.0.0.1", "::1"]


def bound(host: str = "127.0.0.1") -> socket.socket:
    end = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    end.bind((host, 0))
    end.settimeout(60.0)
    return end


def put(near: socket.socket, datagram: bytes, port: Port) -> None:
    """Send it, and wait until it lies before the port: the kernel may bring it later, from another task."""
    before = waiting(port)
    near.sendto(datagram, port.address)
    until(lambda: waiting(port) > before)


def waiting(port: Port) -> int:
    """What unread datagrams take of the kernel's memory."""
    return int(struct.unpack_from("@I", port.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 64))[0])


def body(number: int, size: int) -> bytes:
    return (number.to_bytes(4) * (size // 4 + 1))[:size]


@given(
    sizes=st.lists(st.one_of(st.just(1200), st.integers(0, 9000)), min_size=1, max_size=60),
    senders=st.lists(st.integers(0, 2), min_size=60, max_size=60),
    lost=st.sets(st.integers(0, 59)),
    host=st.sampled_from(HOSTS),
)
@settings(deadline=None, max_examples=60)
def test_what_comes_in_goes_out(sizes, senders, lost, host):
    """Through intake, mail and outlet: bytes, bounds, senders and order are kept; stamps don't run ahead."""
    nears = [bound(host) for _ in range(3)]
    with bound(host) as far, bound(host) as out:
        port = Port((host, 0))
        for number, size in enumerate(sizes):
            put(nears[senders[number]], body(number, size), port)
        catch = Intake().take(port.socket.fileno())
        after_ns = time.monotonic_ns()
        assert catch is not None and len(catch.sizes) == len(sizes)
        assert catch.stamps_ns.max() <= after_ns and catch.stamps_ns.min() > after_ns - 10**10
        names = [peer(name.tobytes())[:2] for name in catch.names]
        assert names == [nears[senders[number]].getsockname()[:2] for number in range(len(sizes))]
        owners = [Client.__new__(Client) for _ in range(3)]
        mail = Mail(catch, [owners[senders[number]] for number in range(len(sizes))], Trays())
        mask = np.array([number in lost for number in range(len(sizes))])
        kept = [number for number in range(len(sizes)) if number not in lost]
        runs = mail.runs(np.arange(len(sizes)), mask)
        assert [row + k for row, count in runs for k in range(count)] == kept
        for row, count in runs:
            assert {mail.owner(row + k) for k in range(count)} == {owners[senders[row]]}
            assert post(out, mail.bytes_of(row, count), count, far.getsockname()) == 0
        assert [far.recv(65536) for _ in kept] == [body(number, sizes[number]) for number in kept]
        assert all(mail.datagram(number) == body(number, sizes[number]) for number in range(len(sizes)))
        port.close()
    for near in nears:
        near.close()


@pytest.mark.parametrize("sizes", [[40, 60, 60, 0], [40, 5_000, 3_000, 60]])
def test_who_is_turned_away_takes_nothing_of_others_along(sizes):
    port = Port(("127.0.0.1", 0))
    with bound() as near, bound() as stranger:
        for number, size in enumerate(sizes):
            put(stranger if number == 1 else near, body(number, size), port)
        catch = Intake().take(port.socket.fileno())
        known = (catch.names == catch.names[0]).all(axis=1)
        assert known.tolist() == [True, False, True, True]
        rest = catch.only(known)
        mail = Mail(rest, [Client.__new__(Client)], Trays())
        kept = [0, 2, 3]
        assert [mail.datagram(row) for row in range(3)] == [body(each, sizes[each]) for each in kept]
        assert rest.stamps_ns.tolist() == [catch.stamps_ns[each] for each in kept]
        assert {peer(name.tobytes()) for name in rest.names} == {near.getsockname()}
    port.close()


@pytest.mark.parametrize("host", HOSTS)
def test_what_was_sent_in_one_piece_is_told_apart(tmp_path, host):
    """A client with segmentation offload (QUIC): its datagrams come joined, and leave as they are."""
    with bound(host) as far, bound(host) as near:
        to = far.getsockname()[:2]
        with door(tmp_path, sky(10**9), to, udp=True, listen=(host, 0)) as way:
            sent = []
            for number, (size, count) in enumerate([(1200, 40), (100, 7), (1452, 1), (9000, 7), (1, 64)]):
                block = b"".join(body(100 * number + k, size) for k in range(count)) + b"end"[: size - 1]
                sent += [block[at : at + size] for at in range(0, len(block), size)]
                cut = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("@H", size))]
                near.sendmsg([block], cut, 0, way.address)
            assert [far.recv(65536) for _ in sent] == sent
            assert way.finish().ways[0].delivered_bytes == sum(map(len, sent))


def test_datagrams_as_long_as_there_are_go_both_ways(tmp_path):
    with bound() as far, bound() as near, door(tmp_path, sky(10**9), far.getsockname(), udp=True) as way:
        for size in (65507, 0, 65507, 1, 30_000):
            near.sendto(body(7, size), way.address)
            data, client = far.recvfrom(65536)
            assert data == body(7, size)
            far.sendto(data[::-1], client)
            assert near.recv(65536) == data[::-1]


def test_a_saturated_link_carries_its_rate_and_drops_what_a_lane_would(tmp_path):
    """Four times what fits: the report's figures are those of a lane that is offered the same."""

    def error() -> float:
        dropped, refused = flooded(tmp_path)
        return abs(dropped / refused - 1)

    assert least(error, 0.02) <= 0.02


def flooded(room: Path) -> tuple[int, int]:
    """How many a door has dropped, and a lane that was offered the same."""
    rate_bps, size, count = 40_000_000, 1000, 10_000
    offered_s, got = [], []
    with (
        bound() as far,
        bound() as near,
        door(room, sky(rate_bps), far.getsockname(), udp=True, queue_bytes=100_000) as way,
    ):
        begun_s = time.monotonic()
        for number in range(count):
            near.sendto(body(number, size), way.address)
            offered_s.append(time.monotonic() - begun_s)
            if number % 20 == 0:
                moment(begun_s + number / count * 0.5)
        far.settimeout(2.0)
        with pytest.raises(TimeoutError):
            while True:
                got.append(int.from_bytes(far.recv(2000)[:4]))
        report = way.finish()
    up = report.ways[0]
    assert all(a < b for a, b in pairwise(got))
    assert len(got) + up.dropped == count
    lane = Lane(constant("g", "s", Direction.UP, rate_bps, 0.005, 60.0), queue_bytes=100_000)
    for part in np.split((np.array(offered_s) * 1e9).astype(np.int64), 100):
        lane.offer_many(Same(size, len(part)), part)
    assert up.requested_delay_s == (0.005, 0.005)
    return up.dropped, lane.counters.refused


class Same:
    """A sheaf of equal datagrams."""

    def __init__(self, size: int, count: int) -> None:
        self.sizes = np.full(count, size)

    def datagram(self, row: int) -> bytes:
        return bytes(int(self.sizes[row]))


def test_memory_is_used_again(tmp_path):
    """Ten thousand datagrams, in many batches: the door doesn't grow with them."""
    with bound() as far, bound() as near, door(tmp_path, sky(10**9), far.getsockname(), udp=True) as way:
        sizes = []
        for batch in range(100):
            for number in range(100):
                near.sendto(body(number, 1200), way.address)
            assert eventually(lambda: len(far.recv(2000)) == 1200)
            for _ in range(99):
                far.recv(2000)
            if batch % 20 == 19:
                sizes.append(way.memory_bytes())
        assert sizes[-1] < sizes[0] + (4 << 20)


def test_segments_are_joined_only_where_the_kernel_can():
    with bound() as udp, socket.socket() as tcp:
        assert join_segments(udp)
        assert not join_segments(tcp)
