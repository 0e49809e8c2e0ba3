"""Questions that displays and reports ask of a timeline: its outages, its state, and what it could carry.

Times are those of the sending terminal, in scenario seconds. Nothing here decides anything about a frame:
that is channel.py's, to the nanosecond.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.link.capacity import Capacity
from linkemu.link.timeline import Cause, LinkTimeline
from linkemu.machine import Direction

LONG_s = 0.1  # erasure from here on is an outage to a person; shorter ones are fades


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch without a working link. ``known``: it stands in the plan."""

    start_s: float
    end_s: float
    cause: Cause
    known: bool


@dataclass(frozen=True, slots=True)
class State:
    """A link at a moment; figures are None outside of passes, ``margin_dB`` also where no mode closes."""

    rate_bps: int
    cause: Cause
    known: bool
    until_s: float  # end of this state
    delay_s: float | None
    elevation_deg: float | None
    azimuth_deg: float | None
    range_m: float | None
    range_rate_mps: float | None
    power_dBm: float | None
    margin_dB: float | None


def delay_s(timeline: LinkTimeline, leave_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """One-way light time at leaving times, any shape; nan where the timeline has no delay."""
    if not len(timeline.delay_start_ns):
        return np.full(np.shape(leave_ns), np.nan)
    segment = np.searchsorted(timeline.delay_start_ns, leave_ns, side="right") - 1
    u = (leave_ns - timeline.delay_start_ns[segment]) / timeline.delay_length_ns
    value = np.zeros(np.shape(leave_ns))
    for term in timeline.delay_s.T[::-1]:
        value = value * u + term[segment]
    inside = (segment >= 0) & (u <= 1.0)
    return np.where(inside, value, np.nan)


def erased_ns(timeline: LinkTimeline) -> NDArray[np.int64]:
    """Start and end of each run of erased slots in the sender's time, shape (r, 2)."""
    first = timeline.erased_slot * timeline.slot_ns
    crossing = np.stack([first, first + timeline.erased_count * timeline.slot_ns], axis=1)
    if timeline.direction is Direction.UP or not len(crossing):
        return crossing
    light = np.nan_to_num(delay_s(timeline, crossing))  # moves by less than 0.2 us while light is under way
    leaving: NDArray[np.int64] = crossing - np.round(light * 1e9).astype(np.int64)
    return leaving


def outages(timeline: LinkTimeline, shortest_s: float = LONG_s) -> list[Outage]:
    """All outages in order: rate 0, and erasure that lasts ``shortest_s`` or more in one piece.

    Erasure and the loss of lock that it leads to are one outage if their cause is the same.
    """
    dark = [
        Outage(start / 1e9, end / 1e9, Cause(cause), known)
        for start, end, cause, known, rate in zip(
            timeline.edge_ns[:-1].tolist(),
            timeline.edge_ns[1:].tolist(),
            timeline.cause.tolist(),
            timeline.known.tolist(),
            timeline.rate_bps.tolist(),
            strict=True,
        )
        if rate == 0
    ]
    spans = zip(erased_ns(timeline).tolist(), timeline.erased_cause.tolist(), strict=True)
    for (start, end), cause in spans:
        if end - start >= shortest_s * 1e9:
            dark.extend(_lit(timeline, start, min(end, timeline.end_ns), Cause(cause)))
    return _merged(sorted(dark, key=lambda each: (each.start_s, each.end_s)))


def _lit(timeline: LinkTimeline, start_ns: int, end_ns: int, cause: Cause) -> list[Outage]:
    """The parts of an erased stretch in which the sender sends."""
    edges, rates = timeline.edge_ns, timeline.rate_bps
    first = max(0, int(np.searchsorted(edges, start_ns, side="right")) - 1)
    stop = int(np.searchsorted(edges, end_ns, side="left"))
    return [
        Outage(max(start_ns, int(edges[i])) / 1e9, min(end_ns, int(edges[i + 1])) / 1e9, cause, False)
        for i in range(first, min(stop, len(rates)))
        if rates[i] > 0
    ]


def _merged(rows: list[Outage]) -> list[Outage]:
    result: list[Outage] = []
    for row in rows:
        last = result[-1] if result else None
        if last and last.cause == row.cause and last.known == row.known and row.start_s - last.end_s < 1e-6:
            result[-1] = Outage(last.start_s, max(last.end_s, row.end_s), row.cause, row.known)
        else:
            result.append(row)
    return result


def state_at(timeline: LinkTimeline, t_s: float) -> State:
    """The state at a moment: the outage that holds it, else the rate; figures of the latest sample."""
    now_ns = round(t_s * 1e9)
    segment = min(max(bisect_right(timeline.edge_ns, now_ns) - 1, 0), len(timeline.rate_bps) - 1)
    rate, until_ns = int(timeline.rate_bps[segment]), int(timeline.edge_ns[segment + 1])
    cause, known = Cause(int(timeline.cause[segment])), bool(timeline.known[segment])
    if rate:
        long = erased_ns(timeline)
        inside = (long[:, 0] <= now_ns) & (now_ns < long[:, 1])
        inside &= long[:, 1] - long[:, 0] >= LONG_s * 1e9
        for run in np.flatnonzero(inside).tolist():
            cause, until_ns = Cause(int(timeline.erased_cause[run])), min(until_ns, int(long[run, 1]))
    delay = float(delay_s(timeline, np.array([now_ns]))[0])
    figures = _figures(timeline, now_ns)
    return State(rate, cause, known, until_ns / 1e9, None if np.isnan(delay) else delay, *figures)


def _figures(timeline: LinkTimeline, now_ns: int) -> list[float | None]:
    columns = (
        timeline.elevation_deg,
        timeline.azimuth_deg,
        timeline.range_m,
        timeline.range_rate_mps,
        timeline.power_dBm,
        timeline.margin_dB,
    )
    sample = bisect_right(timeline.sample_ns, now_ns) - 1
    if sample < 0 or now_ns - int(timeline.sample_ns[sample]) > 2e9:
        return [None] * len(columns)
    values = [float(column[sample]) for column in columns]
    return [None if np.isnan(value) else value for value in values]


def available_bits(timeline: LinkTimeline, start_s: float, end_s: float) -> int:
    """What the link could carry from ``start_s`` to ``end_s``: its capacity less that of erased slots."""
    capacity = Capacity(timeline.edge_ns.tolist(), timeline.rate_bps.tolist())
    start, end = round(start_s * 1e9), round(end_s * 1e9)
    total = capacity.position(end) - capacity.position(start)
    for low, high in erased_ns(timeline).clip(start, end).tolist():
        total -= capacity.position(high) - capacity.position(low)
    return total // 10**9
