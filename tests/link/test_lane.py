"""A lane against a channel: in whatever company datagrams come, whatever is imposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.link.channel import Channel
from linkemu.link.lane import Lane
from linkemu.link.overlay import Overlay, Pick
from linkemu.link.sheaf import Loose
from linkemu.link.timeline import Cause, LinkTimeline, constant
from linkemu.machine import Direction

END_NS = 2_000_000_000
LATER_NS = 100 * END_NS
MS = 1_000_000

segments = st.lists(
    st.tuples(st.integers(1, 200 * MS), st.sampled_from([0, 0, 999_983, 8_000_000, 10**9, 10**11, 10**12])),
    min_size=1,
    max_size=8,
)
delays = st.lists(
    st.lists(st.floats(-1e-3, 1e-3, allow_nan=False), min_size=8, max_size=8), min_size=1, max_size=3
)
runs = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), max_size=6).map(
    lambda gaps: [(sum(g + n for g, n in gaps[:i]) + gap, n) for i, (gap, n) in enumerate(gaps)]
)
gaps = st.one_of(st.integers(0, 3), st.integers(0, 2000), st.integers(0, 60 * MS))
bursts = st.tuples(st.lists(st.tuples(gaps, st.integers(0, 60_000)), min_size=1, max_size=40))
one_size = st.tuples(
    st.lists(st.tuples(st.integers(0, 20_000), st.just(1200)), min_size=1, max_size=200),
)
picks = st.one_of(st.none(), st.builds(Pick, every=st.integers(1, 5)))
overlays = st.builds(
    Overlay,
    start_ns=st.just(0),
    end_ns=st.one_of(st.none(), st.integers(0, END_NS)),
    name=st.sampled_from("ab"),
    rate_cap_bps=st.one_of(st.none(), st.sampled_from([0, 10**6, 10**9])),
    delay_added_ns=st.sampled_from([0, 0, 5 * MS]),
    erase_slots=picks,
    erase_datagrams=picks,
    duplicate=picks,
    reorder=st.one_of(st.none(), st.just(Pick(every=3))),
    late_ns=st.just(2 * MS),
)
live = st.lists(st.one_of(bursts, one_size, overlays, st.just("lift")), min_size=1, max_size=12)
calm = st.lists(st.one_of(bursts, one_size), min_size=1, max_size=12)


def timeline_of(
    parts: Sequence[tuple[int, int]],
    terms: Sequence[Sequence[float]],
    erased: Sequence[tuple[int, int]],
    way: Direction,
) -> LinkTimeline:
    """Segments (length in ns, rate), then dark to the end; a delay of at least 2 ms in equal segments."""
    edges = np.cumsum([0] + [length for length, _ in parts])
    rates = [rate for _, rate in parts] + [0]
    plain = constant("g", "s", way, 1, 0.0, END_NS / 1e9, erased=erased)
    curves = np.array(terms) / 4
    curves[:, 0] = np.abs(curves[:, 0]) + 4e-3
    return replace(
        plain,
        edge_ns=np.array([*edges.tolist(), END_NS], dtype=np.int64),
        rate_bps=np.array(rates, dtype=np.int64),
        cause=np.array([Cause.NONE if rate else Cause.CLOUD for rate in rates], dtype=np.uint8),
        known=np.zeros(len(rates), dtype=np.bool_),
        delay_start_ns=np.arange(len(curves)) * 400 * MS,
        delay_length_ns=400 * MS,
        delay_s=curves,
    )


class Pair:
    """A channel and a lane that are told the same."""

    def __init__(self, timeline: LinkTimeline, queue_bytes: int, hold_s: float) -> None:
        self.channel = Channel(timeline, queue_bytes=queue_bytes, hold_s=hold_s)
        self.lane = Lane(timeline, queue_bytes=queue_bytes, hold_s=hold_s)
        self.from_channel: list[tuple[bytes, int, int, int]] = []
        self.from_lane: list[tuple[bytes, int, int, int]] = []
        self.now_ns = 0
        self._count = 0

    def burst(self, parts: Sequence[tuple[int, int]]) -> None:
        datagrams, arrived = [], []
        for gap_ns, size in parts:
            self.now_ns += gap_ns
            self._count += 1
            datagrams.append(self._count.to_bytes(4).ljust(size, b".")[:size])
            arrived.append(self.now_ns)
            self.channel.offer(datagrams[-1], self.now_ns)
        self.lane.offer_many(Loose(datagrams), np.array(arrived, dtype=np.int64))

    def impose(self, overlay: Overlay) -> None:
        assert self.channel.impose(overlay, self.now_ns) == self.lane.impose(overlay, self.now_ns)

    def lift(self) -> None:
        assert self.channel.lift("a", self.now_ns) == self.lane.lift("a", self.now_ns)

    def look(self, now_ns: int) -> None:
        for each in self.channel.due(now_ns):
            self.from_channel.append((each.datagram, each.start_ns, each.end_ns, each.due_ns))
        for each in self.lane.due(now_ns):
            self.from_lane.append((each.datagram, each.start_ns, each.end_ns, each.due_ns))
        for leg in self.lane.due_many(now_ns):
            placed = leg.placed
            for row in range(leg.first, leg.stop):
                if not (placed.lost is not None and placed.lost[row]):
                    times = (int(each[row]) for each in (placed.start_ns, placed.end_ns, placed.due_ns))
                    self.from_lane.append((placed.sheaf.datagram(int(placed.rows[row])), *times))
        assert self.channel.drained == self.lane.drained

    def agree(self) -> None:
        self.look(LATER_NS)
        assert self.from_lane == self.from_channel
        assert asdict(self.lane.counters) == asdict(self.channel.counters)
        assert self.lane.drained and self.lane.next_ns() is None


def play(pair: Pair, script: Sequence[object]) -> None:
    for step in script:
        if isinstance(step, Overlay):
            pair.impose(step)
        elif step == "lift":
            pair.lift()
        else:
            pair.burst(step[0])  # type: ignore[index]
        pair.look(pair.now_ns)
    pair.agree()


@given(
    segments,
    delays,
    runs,
    st.sampled_from(list(Direction)),
    st.sampled_from([0, 5000, 300_000, 1 << 30]),
    st.sampled_from([0.0, 0.05, 10.0]),
    calm,
)
def test_a_lane_answers_as_a_channel_does(parts, terms, erased, way, queue_bytes, hold_s, script):
    play(Pair(timeline_of(parts, terms, erased, way), queue_bytes, hold_s), script)


@given(
    segments,
    delays,
    runs,
    st.sampled_from(list(Direction)),
    st.sampled_from([5000, 300_000, 1 << 30]),
    st.sampled_from([0.05, 10.0]),
    live,
)
def test_also_while_it_is_changed(parts, terms, erased, way, queue_bytes, hold_s, script):
    play(Pair(timeline_of(parts, terms, erased, way), queue_bytes, hold_s), script)


@pytest.mark.parametrize("queue_bytes", [100_000, 1 << 30])
def test_a_saturated_link_is_placed_in_arrays(queue_bytes):
    """A backlog through a change of rate and an outage; nothing is asked one by one but at their edges."""
    timeline = timeline_of(
        [(100 * MS, 10**9), (50 * MS, 0), (100 * MS, 3 * 10**9)], [[0.0] * 8], [], Direction.UP
    )
    pair = Pair(timeline, queue_bytes, 10.0)
    singles = 0
    one = pair.lane._place_one

    def counted(*arguments):  # type: ignore[no-untyped-def]
        nonlocal singles
        singles += 1
        return one(*arguments)

    pair.lane._place_one = counted  # type: ignore[method-assign]
    for _ in range(200):
        pair.burst([(10_000, 1200)] * 100)
        pair.look(pair.now_ns)
    pair.agree()
    assert pair.lane.counters.offered == 20_000
    assert singles <= 4


def test_a_lane_that_was_changed_is_fast_again_once_that_is_past():
    pair = Pair(timeline_of([(10**9, 10**9)], [[0.0] * 8], [], Direction.UP), 1 << 20, 10.0)
    pair.burst([(10_000, 1200)] * 100)
    pair.impose(Overlay(0, 40 * MS, "a", delay_added_ns=MS))
    assert not pair.lane._is_express
    for _ in range(100):
        pair.burst([(10_000, 1200)] * 100)
        pair.look(pair.now_ns)
    assert pair.lane._is_express
    pair.agree()


def test_an_empty_datagram_behind_one_that_waits_for_light_waits_too():
    """It would need no light; but were it counted as gone, a change would hit the wrong ones."""
    pair = Pair(timeline_of([(1, 0)], [[0.0] * 8], [], Direction.UP), 5000, 10.0)
    pair.burst([(0, 1), (0, 0), (0, 0), (0, 0)])
    pair.impose(Overlay(0, None, "a", reorder=Pick(every=3), late_ns=2 * MS))
    pair.agree()


def test_what_has_just_left_makes_room_within_a_batch() -> None:
    """At 8 Mbit/s 1000 bytes take 1 ms: one of the three leaves as the second of the batch comes."""
    timeline = constant("g", "s", Direction.UP, 8_000_000, 0.005, 1.0)
    lane, channel = Lane(timeline, queue_bytes=3500), Channel(timeline, queue_bytes=3500)
    for at_ns in ([0, 0, 0], [MS // 2, MS]):
        lane.offer_many(Loose([bytes(1000)] * len(at_ns)), np.array(at_ns, dtype=np.int64))
        for each in at_ns:
            channel.offer(bytes(1000), each)
    assert lane.counters.refused == channel.counters.refused == 1
