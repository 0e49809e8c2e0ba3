"""The channel by hand: small cases whose every time can be checked on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkemu.link.capacity import BYTE, Capacity
from linkemu.link.channel import Channel, default_queue_bytes
from linkemu.link.delay import DelayCurve
from linkemu.link.overlay import Overlay, blackhole, outage
from linkemu.link.timeline import Cause, constant
from linkemu.machine import Direction

MS = 1_000_000
RATE = 8_000_000  # one byte a microsecond


def channel(dark: list[tuple[float, float, Cause]], **settings: float) -> Channel:
    timeline = constant("g", "s", Direction.UP, RATE, 0.005, 10.0, dark=dark)
    return Channel(timeline, **settings)  # type: ignore[arg-type]


def test_back_to_back_frames_leave_one_after_the_other() -> None:
    link = channel([])
    link.receive(b"a" * 1000, 1.0)
    link.receive(b"b" * 1000, 1.0)
    assert link.next_wakeup() == 1.006
    assert link.transmit(1.0059) == []
    assert link.transmit(1.006) == [b"a" * 1000]
    assert link.next_wakeup() == 1.007
    assert link.transmit(2.0) == [b"b" * 1000]
    assert link.next_wakeup() is None and link.drained


def test_a_datagram_never_straddles_rate_0_and_the_next_begins_where_light_does() -> None:
    link = channel([(2.0, 3.0, Cause.CLOUD)])
    link.offer(b"a" * 1000, 2000 * MS - 500_000)  # half of it would fit
    link.offer(b"b" * 10, 2000 * MS - 400_000)  # waits behind it: one queue, in order
    first, second = link.due(10**10)
    assert (first.start_ns, first.end_ns) == (3000 * MS, 3001 * MS)
    assert second.start_ns == 3001 * MS


def test_a_datagram_that_ends_with_the_light_takes_the_plateau_s_left_end() -> None:
    link = channel([(2.0, 3.0, Cause.CLOUD)])
    link.offer(b"a" * 1000, 1999 * MS)
    link.offer(b"b" * 1000, 1999 * MS)
    first, second = link.due(10**10)
    assert first.end_ns == 2000 * MS and first.due_ns == 2005 * MS
    assert second.start_ns == 3000 * MS


def test_a_full_queue_drops_the_newcomer_and_frees_as_bytes_leave() -> None:
    link = channel([], queue_bytes=2500)
    assert [link.offer(b"x" * 1000, 0) for _ in range(3)] == [True, True, False]
    assert link.offer(b"y" * 1000, 1 * MS)  # the first has just left
    assert link.counters.refused == 1 and len(link.due(10**10)) == 3


def test_what_waits_too_long_for_light_is_dropped_and_the_rest_goes_on() -> None:
    link = channel([(1.0, 4.0, Cause.CLOUD)], hold_s=1.5)
    link.offer(b"old", 2000 * MS)
    link.offer(b"new", 3000 * MS)
    assert link.next_ns() == 3500 * MS
    assert link.due(3500 * MS) == [] and link.counters.expired == 1
    assert [each.datagram for each in link.due(10**10)] == [b"new"]


def test_light_that_never_comes_holds_nothing_for_ever() -> None:
    link = channel([(1.0, 10.0, Cause.BELOW_MASK)], hold_s=2.0)
    link.offer(b"x", 5000 * MS)
    assert link.next_ns() == 7000 * MS
    assert link.due(7000 * MS) == [] and link.drained and link.next_ns() is None


@pytest.mark.parametrize("way, lost", [(Direction.UP, 100), (Direction.DOWN, 95)])
def test_slots_count_where_light_crosses_the_atmosphere_over_the_ground(way: Direction, lost: int) -> None:
    timeline = constant("g", "s", way, RATE, 0.005, 10.0, erased=[(100, 1)])
    link = Channel(timeline)
    for slot in range(90, 110):
        link.offer(bytes([slot]), slot * MS + 100_000)
    arrived = {each.datagram[0] for each in link.due(10**10)}
    assert set(range(90, 110)) - arrived == {lost}


def test_a_frame_is_lost_if_any_slot_that_it_touches_is_erased() -> None:
    timeline = constant("g", "s", Direction.UP, RATE, 0.0, 10.0, erased=[(3, 1)])
    fates = {}
    for begin_us, size in [(1000, 2000), (1001, 2000), (1500, 2500), (3999, 1), (4000, 1), (2000, 9000)]:
        link = Channel(timeline)
        link.offer(bytes(size), begin_us * 1000)
        fates[begin_us, size] = bool(link.due(10**10))
    assert fates == {
        (1000, 2000): True,  # ends as slot 3 begins
        (1001, 2000): False,
        (1500, 2500): False,
        (3999, 1): False,
        (4000, 1): True,
        (2000, 9000): False,  # spans it
    }


def test_arrivals_are_monotone_though_the_satellite_comes_nearer_at_any_speed() -> None:
    timeline = constant("g", "s", Direction.UP, RATE, 0.0, 10.0)
    approach = np.zeros((1, 8))
    approach[0, :2] = [2.0, -1.5]  # absurd: it gains 1.5 s of light time in 1 s
    link = Channel(replace(timeline, delay_start_ns=np.array([0]), delay_length_ns=10**9, delay_s=approach))
    for at_ms in range(0, 1000, 100):
        link.offer(b"x", at_ms * MS)
    dues = [each.due_ns for each in link.due(10**11)]
    assert dues == sorted(dues) and len(dues) == 10


def test_delay_is_the_polynomial_and_holds_at_its_ends() -> None:
    timeline = constant("g", "s", Direction.UP, RATE, 0.0, 10.0)
    terms = np.array([[0.01, 0.002, -0.001, 0, 0, 0, 0, 0.0005], [0.02, 0, 0, 0, 0, 0, 0, 0]])
    curve = DelayCurve(
        replace(timeline, delay_start_ns=np.array([10**9, 3 * 10**9]), delay_length_ns=10**9, delay_s=terms)
    )
    assert curve(10**9) == 10_000_000
    assert curve(1_500_000_000) == round((0.01 + 0.001 - 0.00025 + 0.0005 / 128) * 1e9)
    assert curve(0) == 10_000_000 and curve(2_500_000_000) == 11_500_000 and curve(9 * 10**9) == 20_000_000


def test_a_week_at_100_gbit_s_stays_exact() -> None:
    week_ns = 7 * 86_400 * 10**9
    link = Capacity([0, week_ns], [10**11])
    position = link.position(week_ns - 1)
    assert position == 10**11 * (week_ns - 1)
    assert link.start(position) == link.reach(position) == week_ns - 1
    assert link.fit(position, 13 * BYTE) is None  # the last ns carries 12.5 bytes
    assert link.fit(position, 12 * BYTE) == position


def test_the_default_queue_covers_a_round_trip_or_100_ms() -> None:
    near = constant("g", "s", Direction.UP, 10**9, 0.005, 1.0)
    far = constant("g", "s", Direction.UP, 10**9, 0.25, 1.0)
    slow = constant("g", "s", Direction.UP, 10**6, 0.005, 1.0)
    assert default_queue_bytes(near) == 12_500_000
    assert default_queue_bytes(far) == 62_500_000
    assert default_queue_bytes(slow) == 1 << 18


def test_overlays_from_a_journal_act_as_they_did() -> None:
    """A restarted emulator gets the effective overlays back, and plays the same."""
    link = channel([])
    effective = [
        link.impose(outage(1_000_000_001, 1_500_000_000), 0),
        link.impose(Overlay(0, 2_000_000_000, rate_cap_bps=RATE // 2), 3 * MS),
        link.impose(blackhole(1_700_000_000, 1_800_000_000), 3 * MS),
    ]
    assert [each.start_ns for each in effective] == [1001 * MS, 4 * MS, 1700 * MS]
    again = channel([])
    assert [again.impose(each, -1) for each in effective] == effective
    for at_ms in range(900, 2100, 10):
        link.offer(bytes(100), at_ms * MS)
        again.offer(bytes(100), at_ms * MS)
    assert link.due(10**10) == again.due(10**10) and link.counters.erased == again.counters.erased == 10


def test_an_empty_datagram_waits_for_light_as_any_other() -> None:
    link = Channel(constant("g", "s", Direction.UP, RATE, 0.005, 10.0, dark=[(0.0, 1.0, Cause.CLOUD)]))
    link.offer(b"", 0)
    [delivery] = link.due(3_000_000_000)
    assert delivery.start_ns == 1_000_000_000 <= delivery.end_ns <= delivery.due_ns - 5_000_000
