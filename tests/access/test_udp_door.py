"""Datagrams through the door: delayed, lost by slots, dropped by a full queue, and answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from doors import DELAY_S, door, eventually, free_port, least, sky

from linkemu.link.channel import Channel
from linkemu.machine import Direction
from tests.waiting import moment


@contextmanager
def bound(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        end.bind((host, 0))
        end.settimeout(60.0)
        yield end


def numbers(end: socket.socket, last: int) -> list[int]:
    """The numbers at the head of the datagrams that come, to that of the last."""
    found = [int.from_bytes(end.recv(65536)[:4])]
    while found[-1] != last:
        found.append(int.from_bytes(end.recv(65536)[:4]))
    return found


def numbered(number: int, size: int = 100) -> bytes:
    return number.to_bytes(4) + bytes(size - 4)


def test_datagrams_arrive_a_light_time_later_and_answers_come_back(tmp_path):
    with (
        bound() as far,
        door(tmp_path, sky(10**8, 0.03), far.getsockname(), udp=True) as way,
        bound() as near,
    ):
        trips: list[float] = []

        def trip_s() -> float:
            begun_s = time.monotonic()
            near.sendto(b"question", way.address)
            data, sender = far.recvfrom(100)
            assert time.monotonic() - begun_s >= 0.03
            far.sendto(b"answer to " + data, sender)
            assert near.recvfrom(100) == (b"answer to question", way.address)
            trips.append(time.monotonic() - begun_s)
            return trips[-1]

        assert 0.06 <= least(trip_s, 0.2) < 0.2
        report = way.finish()
    assert [each.delivered_bytes for each in report.ways] == [8 * len(trips), 18 * len(trips)]
    assert report.ways[0].requested_delay_s == (0.03, 0.03)
    assert report.connections == 1


def test_each_client_gets_its_own_answers(tmp_path):
    with bound() as far, door(tmp_path, sky(10**8), far.getsockname(), udp=True) as way:
        with bound() as one, bound() as other:
            one.sendto(b"one", way.address)
            other.sendto(b"other", way.address)
            for _ in range(2):
                data, sender = far.recvfrom(100)
                far.sendto(data.upper(), sender)
            assert one.recv(100) == b"ONE"
            assert other.recv(100) == b"OTHER"
        assert way.finish().connections == 2


def test_ipv6_and_empty_datagrams(tmp_path):
    with (
        bound("::1") as far,
        door(tmp_path, sky(10**8), far.getsockname()[:2], udp=True, listen=("::1", 0)) as way,
        bound("::1") as near,
    ):
        near.sendto(b"", way.address)
        assert far.recv(100) == b""


def test_what_is_sent_in_erased_slots_is_lost_and_nothing_else(tmp_path):
    """Every second tenth of a second is erased; sent in the midst of each, as our clock isn't the door's."""
    runs = [(slot, 100) for slot in range(100, 1000, 200)]
    with (
        bound() as far,
        door(tmp_path, sky(10**8, erased=runs), far.getsockname(), udp=True) as way,
        bound() as near,
    ):
        lit, erased = set[int](), set[int]()
        for tenth in range(10):
            way.until(tenth / 10 + 0.02)
            burst = range(20 * tenth, 20 * tenth + 20)
            for number in burst:
                near.sendto(numbered(number), way.address)
            if way.now_s() < tenth / 10 + 0.09:  # or this machine was too busy to say which
                (erased if tenth % 2 else lit).update(burst)
        way.until(1.02)
        near.sendto(numbered(200), way.address)
        got = set(numbers(far, 200))
        report = way.finish()
    assert len(erased) >= 20 and len(lit) >= 20
    assert got.isdisjoint(erased)
    assert got.issuperset(lit)
    assert report.ways[0].erased == 201 - len(got)


def test_a_full_queue_drops_the_newcomers_as_the_channel_does(tmp_path):
    played = sky(800_000)  # 100 bytes a millisecond
    with (
        bound() as far,
        door(tmp_path, played, far.getsockname(), udp=True, queue_bytes=1000) as way,
        bound() as near,
    ):
        for number in range(50):
            near.sendto(numbered(number), way.address)
        way.until(way.now_s() + 0.5)  # the queue is empty again
        near.sendto(numbered(50), way.address)
        got = numbers(far, 50)
        report = way.finish()
    assert got == sorted(got)
    assert len(got) + report.ways[0].dropped == 51
    assert got[:10] == list(range(10))
    channel = Channel(played.timelines[0, Direction.UP], queue_bytes=1000)
    taken = sum(channel.offer(numbered(number), 0) for number in range(50))
    assert taken < len(got) < 51  # the client needed some time to send them


def test_an_outage_holds_datagrams_whole(tmp_path):
    played = sky(10**8, dark=[(0.2, 0.6)])

    def arrived_s() -> float:
        with bound() as far, door(tmp_path, played, far.getsockname(), udp=True) as way, bound() as near:
            way.until(0.3)
            near.sendto(b"wait", way.address)
            assert far.recv(100) == b"wait"
            return way.now_s()

    assert 0.6 + DELAY_S <= least(arrived_s, 0.9) < 0.9


def test_the_rate_is_the_links(tmp_path):
    played = sky(8_000_000)

    def error() -> float:
        """Of the rate at the far end and in the report, in shares of their bounds."""
        with (
            bound() as far,
            door(tmp_path, played, far.getsockname(), udp=True, queue_bytes=4 << 20) as way,
            bound() as near,
        ):
            for number in range(1100):
                near.sendto(numbered(number, 1000), way.address)
            arrivals = []
            for _ in range(1100):
                far.recv(2000)
                arrivals.append(time.monotonic())
            (up, _) = way.finish().ways
        assert up.requested_rate_bps == pytest.approx(8_000_000, rel=1e-6)
        assert up.achieved_rate_bps is not None and up.dropped == 0
        seen_s = arrivals[-1] - arrivals[0]
        return max(abs(seen_s - 1.099) / 0.1, abs(up.achieved_rate_bps / 8_000_000 - 1) / 0.05)

    assert least(error, 1.0) <= 1.0


def test_nobody_at_the_far_side_costs_datagrams_and_no_more(tmp_path):
    port = free_port(socket.SOCK_DGRAM)
    with door(tmp_path, sky(10**8), ("127.0.0.1", port), udp=True) as way, bound() as near:
        sent = [b"anyone?"] * 3
        for each in sent:
            near.sendto(each, way.address)
            way.until(way.now_s() + 0.05)  # its refusal comes before the next is sent
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", port))
            far.settimeout(0.5)
            heard: list[bytes] = []

            def hears() -> bool:
                """A refusal that comes late costs one more."""
                near.sendto(b"now", way.address)
                sent.append(b"now")
                with suppress(TimeoutError):
                    heard.append(far.recv(100))
                return bool(heard)

            assert eventually(hears)
            assert heard == [b"now"]
        assert way.finish().ways[0].taken_bytes == sum(map(len, sent))


def test_time_may_begin_with_the_first_datagram(tmp_path):
    played = sky(10**8, dark=[(0.0, 0.3)])
    with (
        bound() as far,
        door(tmp_path, played, far.getsockname(), udp=True, anchor="first-byte") as way,
        bound() as near,
    ):
        moment(time.monotonic() + 0.2)  # its sky has stood still meanwhile
        begun_s = time.monotonic()
        near.sendto(b"first", way.address)
        assert far.recv(100) == b"first"
        assert time.monotonic() - begun_s >= 0.3 + DELAY_S


def test_many_clients_leave_nothing_at_the_end(tmp_path):
    with (
        ExitStack() as stack,
        bound() as far,
        door(tmp_path, sky(10**8), far.getsockname(), udp=True) as way,
    ):
        before = way.descriptors()
        nears = [stack.enter_context(bound()) for _ in range(100)]  # at once, or two may have the same port
        for number, near in enumerate(nears):
            near.sendto(numbered(number), way.address)
        assert sorted(int.from_bytes(far.recv(1000)[:4]) for _ in nears) == list(range(100))
        assert eventually(lambda: way.descriptors() == before + 100)
        assert way.finish().connections == 100
