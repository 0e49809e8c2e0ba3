"""Skies cut, moved, slowed and repeated: what a frame meets there is what it met in the whole sky."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.link import reshape
from linkemu.link.channel import Channel
from linkemu.link.delay import DelayCurve
from linkemu.link.timeline import Cause, LinkTimeline, Sky, check, constant
from linkemu.machine import Direction

SLOT = 1_000_000
LENGTH = 700_000_000  # of a delay segment
WAYS = (Direction.UP, Direction.DOWN)


@st.composite
def timelines(draw: st.DrawFn, way: Direction, end_ns: int) -> LinkTimeline:
    """Any rates, delays in touching segments over the whole, runs of erased slots, a sample a second."""
    inner = draw(st.lists(st.integers(1, end_ns - 1), max_size=6, unique=True).map(sorted))
    rates = draw(
        st.lists(st.sampled_from([0, 0, 8_000, 10**9]), min_size=len(inner) + 1, max_size=len(inner) + 1)
    )
    cause = [Cause.NONE if rate else Cause.CLOUD for rate in rates]
    starts = np.arange(draw(st.integers(-LENGTH, 0)), end_ns + LENGTH, LENGTH, dtype=np.int64)
    terms = np.zeros((len(starts), 8))
    terms[:, 0] = draw(st.floats(0.001, 0.3))
    terms[:, 1:4] = draw(st.lists(st.floats(-1e-4, 1e-4), min_size=3, max_size=3))
    cuts = draw(st.lists(st.integers(0, end_ns // SLOT + 30), max_size=12, unique=True).map(sorted))
    runs = np.array(list(zip(cuts[::2], cuts[1::2], strict=False)), dtype=np.int64).reshape(-1, 2)
    samples = np.arange(0, end_ns, 10**9, dtype=np.int64)
    made = LinkTimeline(
        station="g",
        satellite="s",
        direction=way,
        slot_ns=SLOT,
        edge_ns=np.array([0, *inner, end_ns], dtype=np.int64),
        rate_bps=np.array(rates, dtype=np.int64),
        cause=np.array(cause, dtype=np.uint8),
        known=np.zeros(len(rates), dtype=np.bool_),
        delay_start_ns=starts,
        delay_length_ns=LENGTH,
        delay_s=terms,
        erased_slot=runs[:, 0].copy(),
        erased_count=runs[:, 1] - runs[:, 0],
        erased_cause=np.full(len(runs), Cause.FADE, dtype=np.uint8),
        sample_ns=samples,
        elevation_deg=samples.astype(np.float32),
        azimuth_deg=samples.astype(np.float32),
        range_m=samples.astype(np.float64),
        range_rate_mps=samples.astype(np.float64),
        power_dBm=samples.astype(np.float32),
        margin_dB=samples.astype(np.float32),
    )
    check(made)
    return made


@st.composite
def skies(draw: st.DrawFn) -> Sky:
    end_ns = draw(st.integers(20 * SLOT, 3 * 10**9))
    return Sky.of(*(draw(timelines(way, end_ns)) for way in WAYS), header={"name": "drawn"})


def erased(timeline: LinkTimeline, first: int, stop: int) -> set[int]:
    """Which slots from first (inclusive) to stop are erased."""
    runs = zip(timeline.erased_slot.tolist(), timeline.erased_count.tolist(), strict=True)
    return {slot for start, count in runs for slot in range(max(start, first), min(start + count, stop))}


def same(
    before: LinkTimeline, after: LinkTimeline, at_ns: int, span_ns: int, to_ns: int, slack_ns: int = 0
) -> None:
    """``after`` from ``to_ns`` on does for ``span_ns`` what ``before`` does from ``at_ns`` on."""
    was, now = Channel(before), Channel(after)
    moments = [span_ns * n // 7 for n in range(7)]
    for moment in moments:
        assert now.capacity.rate(to_ns + moment) == was.capacity.rate(at_ns + moment)
        late = DelayCurve(after)(to_ns + moment) - DelayCurve(before)(at_ns + moment)
        assert abs(late) <= slack_ns
        carried = now.capacity.position(to_ns + moment) - now.capacity.position(to_ns)
        assert carried == was.capacity.position(at_ns + moment) - was.capacity.position(at_ns)
    slots = span_ns // SLOT
    moved = {
        slot - to_ns // SLOT + at_ns // SLOT for slot in erased(after, to_ns // SLOT, to_ns // SLOT + slots)
    }
    assert moved == erased(before, at_ns // SLOT, at_ns // SLOT + slots)


@given(skies(), st.data())
def test_a_cut_is_the_whole_sky_seen_through_a_window(sky: Sky, data: st.DataObject) -> None:
    whole_ns = reshape.end_ns(sky)
    start_ns = data.draw(st.integers(0, whole_ns - SLOT))
    stop_ns = data.draw(st.integers(start_ns + 1, whole_ns))
    cut = reshape.crop(sky, start_ns, stop_ns)
    edge_ns = start_ns // SLOT * SLOT
    for key, timeline in cut.timelines.items():
        check(timeline)
        assert timeline.end_ns == stop_ns - edge_ns
        same(sky.timelines[key], timeline, edge_ns, timeline.end_ns, 0)
        assert all(-2 * 10**9 < at_ns < timeline.end_ns for at_ns in timeline.sample_ns.tolist())
        shown = set((timeline.sample_ns + edge_ns).tolist())
        assert shown >= {t for t in sky.timelines[key].sample_ns.tolist() if edge_ns <= t < stop_ns}


@given(skies(), st.data())
def test_two_cuts_are_one(sky: Sky, data: st.DataObject) -> None:
    whole = reshape.end_ns(sky) // SLOT
    a = data.draw(st.integers(0, whole - 2))
    b = data.draw(st.integers(0, whole - 2 - a))
    once = reshape.crop(sky, (a + b) * SLOT, whole * SLOT)
    twice = reshape.crop(reshape.crop(sky, a * SLOT, whole * SLOT), b * SLOT, (whole - a) * SLOT)
    assert twice.digest() == once.digest()


@given(skies(), st.integers(0, 10**9))
def test_a_later_sky_is_dark_and_then_the_same(sky: Sky, by_ns: int) -> None:
    later = reshape.shift(sky, by_ns)
    edge_ns = by_ns // SLOT * SLOT
    for key, timeline in later.timelines.items():
        check(timeline)
        same(sky.timelines[key], timeline, 0, sky.timelines[key].end_ns, edge_ns)
        assert Channel(timeline).capacity.position(edge_ns) == 0
        assert erased(timeline, 0, edge_ns // SLOT) == set()
    back = reshape.shift(later, -edge_ns)
    for key, timeline in back.timelines.items():
        same(sky.timelines[key], timeline, 0, timeline.end_ns, 0)


@given(skies(), st.sampled_from([Fraction(1, 2), Fraction(3, 4), Fraction(2), Fraction(5, 2), Fraction(10)]))
def test_a_slower_sky_has_the_same_slots_and_carries_as_much(sky: Sky, factor: Fraction) -> None:
    slow = reshape.stretch(sky, factor)
    for key, timeline in slow.timelines.items():
        check(timeline)
        before = sky.timelines[key]
        assert timeline.slot_ns == before.slot_ns * factor
        assert timeline.erased_slot.tolist() == before.erased_slot.tolist()
        assert timeline.erased_count.tolist() == before.erased_count.tolist()
        assert timeline.end_ns == round(before.end_ns * factor)
        carried, carries = (Channel(each).capacity.position(each.end_ns) for each in (before, timeline))
        assert abs(carries - carried) <= (carried >> 12) + 8 * 10**9 * len(before.edge_ns)
        for moment in range(0, before.end_ns, max(1, before.end_ns // 5)):
            # the next segment's beginning may be rounded to this very ns: drawn delays jump there
            asked = [DelayCurve(before)(at_ns) * factor for at_ns in (moment, moment + 1)]
            answered = DelayCurve(timeline)(round(moment * factor))
            assert min(abs(answered - each) for each in asked) <= factor + 2


@given(skies(), st.integers(1, 4))
def test_each_round_of_a_loop_is_the_first(sky: Sky, times: int) -> None:
    period_ns = reshape.end_ns(sky) // SLOT * SLOT
    looped = reshape.loop(sky, times)
    for key, timeline in looped.timelines.items():
        check(timeline)
        for n in range(times):
            same(sky.timelines[key], timeline, 0, period_ns, n * period_ns, slack_ns=1)
    if times > 1:
        assert reshape.end_ns(looped) == times * period_ns


@given(skies(), st.data())
def test_a_cut_within_light_can_be_looped(sky: Sky, data: st.DataObject) -> None:
    """Delay segments that begin before the cut would overlap at the seams."""
    start = data.draw(st.integers(1, reshape.end_ns(sky) // SLOT - 2))
    cut = reshape.crop(sky, start * SLOT, reshape.end_ns(sky) // SLOT * SLOT)
    looped = reshape.loop(cut, 3)
    period_ns = reshape.end_ns(cut)
    for key, timeline in looped.timelines.items():
        check(timeline)
        for n in range(3):
            same(cut.timelines[key], timeline, 0, period_ns, n * period_ns, slack_ns=1)


def test_delays_of_a_cut_go_on_without_a_step(pass_sky: Sky) -> None:
    """The seam of two touching cuts: the second begins with the delay with which the first ends."""
    middle_ns, end_ns = 40 * 10**9, reshape.end_ns(pass_sky)
    early, late = reshape.crop(pass_sky, 0, middle_ns), reshape.crop(pass_sky, middle_ns, end_ns)
    for key, timeline in early.timelines.items():
        assert DelayCurve(timeline)(middle_ns) == DelayCurve(late.timelines[key])(0)


@pytest.fixture
def pass_sky() -> Sky:
    """The shipped sky of the demo."""
    return Sky.load(Path(__file__).parents[1] / "reference" / "demo.sky")


def test_what_lies_outside_is_refused(pass_sky: Sky) -> None:
    end_ns = reshape.end_ns(pass_sky)
    for wrong in (
        lambda: reshape.crop(pass_sky, end_ns, end_ns + 1),
        lambda: reshape.crop(pass_sky, 10, 5),
        lambda: reshape.shift(pass_sky, -2 * end_ns),
        lambda: reshape.shift(pass_sky, 2**62),
        lambda: reshape.stretch(pass_sky, Fraction(1, 3)),
        lambda: reshape.stretch(pass_sky, Fraction(0)),
        lambda: reshape.loop(pass_sky, 0),
        lambda: reshape.loop(pass_sky, 10**10),
    ):
        with pytest.raises(InputError):
            wrong()


def test_a_timeline_that_ends_early_stays_in_its_place() -> None:
    """Timelines of one sky may differ in length: what is cut off or repeated is dark."""
    long, short = (constant("g", "s", way, 10**6, 0.01, s) for way, s in zip(WAYS, (10.0, 4.0), strict=True))
    sky = Sky.of(long, short)
    cut = reshape.crop(sky, 5 * 10**9, 10**10)
    check(cut.timelines[0, Direction.DOWN])
    assert not cut.timelines[0, Direction.DOWN].rate_bps.any()
    looped = reshape.loop(sky, 2).timelines[0, Direction.DOWN]
    check(looped)
    assert looped.end_ns == 20 * 10**9
    assert Channel(looped).capacity.lights() == [(0, 4 * 10**9), (10**10, 14 * 10**9)]


def test_links_and_header_stay(pass_sky: Sky) -> None:
    changed = reshape.loop(reshape.stretch(reshape.shift(pass_sky, 10**9), Fraction(2)), 2)
    assert (changed.links, changed.header) == (pass_sky.links, pass_sky.header)
    assert replace(changed, timelines=pass_sky.timelines).digest() == pass_sky.digest()
