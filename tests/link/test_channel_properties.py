"""The channel against a brute-force model in fractions, and the laws of the link as properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from linkemu.link.channel import Channel
from linkemu.link.overlay import Overlay
from linkemu.link.timeline import Cause, LinkTimeline, constant
from linkemu.machine import Direction

END_NS = 2_000_000_000
HOLD_S = 0.4


def timeline_of(
    segments: Sequence[tuple[int, int]],
    delay_s: float,
    erased: Sequence[tuple[int, int]],
    direction: Direction,
) -> LinkTimeline:
    """Segments (length in ns, rate), then dark to the end."""
    edges, rates = [0], []
    for length, rate in segments:
        edges.append(edges[-1] + length)
        rates.append(rate)
    edges.append(END_NS)
    rates.append(0)
    plain = constant("g", "s", direction, 1, delay_s, END_NS / 1e9, erased=erased)
    causes = [Cause.NONE if rate else Cause.CLOUD for rate in rates]
    return replace(
        plain,
        edge_ns=np.array(edges, dtype=np.int64),
        rate_bps=np.array(rates, dtype=np.int64),
        cause=np.array(causes, dtype=np.uint8),
        known=np.zeros(len(rates), dtype=np.bool_),
    )


segments = st.lists(
    st.tuples(st.integers(1, 200_000_000), st.sampled_from([0, 0, 999_983, 8_000_000, 10**9, 10**11])),
    min_size=1,
    max_size=8,
)
offers = st.lists(st.tuples(st.integers(0, 120_000_000), st.integers(1, 60_000)), min_size=1, max_size=30)
runs = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), max_size=6).map(
    lambda gaps: [(sum(g + n for g, n in gaps[:i]) + gap, n) for i, (gap, n) in enumerate(gaps)]
)
directions = st.sampled_from(list(Direction))


def model(timeline: LinkTimeline, arrivals: Sequence[tuple[int, int]]) -> list[tuple[int, int, bool] | None]:
    """(leave start, due, erased) in ns for each (arrival, size), None if held too long. Slow and plain."""
    edges, rates = timeline.edge_ns.tolist(), timeline.rate_bps.tolist()
    delay = round(float(timeline.delay_s[0, 0]) * 1e9)
    bad = {
        s for a, n in zip(timeline.erased_slot, timeline.erased_count, strict=True) for s in range(a, a + n)
    }
    answers: list[tuple[int, int, bool] | None] = []
    free, last_due = Fraction(0), 0
    for arrived, size in arrivals:
        begin = max(Fraction(arrived), free)
        found = None
        for k, rate in enumerate(rates):
            if rate == 0 or edges[k + 1] <= begin:
                continue
            start = max(begin, Fraction(edges[k]))
            left, at, j = Fraction(size * 8), start, k
            while left > 0 and j < len(rates) and rates[j] > 0:
                takes = min(left * 10**9 / rates[j], edges[j + 1] - at)
                left -= takes * rates[j] / 10**9
                at += takes
                j += 1
            if left == 0:
                found = start, at
                break
        if found is None or floor(found[0]) > arrived + HOLD_S * 1e9:
            answers.append(None)
            free = max(free, arrived + Fraction(round(HOLD_S * 1e9)))  # it stood in the way until then
            continue
        start, free = found
        last_due = max(last_due, ceil(free) + delay)
        shift = delay if timeline.direction is Direction.DOWN else 0
        first, end = floor(start) + shift, ceil(free) + shift
        touched = range(first // timeline.slot_ns, max(first, end - 1) // timeline.slot_ns + 1)
        answers.append((floor(start), last_due, any(slot in bad for slot in touched)))
    return answers


def play(timeline: LinkTimeline, arrivals: Sequence[tuple[int, int]], polls: Sequence[int] = ()) -> Channel:
    """A channel that has taken all arrivals; polled in between, which must change nothing."""
    channel = Channel(timeline, queue_bytes=10**9, hold_s=HOLD_S)
    for number, (now_ns, size) in enumerate(arrivals):
        channel.offer(number.to_bytes(4, "big").ljust(size, b".")[:size], now_ns)
    return channel


def absolute(gaps: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    total, arrivals = 0, []
    for gap, size in gaps:
        total += gap
        arrivals.append((total, size))
    return arrivals


@given(segments, st.sampled_from([0.0, 0.0017, 0.25]), runs, offers, directions)
def test_every_time_is_exact_to_the_nanosecond(
    parts: list[tuple[int, int]],
    delay_s: float,
    erased: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
    direction: Direction,
) -> None:
    timeline = timeline_of(parts, delay_s, erased, direction)
    arrivals = absolute(gaps)
    expected = [answer[:2] for answer in model(timeline, arrivals) if answer and not answer[2]]
    delivered = play(timeline, arrivals).due(10**12)
    assert [(each.start_ns, each.due_ns) for each in delivered] == expected


@given(segments, runs, offers, directions, st.integers(0, 10**6))
@example([(8001, 999_983)], [], [(0, 2), (0, 1)], Direction.UP, 3)
def test_wakeups_lose_nothing_and_change_nothing(
    parts: list[tuple[int, int]],
    erased: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
    direction: Direction,
    queue_bytes: int,
) -> None:
    """Driven by next_ns between arrivals, or asked once at the end: the same deliveries and counters."""
    timeline = timeline_of(parts, 0.003, erased, direction)
    lazy = Channel(timeline, queue_bytes=queue_bytes, hold_s=HOLD_S)
    eager = Channel(timeline, queue_bytes=queue_bytes, hold_s=HOLD_S)
    seen = []
    for now_ns, size in [*absolute(gaps), (10**12, 0)]:
        while (wake := eager.next_ns()) is not None and wake <= now_ns:
            due = eager.due(wake)
            assert all(each.due_ns == wake for each in due)
            seen += due
        if size:
            assert lazy.offer(bytes(size), now_ns) == eager.offer(bytes(size), now_ns)
    assert lazy.due(10**12) == seen
    assert lazy.counters == eager.counters
    assert lazy.drained and eager.drained and eager.queued_bytes == 0


@given(segments, runs, offers, directions, st.integers(1000, 10**6))
def test_conservation_and_order(
    parts: list[tuple[int, int]],
    erased: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
    direction: Direction,
    queue_bytes: int,
) -> None:
    channel = Channel(timeline_of(parts, 0.01, erased, direction), queue_bytes=queue_bytes, hold_s=HOLD_S)
    for now_ns, size in absolute(gaps):
        channel.offer(bytes(size), now_ns)
    out = channel.due(10**12)
    count = channel.counters
    assert count.offered == count.refused + count.expired + count.erased + count.delivered == len(gaps)
    assert count.delivered == len(out)
    assert [each.due_ns for each in out] == sorted(each.due_ns for each in out)
    assert all(before.end_ns <= after.start_ns + 1 for before, after in pairwise(out))


@given(runs, st.integers(0, 900), st.integers(0, 200))
def test_the_same_sky_for_every_client(erased: list[tuple[int, int]], at_ms: int, before: int) -> None:
    """Whether a frame survives depends on its slots, never on how many went before it."""
    timeline = constant("g", "s", Direction.UP, 10**9, 0.005, 2.0, erased=erased)
    fates = []
    for earlier in (0, before):
        channel = Channel(timeline, queue_bytes=10**9)
        for i in range(earlier):
            channel.offer(b"x", i)
        channel.offer(b"frame of this client", at_ms * 1_000_000 + 10_000)
        fates.append(b"frame of this client" in [each.datagram for each in channel.due(10**12)])
    assert fates[0] == fates[1]


@given(
    segments, offers, st.integers(0, 1_500_000_000), st.integers(1, 300_000_000), st.sampled_from([0, 5000])
)
def test_a_live_fault_rewrites_nothing_before_it_begins(
    parts: list[tuple[int, int]], gaps: list[tuple[int, int]], at_ns: int, length_ns: int, rate: int
) -> None:
    timeline = timeline_of(parts, 0.002, [], Direction.UP)
    plain, faulted = Channel(timeline, hold_s=9.0), Channel(timeline, hold_s=9.0)
    effective = None
    for now_ns, size in [*absolute(gaps), (END_NS, 0)]:
        if effective is None and now_ns >= at_ns:
            effective = faulted.impose(Overlay(at_ns, at_ns + length_ns, rate_cap_bps=rate), at_ns)
        if size:
            plain.offer(bytes(size), now_ns)
            faulted.offer(bytes(size), now_ns)
    assert effective is not None and effective.start_ns % timeline.slot_ns == 0
    assert effective.start_ns > at_ns
    before = [each for each in plain.due(10**12) if each.end_ns <= effective.start_ns]
    after = faulted.due(10**12)
    assert after[: len(before)] == before
    if rate == 0:
        dark = range(effective.start_ns + 1, effective.end_ns)
        assert all(each.start_ns not in dark and each.end_ns not in dark for each in after)
