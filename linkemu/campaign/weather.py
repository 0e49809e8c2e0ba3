"""Faults of the light, laid over a compiled sky: a new sky, of which every other moment is the old one's.

Pure. "dark" is rate 0 that the senders know, "lost" and fades are erased slots that nobody knows (laws 3 and
8 of docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from linkemu.campaign.faults import Fades, Fault, Outage, Way
from linkemu.link.timeline import Cause, LinkName, LinkTimeline, Sky
from linkemu.machine import Direction

_NS = 1_000_000_000
Span = tuple[int, int]


def spoil(sky: Sky, faults: Sequence[Fault]) -> Sky:
    """The sky with all outages and fades of ``faults``."""
    timelines = dict(sky.timelines)
    for key in timelines:
        here = [
            fault
            for fault in faults
            if isinstance(fault, Outage | Fades)
            and LinkName(fault.station, fault.satellite) == sky.links[key[0]]
            and goes(fault.way, key[1])
        ]
        dark = [_span(fault.at_s, fault.for_s) for fault in here if _is_dark(fault)]
        lost = [span for fault in here if not _is_dark(fault) for span in _losses(fault)]
        timelines[key] = _erase(_darken(timelines[key], dark), lost)
    return replace(sky, timelines=timelines)


def goes(way: Way, direction: Direction) -> bool:
    """Whether what goes ``way`` concerns a direction."""
    return way in ("both", direction.value)


def _is_dark(fault: Outage | Fades) -> bool:
    return isinstance(fault, Outage) and fault.kind == "dark"


def _span(at_s: float, for_s: float) -> Span:
    return round(at_s * _NS), round((at_s + for_s) * _NS)


def _losses(fault: Outage | Fades) -> Iterable[Span]:
    if isinstance(fault, Outage):
        yield _span(fault.at_s, fault.for_s)
        return
    for number in range(int(fault.for_s / fault.every_s) + 1):
        begin = number * fault.every_s
        length = min(fault.lost_s, fault.for_s - begin)
        if length > 0:
            yield _span(fault.at_s + begin, length)


def _darken(timeline: LinkTimeline, spans: Sequence[Span]) -> LinkTimeline:
    """Rate 0 of cause FAULT in ``spans`` (ns), where there was light."""
    spans = [(start, min(end, timeline.end_ns)) for start, end in spans if start < timeline.end_ns]
    if not spans:
        return timeline
    edges = np.unique(np.concatenate([timeline.edge_ns, np.array(spans, dtype=np.int64).ravel()]))
    before = np.searchsorted(timeline.edge_ns, edges[:-1], side="right") - 1
    rate, cause = timeline.rate_bps[before].copy(), timeline.cause[before].copy()
    for start, end in spans:
        hit = (edges[:-1] >= start) & (edges[:-1] < end) & (rate > 0)
        rate[hit], cause[hit] = 0, Cause.FAULT
    return replace(timeline, edge_ns=edges, rate_bps=rate, cause=cause, known=timeline.known[before])


def _erase(timeline: LinkTimeline, spans: Iterable[Span]) -> LinkTimeline:
    """Every slot that begins in ``spans`` (ns) erased; runs that overlap become one, of the first's cause."""
    slot = timeline.slot_ns
    fresh = [(-(-start // slot), -(-end // slot), int(Cause.FAULT)) for start, end in spans]
    fresh = [run for run in fresh if run[0] < run[1]]
    if not fresh:
        return timeline
    ends = timeline.erased_slot + timeline.erased_count
    old = zip(timeline.erased_slot.tolist(), ends.tolist(), timeline.erased_cause.tolist(), strict=True)
    merged: list[tuple[int, int, int]] = []
    for first, end, cause in sorted([*old, *fresh]):
        if merged and first < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((first, end, cause))
    first_of, end_of, cause_of = (np.array(column, dtype=np.int64) for column in zip(*merged, strict=True))
    return replace(
        timeline,
        erased_slot=first_of,
        erased_count=end_of - first_of,
        erased_cause=cause_of.astype(np.uint8),
    )
