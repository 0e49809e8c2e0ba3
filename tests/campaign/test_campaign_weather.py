"""Faults of the light: dark where they say so, lost where they say so, and elsewhere the sky that was."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.campaign.faults import Fades, Fault, Outage
from linkemu.campaign.weather import goes, spoil
from linkemu.link.capacity import Capacity
from linkemu.link.channel import Channel
from linkemu.link.timeline import Cause, LinkTimeline, Sky, check, constant
from linkemu.machine import Direction

RATE, END_S, SLOT_NS = 1_000_000, 10.0, 1_000_000
SKY = Sky.of(
    *(
        constant(
            "a",
            "s",
            way,
            RATE,
            0.003,
            END_S,
            erased=[(500, 30), (2000, 1)],
            dark=[(4.0, 5.0, Cause.BELOW_MASK)],
        )
        for way in Direction
    )
)
WAYS = st.sampled_from(["up", "down", "both"])
TIMES = st.floats(0.0, 11.0, allow_nan=False).map(lambda value: round(value, 4))
SPANS = st.floats(0.001, 3.0).map(lambda value: round(value, 4))
OUTAGES = st.builds(
    Outage,
    station=st.sampled_from(["a", "b"]),
    satellite=st.just("s"),
    way=WAYS,
    at_s=TIMES,
    for_s=SPANS,
    kind=st.sampled_from(["dark", "lost"]),
)
FADES = st.builds(
    Fades,
    station=st.just("a"),
    satellite=st.just("s"),
    way=WAYS,
    at_s=TIMES,
    for_s=SPANS,
    every_s=st.floats(0.002, 1.0),
    lost_s=st.floats(0.001, 0.5),
)


def rate(timeline: LinkTimeline, at_ns: int) -> int:
    return Capacity(timeline.edge_ns.tolist(), timeline.rate_bps.tolist()).rate(at_ns)


@settings(max_examples=150, deadline=None)
@given(
    faults=st.lists(OUTAGES | FADES, max_size=6),
    moments=st.lists(st.integers(0, 9999), min_size=5, max_size=30),
)
def test_every_moment_is_as_the_faults_say(faults: list[Fault], moments: list[int]) -> None:
    spoilt = spoil(SKY, faults)
    for key, timeline in spoilt.timelines.items():
        check(timeline)
        before = SKY.timelines[key]
        was, now = Channel(before), Channel(timeline)
        mine = [
            fault
            for fault in faults
            if isinstance(fault, Outage | Fades) and fault.station == "a" and goes(fault.way, key[1])
        ]
        for slot in moments:
            middle_s = (slot + 0.5) * 1e-3
            over = [f for f in mine if f.at_s <= middle_s < f.at_s + f.for_s]
            dark = any(isinstance(f, Outage) and f.kind == "dark" for f in over)
            at_ns = slot * SLOT_NS + SLOT_NS // 2
            assert rate(timeline, at_ns) == (0 if dark else rate(before, at_ns))
            begins_s = slot * 1e-3
            if any(
                isinstance(f, Outage) and f.kind == "lost" and f.at_s <= begins_s < f.at_s + f.for_s - 1e-9
                for f in mine
            ):
                assert now.is_slot_erased(slot, slot)
            if not any(f.at_s - 2e-3 <= middle_s < f.at_s + f.for_s + 2e-3 for f in mine):
                assert now.is_slot_erased(slot, slot) == was.is_slot_erased(slot, slot)


def test_a_train_of_fades_loses_its_share() -> None:
    spoilt = spoil(SKY, [Fades("a", "s", "up", 1.0, 1.0, 0.1, 0.03)])
    up, down = spoilt.timelines[0, Direction.UP], spoilt.timelines[0, Direction.DOWN]
    fresh = (up.erased_slot >= 1000) & (up.erased_slot < 2000)
    assert up.erased_slot[fresh].tolist() == [1000 + 100 * number for number in range(10)]
    assert set(up.erased_count[fresh].tolist()) == {30}
    assert np.array_equal(down.erased_slot, SKY.timelines[0, Direction.DOWN].erased_slot)


def test_without_faults_of_light_the_sky_is_the_same() -> None:
    assert spoil(SKY, []).digest() == SKY.digest()


def test_a_fault_takes_the_blame_only_for_what_it_took() -> None:
    spoilt = spoil(SKY, [Outage("a", "s", "up", 3.5, 2.0, "dark"), Outage("a", "s", "up", 0.53, 0.1, "lost")])
    up = spoilt.timelines[0, Direction.UP]
    causes = [(int(edge), Cause(int(cause))) for edge, cause in zip(up.edge_ns[:-1], up.cause, strict=True)]
    assert causes[1:4] == [
        (3_500_000_000, Cause.FAULT),
        (4_000_000_000, Cause.BELOW_MASK),
        (5_000_000_000, Cause.FAULT),
    ]
    assert list(zip(up.erased_slot.tolist(), up.erased_count.tolist(), strict=True))[:2] == [
        (500, 30),
        (530, 100),
    ]
    assert up.erased_cause[1] == Cause.FAULT != up.erased_cause[0]
