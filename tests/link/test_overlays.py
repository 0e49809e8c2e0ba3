"""The algebra of overlays: what is imposed acts as if compiled in, what is lifted as if it had ended so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.link.channel import Channel
from linkemu.link.laid import fits, laid_into
from linkemu.link.overlay import ALL, Overlay, Pick, blackhole, common_boundary, outage, refuse_for_streams
from linkemu.link.player import Player
from linkemu.link.timeline import Cause, LinkTimeline, Sky, check, constant
from linkemu.machine import Direction
from tests.link.skies import (
    MS,
    compiled,
    datagram_overlays,
    delay_overlays,
    overlays,
    rate_overlays,
    slot_overlays,
)

S = 1_000 * MS
RATE = 8_000_000
offers = st.lists(st.tuples(st.integers(0, 60 * MS), st.integers(1, 9_000)), min_size=1, max_size=40)
directions = st.sampled_from(list(Direction))


def sky(direction: Direction = Direction.UP, *, rate_bps: int = RATE, delay_s: float = 0.003) -> LinkTimeline:
    dark = [(0.4, 0.45, 6), (1.2, 1.21, 6)]
    return constant("g", "s", direction, rate_bps, delay_s, 2.0, dark=dark, erased=[(100, 3), (700, 40)])  # type: ignore[arg-type]


def channel(timeline: LinkTimeline) -> Channel:
    return Channel(timeline, queue_bytes=10**9, hold_s=0.5)


def play(
    machine: Channel, gaps: list[tuple[int, int]], from_ns: int = 0
) -> list[tuple[bytes, int, int, int]]:
    now_ns = from_ns
    for number, (gap_ns, size) in enumerate(gaps):
        now_ns += gap_ns
        machine.offer(number.to_bytes(2, "big").ljust(size, b"."), now_ns)
    return [(each.datagram, each.start_ns, each.end_ns, each.due_ns) for each in machine.due(10**12)]


def inside(machine: Channel) -> int:
    return machine.counters.offered - sum(
        getattr(machine.counters, fate) for fate in ("refused", "expired", "erased", "delivered")
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(rate_overlays, slot_overlays), min_size=1, max_size=5), offers, directions)
def test_imposed_is_as_if_compiled_into_the_timeline(
    faults: list[Overlay], gaps: list[tuple[int, int]], direction: Direction
) -> None:
    live = channel(sky(direction))
    effective = [live.impose(each, 0) for each in faults]
    assert all(each.start_ns % MS == 0 and each.start_ns > 0 for each in effective)
    assert play(live, gaps) == play(channel(compiled(sky(direction), effective)), gaps)


@settings(max_examples=50, deadline=None)
@given(st.lists(delay_overlays, min_size=1, max_size=4), offers)
def test_a_delay_holds_for_what_leaves_meanwhile_and_arrivals_stay_in_order(
    faults: list[Overlay], gaps: list[tuple[int, int]]
) -> None:
    live, plain = channel(sky()), channel(sky())
    effective = [live.impose(each, 0) for each in faults]
    last_ns = 0
    for (_, start, end, due), (_, start_before, end_before, _) in zip(
        play(live, gaps), play(plain, gaps), strict=True
    ):
        acting = [each for each in effective if each.start_ns <= end < (each.end_ns or S * S)]
        sets = [each.delay_ns for each in acting if each.delay_ns is not None]
        delay_ns = (sets or [3 * MS])[-1] + sum(each.delay_added_ns for each in acting)
        last_ns = max(last_ns, end + delay_ns)
        assert (start, end, due) == (start_before, end_before, last_ns)


@settings(max_examples=50, deadline=None)
@given(overlays, offers, directions, st.integers(0, S))
def test_a_lifted_overlay_is_one_that_ended_there(
    faults: list[Overlay], gaps: list[tuple[int, int]], direction: Direction, lift_ns: int
) -> None:
    lifted, known = channel(sky(direction)), channel(sky(direction))
    for each in faults:
        lifted.impose(replace(each, name="x"), 0)
    ended = lifted.lift("x", 0, at_ns=(lift_ns // MS + 1) * MS)
    for each in lifted.overlaid.all:
        known.impose(each, -1)
    assert all(each.end_ns is not None and each.end_ns >= lift_ns // MS * MS for each in ended)
    assert play(lifted, gaps) == play(known, gaps)
    assert lifted.counters == known.counters


@settings(max_examples=50, deadline=None)
@given(overlays, offers, directions)
def test_after_the_end_all_is_as_if_nothing_had_been(
    faults: list[Overlay], gaps: list[tuple[int, int]], direction: Direction
) -> None:
    """Imposed, played through, lifted at 0.8 s; what comes from 0.9 s on meets the bare sky."""
    live, plain = channel(sky(direction, rate_bps=10**9)), channel(sky(direction, rate_bps=10**9))
    short = [replace(each, delay_ns=min(each.delay_ns or 0, 20 * MS) or None) for each in faults]
    for each in short:
        live.impose(replace(each, delay_added_ns=min(each.delay_added_ns, 20 * MS), late_ns=0), 0)
    for at_ms in range(0, 600, 7):
        live.offer(b"before", at_ms * MS)
    live.due(800 * MS)
    live.lift(None, 800 * MS)
    live.due(900 * MS)
    if live.queued_bytes == 0:
        assert play(live, gaps, 900 * MS) == play(plain, gaps, 900 * MS)
    assert live.overlaid.live(900 * MS) == []


@settings(max_examples=50, deadline=None)
@given(overlays, offers, directions, st.lists(st.integers(0, 2 * S), max_size=4), st.integers(0, 200_000))
def test_nothing_is_lost_from_the_books_whatever_is_imposed_and_lifted(
    faults: list[Overlay],
    gaps: list[tuple[int, int]],
    direction: Direction,
    lifts: list[int],
    queue_bytes: int,
) -> None:
    """Faults come and go in mid-play; asked at each wake-up or only now and then: the same."""
    eager, lazy = (Channel(sky(direction), queue_bytes=queue_bytes, hold_s=0.3) for _ in range(2))
    changes: list[tuple[int, Overlay | None]] = [(each.start_ns, each) for each in faults]
    changes += [(at_ns, None) for at_ns in lifts]
    now_ns, arrivals = 0, []
    for number, (gap_ns, size) in enumerate(gaps):
        now_ns += gap_ns
        arrivals.append((now_ns, number, size))
    seen, due = [], []
    steps = [*((at, 0, change) for at, change in changes), *((at, 1, (n, size)) for at, n, size in arrivals)]
    for at_ns, kind, what in [*sorted(steps, key=lambda step: step[:2]), (10**12, 2, None)]:
        while (wake := eager.next_ns()) is not None and wake <= at_ns:
            before = len(seen)
            seen += eager.due(wake)
            assert all(each.due_ns == wake for each in seen[before:])
        for machine in (eager, lazy):
            if kind == 0 and isinstance(what, Overlay):
                machine.impose(what, at_ns)
            elif kind == 0:
                machine.lift(None, at_ns)
            elif isinstance(what, tuple):
                number, size = what
                machine.offer(number.to_bytes(2, "big") + bytes(size), at_ns)
        due += lazy.due(at_ns)
    assert [(e.datagram, e.due_ns) for e in due] == [(e.datagram, e.due_ns) for e in seen]
    assert eager.counters == lazy.counters and inside(lazy) == 0 and lazy.drained
    assert len(due) == lazy.counters.delivered + lazy.counters.duplicated
    if lazy.counters.reordered == 0:
        assert all(one.due_ns <= other.due_ns for one, other in pairwise(due))


@settings(max_examples=50, deadline=None)
@given(st.lists(datagram_overlays, min_size=1, max_size=3), st.integers(1, 200))
def test_each_mischief_to_datagrams_is_what_was_asked(faults: list[Overlay], count: int) -> None:
    live = channel(constant("g", "s", Direction.UP, 10**9, 0.003, 2.0))
    faults = [replace(each, start_ns=1, end_ns=None) for each in faults]
    for each in faults:
        live.impose(each, 0)
    sent = [number.to_bytes(2, "big") + bytes(range(100)) for number in range(count)]
    for number, datagram in enumerate(sent):
        live.offer(datagram, 10 * MS + number * MS)
    got = [each.datagram for each in live.due(10**12)]
    damaged = [each for each in got if each not in sent]
    for each in damaged:
        assert any(sum(a != b for a, b in zip(each, one, strict=True)) == 1 for one in sent)
    kinds = {
        name for each in faults for name in ("erase_datagrams", "duplicate", "corrupt") if getattr(each, name)
    }
    assert (live.counters.erased > 0) <= ("erase_datagrams" in kinds)
    assert (max(Counter(got).values(), default=1) > 1) <= bool(kinds & {"duplicate", "corrupt"})
    assert bool(damaged) <= ("corrupt" in kinds)
    for each in faults:
        if each.erase_datagrams is not None and each.erase_datagrams.share is None and len(faults) == 1:
            assert live.counters.erased == count // each.erase_datagrams.every


def test_every_third_datagram_and_what_becomes_of_it() -> None:
    for effects, expected in [
        ({"erase_datagrams": Pick(3)}, b"01.34.6"),
        ({"duplicate": Pick(3)}, b"012234556"),
        ({"reorder": Pick(3), "late_ns": 15 * MS}, b"0132465"),
    ]:
        live = channel(constant("g", "s", Direction.UP, 10**9, 0.003, 2.0))
        live.impose(Overlay(0, None, **effects), 0)  # type: ignore[arg-type]
        for number in range(7):
            live.offer(str(number).encode(), (number + 1) * 10 * MS)
        assert b"".join(each.datagram for each in live.due(S)) == expected.replace(b".", b"")


def test_a_late_datagram_keeps_no_other_waiting_and_wakes_by_itself() -> None:
    live = channel(constant("g", "s", Direction.UP, 10**9, 0.003, 2.0))
    live.impose(Overlay(0, 11 * MS, reorder=ALL, late_ns=500 * MS), 0)
    live.offer(b"late", 10 * MS)
    live.due(11 * MS)
    live.offer(b"swift", 20 * MS)
    wakes = []
    while (wake := live.next_ns()) is not None:
        wakes.append((wake // MS, [each.datagram for each in live.due(wake)]))
    assert wakes == [(23, [b"swift"]), (513, [b"late"])]


def test_a_share_of_slots_is_drawn_by_slot_name_and_link_alone() -> None:
    def slots(name: str, seed: int, station: str, busy: bool) -> list[int]:
        live = Channel(constant(station, "s", Direction.UP, 10**9, 0.003, 20.0), queue_bytes=10**9)
        live.impose(Overlay(S, 9 * S, name, seed, erase_slots=Pick(share=0.25)), 0)
        if busy:
            for number in range(3_000):
                live.offer(b"x", number * MS)
            live.due(10 * S)
        return [slot for slot in range(10_000) if live.is_slot_erased(slot, slot)]

    plain = slots("rain", 1, "g", False)
    assert plain == slots("rain", 1, "g", True)
    assert plain[0] >= 1000 and plain[-1] < 9000 and abs(len(plain) / 8000 - 0.25) < 0.02
    for other in (slots("hail", 1, "g", False), slots("rain", 2, "g", False), slots("rain", 1, "h", False)):
        assert other != plain and abs(len(set(other) & set(plain)) / 8000 - 0.0625) < 0.02


@settings(max_examples=40)
@given(slot_overlays, slot_overlays, slot_overlays, st.lists(st.integers(0, 300), min_size=3, max_size=7))
def test_erased_slots_are_counted_once_whoever_erased_them(
    first: Overlay, second: Overlay, third: Overlay, steps: list[int]
) -> None:
    live, erased, slot = channel(sky()), 0, 0
    live.overlaid.erased_until(0)
    coming = [first, second, third]
    for number, step in enumerate(steps):
        slots = range(slot, slot := slot + step)
        erased += sum(live.is_slot_erased(each, each) for each in slots)
        if number % 2:
            assert live.overlaid.erased_until(slot * MS) == erased
        if coming:
            live.impose(replace(coming.pop(), name=str(number)), slot * MS)
        elif number == 4:
            live.lift("1", slot * MS)
    assert live.overlaid.erased_until(slot * MS) == erased


def test_slots_of_a_fault_that_has_ended_stay_counted() -> None:
    live = channel(constant("g", "s", Direction.UP, RATE, 0.003, 10**5, erased=[(1000, 500)]))
    live.overlaid.erased_until(0)
    live.impose(Overlay(0, 2 * S, "train", erase_slots=Pick(10)), 0)
    live.impose(replace(blackhole(S, 3 * S), name="hole"), 0)
    live.impose(outage(5 * S, 6 * S), 4 * S)  # by now the others are forgotten
    assert len(live.overlaid.all) == 1
    assert live.overlaid.erased_until(9 * S) == 99 + 2000
    live.impose(Overlay(0, None, "for ever", erase_slots=Pick(1000)), 9 * S)
    assert live.overlaid.erased_until(50_009 * S) == 99 + 2000 + 50_000 - 1


def test_a_batch_takes_effect_at_one_edge_in_all_directions_and_slot_lengths() -> None:
    ways = [
        constant("g", "s", Direction.UP, RATE, 0.003, 9.0, slot_s=2e-3),
        constant("g", "s", Direction.DOWN, RATE, 0.003, 9.0, slot_s=3e-3),
        constant("h", "s", Direction.UP, RATE, 0.003, 9.0),
    ]
    player = Player(Sky.of(*ways))
    batch = [
        ((0, Direction.UP), outage(0)),
        ((0, Direction.DOWN), blackhole(0)),
        ((1, Direction.UP), outage(S)),
    ]
    effective = player.impose_all(batch, 7 * MS)
    assert [each.start_ns for _, each in effective] == [12 * MS, 12 * MS, S]
    ended = player.lift(None, 13 * MS)
    assert [each.end_ns for _, each in ended] == [18 * MS, 18 * MS, S]
    assert player.lift(None, 13 * MS) == [] and player.impose_all([], 0) == []
    assert common_boundary([7], [2, 3]) == 12


def test_lifting_one_name_leaves_the_others() -> None:
    live = channel(sky())
    live.impose(outage(0, name="a"), 0)
    live.impose(replace(blackhole(0), name="b"), 0)
    [ended] = live.lift("a", 10 * MS)
    assert (ended.name, ended.start_ns, ended.end_ns) == ("a", MS, 11 * MS)
    assert [each.name for each in live.overlaid.live(20 * MS)] == ["b"]
    assert live.capacity.rate(10 * MS) == 0 and live.capacity.rate(11 * MS) == RATE


def test_overlays_that_no_light_can_meet_any_more_are_forgotten() -> None:
    live = channel(constant("g", "s", Direction.UP, RATE, 0.003, 200.0))
    for at_s in range(100):
        live.impose(outage(at_s * S, at_s * S + 10 * MS), at_s * S)
    assert len(live.overlaid.all) <= 2


@pytest.mark.parametrize("effect", ["erase_datagrams", "duplicate", "corrupt", "reorder"])
def test_a_stream_takes_no_mischief_to_datagrams(effect: str) -> None:
    refuse_for_streams(blackhole(0))
    with pytest.raises(InputError, match=f"overlay spite: {effect}: a stream of bytes has no datagrams"):
        refuse_for_streams(replace(Overlay(0, name="spite", late_ns=1), **{effect: ALL}))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(rate_overlays, slot_overlays), min_size=1, max_size=5), offers, directions)
def test_laid_into_the_timeline_they_play_as_imposed_from_its_beginning(
    faults: list[Overlay], gaps: list[tuple[int, int]], direction: Direction
) -> None:
    assert all(fits(each, MS) for each in faults if each.end_ns is not None)
    live, laid = channel(sky(direction)), laid_into(sky(direction), faults)
    check(laid)
    for each in faults:
        live.impose(each, -1)
    assert play(live, gaps) == play(channel(laid), gaps)
    own = laid.erased_cause[laid.erased_cause != Cause.FAULT]
    assert set(own.tolist()) <= {int(Cause.FADE)} and laid.known.any() == sky(direction).known.any()


def test_what_a_timeline_cant_say_stays_an_overlay() -> None:
    assert not fits(Overlay(0, delay_ns=1), MS) and not fits(Overlay(0, corrupt=ALL), MS)
    assert not fits(Overlay(0, None, erase_slots=Pick(2)), MS) and fits(blackhole(0), MS)
    assert laid_into(sky(), []) is not None
    laid = laid_into(sky(), [Overlay(100 * MS, 110 * MS, erase_slots=ALL)])
    assert laid.erased_slot.tolist()[:2] == [100, 103] and laid.erased_count.tolist()[:2] == [3, 7]
    assert laid.erased_cause.tolist()[:2] == [Cause.FADE, Cause.FAULT]
