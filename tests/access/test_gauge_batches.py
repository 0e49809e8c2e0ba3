"""Datagrams counted together give the report that they give one by one."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkemu.access.gauge import Beat, Gauge
from linkemu.link.fidelity import Histogram
from linkemu.link.lane import Lane
from linkemu.link.sheaf import Loose
from linkemu.link.timeline import Cause, constant
from linkemu.machine import Direction

MS = 1_000_000


@given(st.lists(st.one_of(st.integers(0, 20_000), st.integers(0, 10**11)), min_size=1, max_size=60))
def test_a_histogram_takes_many_as_it_takes_each(values):
    each, together = Histogram(), Histogram()
    for value in values:
        each.add(value)
    together.add_many(np.array(values))
    assert +each.buckets == +together.buckets and each.largest_ns == together.largest_ns


@given(
    st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 3000)), min_size=1, max_size=60),
    st.lists(st.integers(0, 3 * MS), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_gauge_counts_legs_as_it_counts_datagrams(parts, waits, erased):
    runs = [(slot, 2) for slot in range(1, 40, 7)] if erased else []
    dark = [(0.002, 0.0035, Cause.CLOUD)]
    lane = Lane(constant("g", "s", Direction.UP, 200_000_000, 0.0005, 1.0, erased=runs, dark=dark))
    arrived = np.cumsum([gap for gap, _ in parts])
    lane.offer_many(Loose([bytes(size) for _, size in parts]), arrived)
    lights = [(0, 2 * MS), (3_500_000, 10**9)]
    beats = Beat(), Beat()
    single, joined = (Gauge("up", lights, beat) for beat in beats)
    now_ns = 0
    for wait in [*waits, 10**9]:
        now_ns += wait
        for leg in lane.due_many(now_ns):
            placed = leg.placed
            for row in range(leg.first, leg.stop):
                if placed.lost is None or not placed.lost[row]:
                    times = (int(each[row]) for each in (placed.start_ns, placed.end_ns, placed.due_ns))
                    single.delivered(int(placed.sizes[row]), *times, now_ns)
            joined.delivered_many(leg, now_ns)
    assert asdict(joined.report()) == asdict(single.report())
    figures = [(beat.bits, beat.asked_ns, beat.achieved_ns) for beat in beats]
    assert figures[0] == figures[1]
