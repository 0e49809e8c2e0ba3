"""Pieces in pipes and in blocks, mixed as the system grants pipes: bytes stay bytes, and nothing is kept."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from typing import cast

import pytest
from doors import sky
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.access.flow import Flow
from linkemu.access.gauge import Gauge
from linkemu.access.pace import Pace
from linkemu.access.pieces import Mark, Piece, Stock
from linkemu.access.serialiser import Serialiser
from linkemu.access.way import Way
from linkemu.machine import Direction


class Ends:
    """What a connection would do with marks; ``said`` keeps them."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def arrived(self, flow: Flow, mark: Mark) -> None:
        self.said.append(mark)

    def broke(self, end: socket.socket) -> None:
        self.said.append("broke")

    def unheard(self, flow: Flow) -> None:
        self.said.append("unheard")


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    far.setblocking(False)
    return near, far


def a_way(rate_bps: int = 10**10) -> Way:
    played = sky(rate_bps, 0.0001)
    up, down = (played.timelines[0, way] for way in Direction)
    pace = Pace(0)
    pace.begin()
    return Way(Serialiser(up, down, repeat=False), pace, rate_bps)


def a_gauge() -> Gauge:
    return Gauge("up", [(0, 60 * 10**9)])


def carry(data: bytes, most_pipes: int, sizes: random.Random) -> tuple[bytes, Flow, Ends, Way]:
    """Send ``data`` through one flow in writes and reads of random sizes."""
    source, read_end = pair()
    write_end, sink = pair()
    way, ends, stock = a_way(), Ends(), Stock(most_pipes)
    flow = Flow(way, ends, stock, a_gauge())
    flow.source, flow.sink = read_end, write_end
    got, sent, is_open = bytearray(), 0, True
    while Mark.END not in ends.said:
        if is_open and sent == len(data):
            source.shutdown(socket.SHUT_WR)
            is_open = False
        elif is_open:
            with contextlib.suppress(BlockingIOError):
                sent += source.send(data[sent : sent + sizes.choice((1, 100, 20_000, 500_000))])
        way.wake(flow)
        way.step()
        with contextlib.suppress(BlockingIOError):
            got += sink.recv(sizes.choice((1, 5000, 300_000)))
        flow.unblock(1 << 62)
    sink.settimeout(60.0)
    while len(got) < len(data):
        got += sink.recv(1 << 20)
    flow.discard()
    stock.close()
    for end in (source, read_end, write_end, sink):
        end.close()
    return bytes(got), flow, ends, way


@given(seed=st.integers(0, 2**32), most_pipes=st.sampled_from([0, 1, 2, 48]), size=st.integers(0, 3_000_000))
@settings(max_examples=25, deadline=None)
def test_bytes_stay_bytes_and_nothing_is_kept(seed, most_pipes, size):
    sizes = random.Random(seed)
    data = sizes.randbytes(size)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    got, flow, ends, way = carry(data, most_pipes, sizes)
    assert got == data
    assert ends.said == [Mark.END]
    assert (flow.held, way.held, way.blocked_bytes) == (0, 0, 0)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize("most_pipes", [0, 48])
def test_what_is_dropped_in_mid_stream_is_freed(most_pipes):
    source, read_end = pair()
    write_end, sink = pair()
    way, stock = a_way(), Stock(most_pipes)
    flow = Flow(way, Ends(), stock, a_gauge())
    flow.source, flow.sink = read_end, write_end
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    while not flow.blocked:  # nobody reads at the sink
        with contextlib.suppress(BlockingIOError):
            source.send(bytes(1 << 18))
        way.wake(flow)
        way.step()
    assert flow.held > 0 and way.blocked_bytes == flow.held
    flow.discard()
    stock.close()
    assert (flow.held, way.held, way.blocked_bytes) == (0, 0, 0)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    for end in (source, read_end, write_end, sink):
        end.close()


class Endless(Flow):
    """One whose source always has a piece more, as on a link that is faster than the machine."""

    reads = 0

    def read(self, most: int) -> tuple[Piece | None, bool]:
        self.reads += 1
        return Piece(most, memoryview(bytes(1))), True


def test_a_source_that_always_has_bytes_lets_others_be_heard():
    """Or a new connection, and the end of an old one, would wait for a pause that never comes."""
    way = a_way(10**12)
    flow = Endless(way, Ends(), Stock(0), a_gauge())
    way.wake(flow)
    for step in range(1, 4):
        begun = flow.reads
        way.step()
        assert 0 < flow.reads - begun <= 16
        next_ns = way.next_ns()
        assert next_ns is not None and next_ns <= way._pace.now_ns(), f"step {step} would sleep"


