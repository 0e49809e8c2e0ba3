"""The places that bytes of a stream get: exact, in order, never in the dark, and those of the channel."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.access.serialiser import Passage, Serialiser, lit_capacity, long_lights
from linkemu.link.capacity import BYTE
from linkemu.link.channel import Channel
from linkemu.link.timeline import Cause, LinkTimeline, constant
from linkemu.machine import Direction

MS = 1_000_000
S = 1_000 * MS


def timeline(
    rate_bps: int = 8_000_000,
    *,
    way: Direction = Direction.UP,
    delay_s: float = 0.005,
    dark: list[tuple[float, float]] | None = None,
    erased: list[tuple[int, int]] | None = None,
    duration_s: float = 10.0,
) -> LinkTimeline:
    spans = [(start, end, Cause.CLOUD) for start, end in dark or []]
    return constant("ground", "orbit", way, rate_bps, delay_s, duration_s, dark=spans, erased=erased or [])


def serialiser(*, repeat: bool = False, **sky: object) -> Serialiser:
    one = timeline(**sky)  # type: ignore[arg-type]
    return Serialiser(one, timeline(way=one.direction.other), repeat=repeat)


def saturate(machine: Serialiser, until_ns: int, piece_bytes: int = 1 << 20) -> list[tuple[int, Passage]]:
    """(size, passage) of all pieces of a source that always has bytes, taken as early as is allowed."""
    found = []
    now_ns = 0
    while now_ns < until_ns and (opening := machine.opening(now_ns)) is not None:
        now_ns = max(now_ns, opening.start_ns - opening.lookahead_ns)
        size = min(piece_bytes, opening.most_bytes)
        passage = machine.leave(size, now_ns)
        assert passage is not None
        found.append((size, passage))
    return found


def test_a_lone_piece_leaves_as_a_datagram_of_the_channel_does():
    machine, channel = serialiser(), Channel(timeline())
    for at_ns in (0, 3 * MS, 500 * MS):
        passage = machine.leave(1000, at_ns)
        channel.offer(bytes(1000), at_ns)
        (delivery,) = channel.due(at_ns + S)
        assert (passage.start_ns, passage.end_ns, passage.due_ns) == (
            delivery.start_ns,
            delivery.end_ns,
            delivery.due_ns,
        )


@given(
    piece_bytes=st.integers(300, 5000),
    dark=st.lists(st.integers(1, 900), min_size=2, max_size=6, unique=True).map(sorted),
    erased=st.lists(st.integers(0, 999), max_size=8, unique=True).map(sorted),
    way=st.sampled_from(Direction),
)
@settings(max_examples=40, deadline=None)
def test_a_saturated_link_carries_its_capacity_and_nothing_in_the_dark(piece_bytes, dark, erased, way):
    spans = [(a / 1000, b / 1000) for a, b in zip(dark[::2], dark[1::2], strict=False)]
    machine = serialiser(way=way, dark=spans, erased=[(slot, 1) for slot in erased], duration_s=1.0)
    pieces = saturate(machine, S, piece_bytes)
    capacity = lit_capacity(
        timeline(way=way, dark=spans, erased=[(slot, 1) for slot in erased], duration_s=1.0)
    )
    carried = sum(size for size, _ in pieces)
    shortfall = capacity.position(S) - carried * BYTE
    assert 0 <= shortfall < BYTE * (len(capacity.lights()) + 1)  # less than a byte is lost at each dark edge
    lights = capacity.lights()
    for (_, one), (_, other) in pairwise(pieces):
        assert one.end_ns <= other.start_ns + 1
        assert one.due_ns <= other.due_ns
    for _, passage in pieces:
        assert any(a <= passage.start_ns and passage.end_ns <= b for a, b in lights)
        assert passage.due_ns - passage.end_ns in (5 * MS, 5 * MS + 1)


def test_idle_time_is_not_made_up_for_but_a_late_reader_is():
    machine = serialiser()
    machine.leave(1000, 0)
    assert machine.leave(1000, 5 * MS).start_ns == 5 * MS
    assert machine.leave(1000, 5 * MS).start_ns == 6 * MS, (
        "those bytes were there at 5 ms, whenever they are read"
    )


def test_a_piece_is_at_most_a_millisecond_and_at_least_a_segment():
    machine = serialiser(rate_bps=10**9)
    sizes = [size for size, _ in saturate(machine, 50 * MS)]
    assert max(sizes) == sizes[-1] == 125_000
    assert serialiser(rate_bps=10**6).opening(0).most_bytes == 1448


def test_a_light_begins_with_short_pieces_so_that_its_first_is_seen_at_once():
    machine = serialiser(rate_bps=10**9, dark=[(0.01, 0.02)])
    for begin_ns in (0, 20 * MS):
        pieces = [p for _, p in saturate(machine, begin_ns + 6 * MS) if p.start_ns >= begin_ns]
        lengths = [piece.end_ns - piece.start_ns for piece in pieces]
        assert lengths[0] == 100_000
        assert all(other <= max(100_000, 2 * one) for one, other in pairwise(lengths))
        assert max(lengths) == MS


def test_a_piece_ends_where_the_light_ends():
    machine = serialiser(dark=[(0.0005, 0.2)])
    assert machine.opening(0).most_bytes == 500
    machine.leave(500, 0)
    assert machine.opening(0).start_ns == 200 * MS


def test_bytes_found_after_the_light_ended_wait_whole():
    machine = serialiser(dark=[(0.0005, 0.2)])
    assert machine.leave(501, 0).start_ns == 200 * MS


def test_marks_keep_their_place_and_take_no_capacity():
    machine = serialiser(dark=[(0.001, 0.2)])
    machine.leave(1000, 0)
    end = machine.leave(0, 0)
    assert (end.start_ns, end.due_ns) == (200 * MS, 205 * MS)
    assert machine.leave(1000, 0).start_ns == 200 * MS


def test_nothing_has_a_place_after_the_end():
    machine = serialiser(duration_s=0.001)
    assert machine.leave(1000, 0) is not None
    assert machine.opening(0) is None
    assert machine.leave(1, 0) is None
    assert machine.leave(0, 0) is None


@pytest.mark.parametrize("way", Direction)
def test_erased_pieces_are_those_whose_slots_are_erased(way):
    """Up, light crosses the air as it leaves; down, 5 ms later. Pieces are cut at slots."""
    machine = serialiser(repeat=True, way=way, erased=[(10, 3)])
    lost = [passage for _, passage in saturate(machine, 50 * MS) if passage.erased]
    crossing = 5 * MS if way is Direction.DOWN else 0
    assert (lost[0].start_ns + crossing, lost[-1].end_ns + crossing) == (10 * MS, 13 * MS)
    assert all(passage.again_ns == passage.end_ns + 10 * MS for passage in lost)


def test_a_repeated_piece_takes_capacity_again_behind_what_has_its_place():
    machine = serialiser(repeat=True, erased=[(0, 1)])
    first = machine.leave(1000, 0)
    assert first.erased and first.again_ns == 11 * MS
    again = machine.repeat(1000, first.again_ns)
    assert not again.erased
    assert (again.start_ns, again.due_ns) == (11 * MS, 17 * MS)


def test_a_sender_that_holds_skips_erased_slots():
    machine = serialiser(erased=[(0, 250)])
    assert machine.leave(1000, 0).start_ns == 250 * MS


def test_short_fades_are_no_outage_and_both_ways_must_have_light():
    up = timeline(dark=[(1.0, 1.05), (2.0, 3.0)])
    down = timeline(way=Direction.DOWN, dark=[(2.5, 4.0)])
    assert long_lights(up) == [(0, 2 * S), (3 * S, 10 * S)]
    assert long_lights(up, down) == [(0, 2 * S), (4 * S, 10 * S)]
