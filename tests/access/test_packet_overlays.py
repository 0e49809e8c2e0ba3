"""Overlays on packets of exec: single ones fare as in the channel, those of super-packets each alone."""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.access.exec_laser import Beam
from linkemu.access.exec_segments import VNET_BYTES, frame_of
from linkemu.access.exec_spoil import spoiled
from linkemu.link.channel import Channel
from linkemu.link.overlay import ALL, Overlay, Pick, outage
from linkemu.link.timeline import LinkTimeline, constant
from linkemu.machine import Direction
from tests.access.test_exec_laser import numbers, plain, tcp
from tests.access.test_exec_segments import finished
from tests.link.skies import MS, overlays

S = 1_000 * MS


def link(direction: Direction = Direction.UP, rate_bps: int = 12_000_000) -> LinkTimeline:
    return constant("ogs", "sat", direction, rate_bps, 0.005, 10.0, erased=[(30, 5)])


def drained(beam: Beam) -> list[tuple[int, list[bytes]]]:
    arrived = []
    while (next_ns := beam.next_ns()) is not None:
        before = len(arrived)
        arrived += [(flight.due_ns, frames) for flight, frames in beam.due(next_ns)]
        assert all(due == next_ns for due, _ in arrived[before:])
    return arrived


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40 * MS), st.integers(20, 1500)), max_size=40),
    overlays,
    st.lists(st.integers(0, 2 * S), max_size=3),
    st.sampled_from(Direction),
)
def test_plain_packets_fare_as_in_the_channel(
    gaps: list[tuple[int, int]], faults: list[Overlay], lifts: list[int], direction: Direction
) -> None:
    channel = Channel(link(direction), queue_bytes=20_000, hold_s=0.05)
    beam = Beam(link(direction), queue_bytes=20_000, hold_s=0.05)
    steps: list[tuple[int, Overlay | int | None]] = [(each.start_ns, each) for each in faults]
    steps += [(at_ns, None) for at_ns in lifts]
    now_ns = 0
    for gap_ns, size in gaps:
        now_ns += gap_ns
        steps.append((now_ns, size))
    theirs, ours = [], []
    for at_ns, step in [*sorted(steps, key=lambda one: one[0]), (10**11, 20)]:
        theirs += [(each.due_ns, len(each.datagram)) for each in channel.due(at_ns)]
        for flight, frames in beam.due(at_ns):
            ours += [(flight.due_ns, len(frame) - VNET_BYTES) for frame in frames]
        if isinstance(step, Overlay):
            assert channel.impose(step, at_ns) == beam.impose(step, at_ns)
        elif step is None:
            assert channel.lift(None, at_ns) == beam.lift(None, at_ns)
        else:
            channel.offer(bytes(step), at_ns)
            beam.offer(plain(step), 0, at_ns)
        assert beam.next_ns() == channel.next_ns()
    assert ours == theirs
    count, tally = channel.counters, beam.tally
    assert (tally.dropped, tally.expired, tally.erased) == (count.refused, count.expired, count.erased)
    assert (tally.duplicated <= count.duplicated) and tally.delivered == count.delivered


def test_each_third_packet_of_super_packets_is_lost_alone() -> None:
    beam = Beam(link(rate_bps=120_000_000), queue_bytes=None, hold_s=1.0)
    beam.impose(Overlay(0, None, erase_datagrams=Pick(3)), 0)
    beam.offer(tcp(10), 0, 10 * MS)
    beam.offer(tcp(4), 0, 11 * MS)
    arrived = drained(beam)
    assert numbers([frame for _, frames in arrived for frame in frames]) == [0, 1, 3, 4, 6, 7, 9, 0, 2, 3]
    assert (beam.tally.erased, beam.tally.delivered, beam.tally.offered) == (4, 10, 14)
    assert all(later - sooner in (100_000, 200_000) for (sooner, _), (later, _) in pairwise(arrived))


def test_a_fault_that_has_ended_leaves_super_packets_whole() -> None:
    beam = Beam(link(rate_bps=1_000_000_000), queue_bytes=None, hold_s=1.0)
    beam.impose(Overlay(0, None, "x", duplicate=ALL), 0)
    beam.offer(tcp(2), 0, 10 * MS)
    beam.due(15 * MS)
    beam.lift("x", 15 * MS)
    beam.offer(tcp(40), 0, 60 * MS)
    arrived = drained(beam)
    assert [len(frames) for _, frames in arrived] == [2, 2, 1]
    assert numbers([frame for _, frames in arrived for frame in frames]) == [0, 0, 1, 1, *range(40)]
    assert beam.tally.duplicated == 2


def test_a_queue_held_by_an_outage_leaves_when_it_is_lifted() -> None:
    beam = Beam(link(), queue_bytes=None, hold_s=5.0)
    beam.impose(outage(0), 0)
    beam.offer(tcp(1), 0, 10 * MS)
    assert beam.next_ns() == 10 * MS + 5 * S
    [ended] = beam.lift(None, 300 * MS)
    assert beam.next_ns() == ended.end_ns + MS + 5 * MS == 307 * MS


@given(st.floats(0.0, 1.0, exclude_max=True), st.floats(0.0, 1.0, exclude_max=True), st.binary(max_size=90))
def test_a_spoiled_packet_is_one_byte_off_one_with_the_right_checksum(
    where: float, which: float, payload: bytes
) -> None:
    vnet = struct.pack("=BBHHHH", 1, 0, 40, 0, 20, 16)
    internet = struct.pack(">BBHHHBBH8x", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0)
    pseudo = 6 + 20 + len(payload)  # the addresses are 0
    head = struct.pack(">HHIIBBHHH", 1, 2, 0, 0, 5 << 4, 0x10, 1, pseudo, 0)
    frame = vnet + internet + head + payload
    damaged = spoiled(frame, 0, (where, which))
    right = finished(frame)
    assert damaged[:VNET_BYTES] == bytes(VNET_BYTES)
    pairs = zip(damaged[VNET_BYTES:], right[-len(damaged) + VNET_BYTES :], strict=True)
    assert sum(one != other for one, other in pairs) == 1
    shape = frame_of(damaged, 0)
    assert shape is None or replace(shape, data=b"").count == 1
