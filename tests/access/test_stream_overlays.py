"""Overlays on streams: as if compiled into the timeline, never in the dark; places once given are kept."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.access.serialiser import Passage, Serialiser
from linkemu.errors import InputError
from linkemu.link.capacity import BYTE
from linkemu.link.overlay import ALL, Overlay, Pick, blackhole, outage
from linkemu.link.timeline import Cause, LinkTimeline, constant
from linkemu.machine import Direction
from tests.link.skies import compiled, delay_overlays, is_erased, rate_overlays, slot_overlays

MS = 1_000_000
S = 1_000 * MS
ways = st.sampled_from(list(Direction))


def sky(way: Direction, *, rate_bps: int = 8_000_000, duration_s: float = 2.0) -> LinkTimeline:
    dark = [(0.4, 0.45, Cause.CLOUD)]
    return constant("g", "s", way, rate_bps, 0.003, duration_s, dark=dark, erased=[(100, 3), (700, 40)])


def serialiser(timeline: LinkTimeline, *, repeat: bool = False) -> Serialiser:
    back = constant("g", "s", timeline.direction.other, 8_000_000, 0.003, timeline.end_ns / 1e9)
    return Serialiser(timeline, back, repeat=repeat)


def saturate(machine: Serialiser, from_ns: int, until_ns: int) -> list[tuple[int, Passage]]:
    """(size, passage) of all pieces of a source that always has bytes, taken as early as is allowed."""
    found: list[tuple[int, Passage]] = []
    now_ns = from_ns
    while (opening := machine.opening(now_ns)) is not None:
        now_ns = max(now_ns, opening.start_ns - opening.lookahead_ns)
        if now_ns >= until_ns:
            break
        passage = machine.leave(opening.most_bytes, now_ns)
        assert passage is not None
        found.append((opening.most_bytes, passage))
    return found


def times(pieces: list[tuple[int, Passage]]) -> list[tuple[int, int, int]]:
    return [(size, passage.start_ns, passage.end_ns) for size, passage in pieces]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(rate_overlays, slot_overlays), min_size=1, max_size=4), ways, st.booleans())
def test_imposed_is_as_if_compiled_into_the_timeline(
    faults: list[Overlay], way: Direction, repeat: bool
) -> None:
    live = serialiser(sky(way), repeat=repeat)
    effective = [live.impose(each, 0) for each in faults]
    known = serialiser(compiled(sky(way), effective), repeat=repeat)
    from_ns = 10 * MS
    assert saturate(live, from_ns, 2 * S) == saturate(known, from_ns, 2 * S)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1_800), st.one_of(rate_overlays, slot_overlays, delay_overlays, st.none())),
        min_size=1,
        max_size=5,
    ).map(lambda changes: sorted(changes, key=lambda change: change[0])),
    ways,
)
def test_what_comes_and_goes_under_load_never_meets_an_erased_slot_nor_overtakes(
    changes: list[tuple[int, Overlay | None]], way: Direction
) -> None:
    live = serialiser(sky(way))
    pieces: list[tuple[int, Passage]] = []
    standing: dict[tuple[str, int, Overlay], Overlay] = {}
    for at_ms, change in changes:
        pieces += saturate(live, max(at_ms - 200, 0) * MS, at_ms * MS)
        if change is None:
            ended = live.lift(None, at_ms * MS)
        else:
            ended = [live.impose(replace(change, start_ns=at_ms * MS, end_ns=None), at_ms * MS)]
        assert all((each.end_ns or each.start_ns) > at_ms * MS for each in ended)
        for each in ended:
            standing[each.name, each.start_ns, replace(each, end_ns=None)] = each
    pieces += saturate(live, changes[-1][0] * MS, 2 * S)
    timeline, faults = sky(way), list(standing.values())
    erased = [is_erased(timeline, faults, slot) for slot in range(2_700)]
    for (_, one), (_, other) in pairwise(pieces):
        assert one.end_ns <= other.start_ns + 1 and one.due_ns <= other.due_ns
    for size, passage in pieces:
        capacity_bytes = live.capacity.position(passage.end_ns) - live.capacity.position(passage.start_ns)
        assert capacity_bytes >= (size - 1) * BYTE  # its places are still there, whatever came later
        flight_ns = live.delay(passage.end_ns) if way is Direction.DOWN else 0
        slot = (passage.start_ns + flight_ns) // MS
        last = (passage.end_ns + flight_ns - 1) // MS
        near_edge = way is Direction.DOWN and passage.end_ns // MS != passage.start_ns // MS
        if not near_edge:
            assert not any(erased[slot : last + 1])


def test_single_slots_are_dark_as_far_as_the_play_goes() -> None:
    """Every other slot for 20 s: laid out piece by piece, and half of the capacity is carried."""
    live = serialiser(constant("g", "s", Direction.UP, 8_000_000, 0.003, 20.0))
    live.impose(Overlay(0, None, erase_slots=Pick(2)), 0)
    pieces = saturate(live, MS, 20 * S)
    assert sum(size for size, _ in pieces) == pytest.approx(10_000_000, rel=1e-3)
    assert {passage.start_ns // MS % 2 for _, passage in pieces} == {1}


def test_a_dark_night_is_not_laid_out_slot_by_slot() -> None:
    night = constant("g", "s", Direction.UP, 10**9, 0.003, 90_000.0, dark=[(1.0, 86_000.0, Cause.BELOW_MASK)])
    live = serialiser(night)
    live.impose(Overlay(0, None, erase_slots=Pick(share=0.5)), 0)
    saturate(live, MS, 990 * MS)
    passage = live.leave(1000, 2 * S)
    assert passage is not None and 86_000 * S <= passage.start_ns < 86_000 * S + 30 * MS
    assert live.opening(86_000 * S) is not None


def test_an_open_outage_has_no_opening_and_its_lifting_gives_one() -> None:
    live = serialiser(constant("g", "s", Direction.UP, 8_000_000, 0.003, 10.0))
    [first] = [passage for _, passage in saturate(live, 0, 0 * MS + 1)][:1]
    effective = live.impose(outage(0, name="stop"), MS)
    assert live.opening(2 * S) is None and live.leave(10, 2 * S) is None
    [ended] = live.lift("stop", 2 * S)
    assert ended.end_ns == 2 * S + MS and ended.start_ns == effective.start_ns >= first.end_ns
    opening = live.opening(2 * S)
    assert opening is not None and opening.start_ns == 2 * S + MS


def test_at_a_slow_rate_a_change_waits_for_what_is_leaving() -> None:
    live = serialiser(constant("g", "s", Direction.UP, 8_000, 0.003, 100.0))
    passage = live.leave(1000, 0)
    assert passage is not None and passage.end_ns == S
    assert live.impose(Overlay(0, None, rate_bps=8_000_000), 10 * MS).start_ns == S + MS
    faster = live.leave(1000, 10 * MS)
    assert faster is not None and (faster.start_ns, faster.end_ns) == (S, S + MS + 999 * MS // 1000)


def test_bytes_that_are_repeated_meet_the_other_direction_s_delay() -> None:
    live = serialiser(constant("g", "s", Direction.UP, 8_000_000, 0.003, 10.0), repeat=True)
    live.impose(blackhole(0), 0)
    live.impose_back(Overlay(0, None, delay_ns=70 * MS), 0)
    passage = live.leave(1000, 10 * MS)
    assert passage is not None and passage.erased and passage.again_ns - passage.due_ns == 70 * MS
    live.lift_back(None, 200 * MS)
    passage = live.leave(1000, 300 * MS)
    assert passage is not None and passage.again_ns - passage.due_ns == 3 * MS


def test_mischief_to_datagrams_is_refused_and_changes_nothing() -> None:
    live = serialiser(sky(Direction.UP))
    with pytest.raises(InputError, match="corrupt: a stream of bytes has no datagrams"):
        live.impose(Overlay(0, corrupt=ALL, rate_cap_bps=0), 0)
    assert live.opening(10 * MS) == serialiser(sky(Direction.UP)).opening(10 * MS)


def test_what_others_have_used_is_left_out_and_never_more_than_there_is() -> None:
    live = serialiser(constant("g", "s", Direction.UP, 8_000_000, 0.003, 10.0))
    live.leave(1000, 0)
    live.concede(5000)
    passage = live.leave(1000, 0)
    assert passage is not None and passage.start_ns == 6 * MS
    live.concede(10**9)
    assert live.opening(0) is None and live.impose(outage(0), 0).start_ns > 10 * S


def test_downward_erasure_begins_behind_what_is_in_the_air_and_an_outage_at_once() -> None:
    for repeat in (False, True):
        live = serialiser(constant("g", "s", Direction.DOWN, 8_000_000, 0.03, 10.0), repeat=repeat)
        passage = live.leave(1000, 0)
        assert passage is not None and (passage.end_ns, passage.due_ns, passage.erased) == (
            MS,
            31 * MS,
            False,
        )
        assert live.impose(blackhole(0, name="lost"), 0).start_ns == 32 * MS
        assert live.lift("lost", 0)[0].end_ns == 32 * MS
        assert live.impose(outage(0), 0).start_ns == 2 * MS
