"""What a statement of inventory costs: work is counted in calls of Python, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from linkemu.transfer import events, frames, report
from linkemu.transfer.endpoint import Endpoint
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest, chunk_id_of
from linkemu.transfer.pacing import LinkCue

CHUNK_BYTES = 2000
CUE = LinkCue(100_000_000, True, 0.005, 8192)
SHORT, LONG = 1_000, 100_000  # chunks: 1 GiB and 100 GiB at the usual length


def numbered(count: int) -> tuple[list[bytes], Manifest]:
    """Some contents, and a manifest of ``count`` chunks that begins with them; nobody asks for the rest."""
    contents = [index.to_bytes(4, "big") * (CHUNK_BYTES // 4) for index in range(min(count, 2_000))]
    ids = [chunk_id_of(content) for content in contents]
    ids += [index.to_bytes(32, "big") for index in range(len(ids), count)]
    return contents, Manifest("long", count * CHUNK_BYTES, b"s" * 32, CHUNK_BYTES, tuple(ids))


def calls(action: Callable[[], object]) -> int:
    """How many functions, of Python and of C, an action calls."""
    count = [0]

    def counted(frame: FrameType, event: str, argument: object) -> None:
        count[0] += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count[0]


class Pair:
    """A sender and a receiver of one file, hand in hand: frames are passed on at once."""

    def __init__(self, count: int) -> None:
        self.contents, self.manifest = numbered(count)
        self.now = 0.0
        self.holdings = Holdings()
        self.holdings.know(self.manifest)
        self.sender, self.receiver = Endpoint(Holdings(), 1), Endpoint(self.holdings, 1)
        for endpoint in (self.sender, self.receiver):
            endpoint.cue(CUE, self.now)
        self.arrived: list[bytes] = []
        self.reports: list[bytes] = []

    def offer(self) -> None:
        self.sender.offer(self.manifest, 0, (), self.now)

    def play(self, until: float, durable: bool) -> None:
        while self.now < until:
            self.now += 0.001
            self._supply()
            for datagram in self.sender.transmit(self.now):
                self.receiver.receive(datagram, self.now)
            self._store(durable)
            for datagram in self.receiver.transmit(self.now):
                self.reports.append(datagram)
                self.sender.receive(datagram, self.now)

    def state(self) -> bytes:
        """The next report of the receiver, a moment later."""
        self.now += 0.1
        self.receiver.events()
        reports = [d for d in self.receiver.transmit(self.now) if d[3] == frames.Type.REPORT]
        assert len(reports) == 1
        return reports[0]

    def _supply(self) -> None:
        for event in self.sender.events():
            if isinstance(event, events.ChunkWanted):
                self.sender.supply(event.chunk_id, self.contents[event.index], self.now)

    def _store(self, durable: bool) -> None:
        for event in self.receiver.events():
            if isinstance(event, events.ChunkReceived):
                self.arrived.append(event.chunk_id)
                if durable:
                    self.receiver.stored(event.chunk_id, self.now)


def cost(pair: Pair) -> tuple[int, int, int]:
    """Of one chunk made durable: calls to state it and to take the statement, and bytes of that."""
    pair.receiver.stored(pair.arrived.pop(0), pair.now)
    statement: list[bytes] = []
    stating = calls(lambda: statement.append(pair.state()))
    taking = calls(lambda: pair.sender.receive(statement[0], pair.now))
    return stating, taking, len(statement[0])


@pytest.mark.parametrize("count", [SHORT, LONG])
def test_a_hundred_chunks_that_wait_for_the_disk_are_stated_as_one_run(count: int) -> None:
    pair = Pair(count)
    pair.offer()
    pair.play(until=0.02, durable=False)
    assert len(pair.arrived) > 100
    cost(pair)
    stating, taking, size = cost(pair)
    assert stating <= 130 and taking <= 260 and size <= 250


def test_a_statement_costs_the_same_however_long_the_file_is() -> None:
    costs = []
    for count in (SHORT, LONG):
        pair = Pair(count)
        pair.offer()
        pair.play(until=0.01, durable=True)
        pair.play(until=0.015, durable=False)
        costs.append([cost(pair) for _ in range(4)])
    assert costs[0] == costs[1]


def test_what_another_station_brought_is_passed_over_at_no_cost() -> None:
    """Every other chunk far ahead is durable already: a bitmap as long as the file, and then no more."""
    pair = Pair(LONG)
    for chunk_id in pair.manifest.chunks[1_000::2]:
        pair.holdings.stored(chunk_id)
    pair.offer()
    pair.play(until=0.02, durable=False)
    assert pair.sender.counters.chunks_acknowledged == (LONG - 1_000) // 2
    for _ in range(4):
        stating, taking, size = cost(pair)
    assert stating <= 200 and taking <= 260 and size <= 250


def test_a_run_that_is_taken_back_is_sent_again() -> None:
    pair = Pair(SHORT)
    pair.offer()
    pair.play(until=0.02, durable=False)
    sent = pair.sender.counters.first_sent_bytes
    for chunk_id in pair.arrived[5:8]:
        pair.receiver.discard(chunk_id, pair.now)
    del pair.arrived[5:8]
    pair.play(until=0.06, durable=True)
    assert pair.sender.counters.repaired_bytes == 3 * CHUNK_BYTES
    assert pair.sender.counters.first_sent_bytes > sent


def test_reports_are_read_by_their_windows() -> None:
    """The news alone: from the first chunk that changed to the last one that moves."""
    pair = Pair(SHORT)
    for chunk_id in (*pair.manifest.chunks[:300], *pair.manifest.chunks[700:]):
        pair.holdings.stored(chunk_id)
    pair.offer()
    pair.play(until=0.02, durable=True)
    for datagram in pair.reports[-1:]:
        frame = frames.decode(datagram)
        assert isinstance(frame, frames.Body)
        [section] = report.decode(frame.epoch, frame.content).sections
        assert 300 <= section.first < section.end < 700
