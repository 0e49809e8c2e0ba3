"""The beam of ``exec``: with plain packets it is the Channel; of super-packets each packet counts alone."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.exec_laser import BURST_NS, Beam
from linkemu.access.exec_segments import VNET_BYTES
from linkemu.link.channel import Channel
from linkemu.link.timeline import Cause, LinkTimeline, constant
from linkemu.machine import Direction

MS = 1_000_000
HEADER = 40


def plain(size: int) -> bytes:
    return bytes(VNET_BYTES) + b"\x45" + bytes(size - 1)


def tcp(count: int, size: int = 1460) -> bytes:
    """A super-packet of IPv4 and TCP with ``count`` full segments, their number in their first byte."""
    payload = b"".join(bytes([each]) + bytes(size - 1) for each in range(count))
    vnet = struct.pack("=BBHHHH", 1, 1, HEADER, size, 20, 16)
    internet = struct.pack(">BBHHHBBH8x", 0x45, 0, HEADER + len(payload), 0, 0, 64, 6, 0)
    return vnet + internet + struct.pack(">HHIIBBHHH", 1, 2, 0, 0, 5 << 4, 0x10, 1, 0, 0) + payload


def numbers(frames: list[bytes], size: int = 1460) -> list[int]:
    """The segments in frames, by the numbers that ``tcp`` gave them."""
    return [part for frame in frames for part in frame[VNET_BYTES + HEADER :: size]]


def link(direction: Direction = Direction.UP, rate_bps: int = 12_000_000, **more: object) -> LinkTimeline:
    return constant("ogs", "sat", direction, rate_bps, 0.005, 10.0, **more)  # type: ignore[arg-type]


def drained(beam: Beam) -> list[tuple[int, list[bytes]]]:
    """(when due, frames) of everything, playing from wake-up to wake-up."""
    arrived = []
    while (next_ns := beam.next_ns()) is not None:
        arrived += [(flight.due_ns, frames) for flight, frames in beam.due(next_ns)]
    return arrived


@given(
    st.lists(st.tuples(st.integers(0, 40 * MS), st.integers(20, 1500)), max_size=40),
    st.sampled_from(Direction),
    st.integers(0, 30),
    st.integers(1_000, 20_000),
)
def test_plain_packets_fare_as_in_the_channel(
    gaps: list[tuple[int, int]], direction: Direction, erased: int, queue_bytes: int
) -> None:
    sky = link(direction, erased=[(10 + erased, 5)], dark=[(0.05, 0.08, Cause.CLOUD)])
    channel = Channel(sky, queue_bytes=queue_bytes, hold_s=0.02)
    beam = Beam(sky, queue_bytes=queue_bytes, hold_s=0.02)
    now_ns, theirs, ours = 0, [], []
    for gap_ns, size in gaps:
        now_ns += gap_ns
        theirs += [(each.due_ns, len(each.datagram)) for each in channel.due(now_ns)]
        ours += [(flight.due_ns, flight.burst.wire_bytes) for flight, _ in beam.due(now_ns)]
        channel.offer(bytes(size), now_ns)
        beam.offer(plain(size), 0, now_ns)
        assert beam.next_ns() == channel.next_ns()
    theirs += [(each.due_ns, len(each.datagram)) for each in channel.due(10**10)]
    ours += [(flight.due_ns, flight.burst.wire_bytes) for flight, _ in beam.due(10**10)]
    assert ours == theirs
    count, tally = channel.counters, beam.tally
    assert (tally.dropped, tally.expired, tally.erased) == (count.refused, count.expired, count.erased)
    assert tally.offered == tally.dropped + tally.expired + tally.erased + tally.delivered


def test_a_super_packet_pays_every_header_and_leaves_in_bursts() -> None:
    beam = Beam(link(rate_bps=120_000_000), queue_bytes=None, hold_s=1.0)  # 1500 B in 100 us
    beam.offer(tcp(40), 0, 0)
    arrived = drained(beam)
    assert arrived[-1][0] == 40 * 100_000 + 5 * MS
    assert numbers([frame for _, frames in arrived for frame in frames]) == list(range(40))
    steps = [due - before for (before, _), (due, _) in pairwise(arrived)]
    assert max(steps) <= BURST_NS
    assert beam.tally.delivered_bytes == 40 * 1500


def test_segments_are_lost_alone() -> None:
    beam = Beam(link(rate_bps=12_000_000, erased=[(3, 2), (8, 1)]), queue_bytes=None, hold_s=1.0)  # 1 ms each
    beam.offer(tcp(12), 0, 0)
    got = numbers([frame for _, frames in drained(beam) for frame in frames])
    assert got == [0, 1, 2, 5, 6, 7, 9, 10, 11]
    assert (beam.tally.erased, beam.tally.delivered) == (3, 9)


def test_a_hole_within_a_burst_leaves_two_frames() -> None:
    beam = Beam(link(rate_bps=1_200_000_000, erased=[(0, 1)], slot_s=2e-5), queue_bytes=None, hold_s=1.0)
    beam.offer(tcp(10), 0, 0)  # 10 us each: slot 0 takes the first two
    ((_, frames),) = drained(beam)
    assert numbers(frames) == list(range(2, 10))
    beam.offer(tcp(10), 0, MS)
    assert len(drained(beam)[0][1]) == 1


def test_segments_wait_whole_for_the_light() -> None:
    beam = Beam(link(dark=[(0.0035, 1.0, Cause.CLOUD)]), queue_bytes=None, hold_s=5.0)  # 1 ms each
    beam.offer(tcp(8), 0, 0)
    dues = [due / MS for due, _ in drained(beam)]
    assert dues[2:4] == [pytest.approx(8.0), pytest.approx(1006.0)]  # the fourth would have ended at 4 ms
    assert len(dues) == 8


def test_a_full_queue_takes_what_still_fits() -> None:
    beam = Beam(link(), queue_bytes=4 * 1500 + 700, hold_s=1.0)
    beam.offer(tcp(10), 0, 0)
    assert (beam.tally.dropped, beam.queued_bytes) == (6, 6000)
    beam.offer(plain(701), 0, 0)
    assert beam.tally.dropped == 7
    assert numbers([frame for _, frames in drained(beam) for frame in frames]) == [0, 1, 2, 3]


def test_what_waits_too_long_is_dropped() -> None:
    beam = Beam(link(dark=[(0.0, 5.0, Cause.CLOUD)]), queue_bytes=None, hold_s=0.5)
    beam.offer(tcp(4), 0, 0)
    assert drained(beam) == []
    assert beam.tally.expired == 4
    assert beam.queued_bytes == 0


def test_nothing_leaves_in_the_past_of_what_stood_before_it() -> None:
    """The first straddles an outage and expires; the second would have fitted before it, and hasn't left."""
    sky = link(dark=[(0.0505, 5.0, Cause.CLOUD)])
    channel = Channel(sky, queue_bytes=10_000, hold_s=0.02)
    beam = Beam(sky, queue_bytes=10_000, hold_s=0.02)
    for size, at_ns in ((1500, 50 * MS), (20, 50 * MS + 100_000)):
        channel.offer(bytes(size), at_ns)
        beam.offer(plain(size), 0, at_ns)
    assert [channel.due(200 * MS), beam.due(200 * MS)] == [[], []]
    assert beam.tally.expired == channel.counters.expired == 2


def test_what_is_not_ip_is_counted() -> None:
    beam = Beam(link(), queue_bytes=None, hold_s=1.0)
    beam.offer(bytes(60), 0, 0)
    assert (beam.tally.strange, beam.tally.offered, beam.next_ns()) == (1, 0, None)


def test_due_is_taken_in_portions() -> None:
    beam = Beam(link(), queue_bytes=None, hold_s=1.0)
    for _ in range(5):
        beam.offer(plain(1500), 0, 0)
    first = beam.due(100 * MS, 2)
    assert beam.next_ns() is not None
    assert [flight.due_ns // MS for flight, _ in first + beam.due(100 * MS)] == [6, 7, 8, 9, 10]
    assert beam.next_ns() is None