def test_a_flow_that_wakes_another_way_is_not_forgotten():
    """Both directions step, then both are asked when they want to: one may have woken the other."""
    back = a_way()
    near, far = pair()
    with near, far:
        back.step()
        assert back.next_ns() is None
        answer = Flow(back, Ends(), Stock(0), a_gauge())
        answer.source = near
        back.wake(answer)  # as a flow of the other way does, when it finds its end reset
        next_ns = back.next_ns()
        assert next_ns is not None and next_ns <= back._pace.now_ns()


def test_all_that_wait_are_read_in_turn():
    """Forty sources that always have bytes: none waits while another has two turns."""
    way = a_way(10**9)
    flows = [Endless(way, Ends(), Stock(0), a_gauge()) for _ in range(40)]
    for flow in flows:
        way.wake(flow)
    while min(flow.reads for flow in flows) < 5:
        way.step()
    assert max(flow.reads for flow in flows) <= 7


class Hand:
    """A clock that goes when it is told."""

    def __init__(self, now_ns: int) -> None:
        self.at_ns = now_ns

    def now_ns(self) -> int:
        return self.at_ns


class Flood(Endless):
    """Endless, and so are its sink and what the kernel says to wait."""

    def look(self, now_ns: int) -> None:
        self.waiting.found(1 << 40, now_ns)

    def flush(self, now_ns: int) -> None:
        while self.pieces and self.pieces[0].due_ns is not None and self.pieces[0].due_ns <= now_ns:
            self.way.delivered(self, self.pieces.popleft())


def test_a_mark_that_a_kept_back_door_places_keeps_back_no_bytes_that_were_there_before_it():
    """Between the look at a client's bytes and the placing of another's opening the door is kept from the
    processor for 20 ms: those bytes have their light as ever, and no more was asked than the sky gives."""
    played, pace, gauge = sky(200_000_000, 0.005), Hand(100_000_000), a_gauge()
    up, down = (played.timelines[0, way] for way in Direction)
    way = Way(Serialiser(up, down, repeat=False), cast(Pace, pace), 200_000_000)
    ends = Ends()
    flood, newcomer = Flood(way, ends, Stock(0), gauge), Flow(way, ends, Stock(0), gauge)
    way.wake(flood)
    way.mark(newcomer, Mark.OPEN)
    pace.at_ns += 20_000_000
    opened_ns = None
    while pace.at_ns < 1_500_000_000:
        way.step()
        opened_ns = opened_ns or (pace.at_ns if ends.said else None)
        next_ns = way.next_ns()
        assert next_ns is not None
        pace.at_ns = max(pace.at_ns + 1, next_ns)
    report = gauge.report()
    assert report.requested_delay_s == (0.005, 0.005)
    assert report.requested_rate_bps == pytest.approx(200e6, rel=1e-6)
    assert report.delay_error_max_s == pytest.approx(20e-3 - 5e-3, abs=1.1e-3), "late, and that is told"
    assert report.edges[0].last_s == pytest.approx(1.5 - 5e-3, abs=1.1e-3), (
        "made good, as the bytes were there"
    )
    assert opened_ns == 125_000_000 and ends.said == [Mark.OPEN]


def test_what_waits_in_order_behind_a_repeated_piece_is_asked_for_after_it():
    """It was reported as late, and the machine blamed; a round trip's waiting is what arq asks for."""
    played, pace, gauge = sky(80_000_000, 0.02, erased=[(100, 3), (200, 1)]), Hand(0), a_gauge()
    up, down = (played.timelines[0, way] for way in Direction)
    way = Way(Serialiser(up, down, repeat=True), cast(Pace, pace), 80_000_000)
    flood = Flood(way, Ends(), Stock(0), gauge)
    way.wake(flood)
    while pace.at_ns < 1_500_000_000:
        way.step()
        next_ns = way.next_ns()
        assert next_ns is not None
        pace.at_ns = max(pace.at_ns + 1, next_ns)
    report = gauge.report()
    assert report.erased > 0
    assert report.delay_error_max_s is not None and report.delay_error_max_s < 1e-6
    assert report.requested_delay_s is not None
    least_s, most_s = report.requested_delay_s
    assert least_s == 0.02 and 0.06 <= most_s < 0.2, "one light time, or a round trip more"
    assert report.requested_rate_bps == report.achieved_rate_bps == pytest.approx(80e6, rel=1e-6)
