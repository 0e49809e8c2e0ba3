"""The capacity of a sender who knows every erased slot: the timeline's rates, with nothing in those slots.

A stream of bytes can't be erased (law 11), so for one that holds, an erased slot is dark. Slots belong to the
moment at which light crosses the air over the ground end; here they are moved to the sender's time, piece by
piece of what overlays make of the delay. Pure arrays, integer ns.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from linkemu.link.capacity import Capacity
from linkemu.link.outages import delay_s, erased_ns
from linkemu.link.overlaid import Overlaid
from linkemu.link.overlay import ALL
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction

Spans = NDArray[np.int64]  # (k, 2)


def lit_capacity(timeline: LinkTimeline) -> Capacity:
    """The capacity less that of erased slots, without overlays."""
    dark = erased_ns(timeline).clip(0, timeline.end_ns)
    dark = dark[dark[:, 0] < dark[:, 1]]
    edges = np.unique(np.concatenate([timeline.edge_ns, dark.ravel()]))
    segment = np.searchsorted(timeline.edge_ns, edges[:-1], side="right") - 1
    return Capacity(*_darkened(edges, timeline.rate_bps[segment], dark))


def lit_segments(
    timeline: LinkTimeline, overlaid: Overlaid, from_ns: int, until_ns: int
) -> tuple[list[int], list[int]]:
    """Edges and rates from ``from_ns`` on, with overlays; single slots by lot or count only ``until_ns``."""
    edges, rates = overlaid.segments(from_ns)
    from_ns, end_ns = edges[0], timeline.end_ns
    dark = _dark_ns(timeline, overlaid, from_ns, min(until_ns, end_ns)).clip(from_ns, end_ns)
    dark = dark[dark[:, 0] < dark[:, 1]]
    dark = dark[np.argsort(dark[:, 0], kind="stable")]
    known = np.array(edges, dtype=np.int64)
    cut = np.unique(np.concatenate([known, dark.ravel()]))
    segment = np.searchsorted(known, cut[:-1], side="right") - 1
    return _darkened(cut, np.array(rates, dtype=np.int64)[segment], dark)


def is_patterned(overlaid: Overlaid, from_ns: int) -> bool:
    """Whether an overlay erases single slots from ``from_ns`` on, of which there may be no end."""
    return any(each.erase_slots not in (None, ALL) for each in overlaid.live(from_ns))


def _dark_ns(timeline: LinkTimeline, overlaid: Overlaid, from_ns: int, until_ns: int) -> Spans:
    """Spans of leaving in which light meets an erased slot, within [from_ns, until_ns) for single slots."""
    touching = [each for each in overlaid.all if each.touches_delay]
    cuts = {cut for each in touching for cut in (each.start_ns, each.end_ns) if cut is not None}
    pieces = sorted({from_ns, timeline.end_ns, *(cut for cut in cuts if from_ns < cut < timeline.end_ns)})
    sky = np.stack([timeline.erased_slot, timeline.erased_slot + timeline.erased_count], axis=1)
    is_down = timeline.direction is Direction.DOWN
    far_ns = overlaid.longest_delay(_longest_ns(timeline)) if is_down else 0
    found = [np.zeros((0, 2), dtype=np.int64)]
    for begin_ns, stop_ns in pairwise(pieces):
        first = begin_ns // timeline.slot_ns
        runs = [sky[sky[:, 1] > first]]
        for veil in overlaid.veils:
            last_ns = stop_ns if veil.is_solid else min(stop_ns, until_ns)
            runs.append(veil.runs(first, (last_ns + far_ns) // timeline.slot_ns + 1))
        crossing = np.concatenate(runs) * timeline.slot_ns
        if is_down:
            crossing -= _flight_ns(timeline, crossing, *overlaid.delay_at(begin_ns))
        found.append(crossing.clip(begin_ns, stop_ns))
    return np.concatenate(found)


def _flight_ns(timeline: LinkTimeline, crossing: Spans, set_ns: int | None, added_ns: int) -> Spans:
    """How long what crosses at a time has been under way."""
    if set_ns is not None:
        return np.full_like(crossing, set_ns + added_ns)
    light_s = np.nan_to_num(delay_s(timeline, crossing - added_ns))  # it moves by less than 0.2 us meanwhile
    flight: Spans = np.round(light_s * 1e9).astype(np.int64) + added_ns
    return flight


def _longest_ns(timeline: LinkTimeline) -> int:
    starts = timeline.delay_start_ns
    ends = np.concatenate([starts, starts + timeline.delay_length_ns - 1])
    return round(float(np.nanmax(delay_s(timeline, ends), initial=0.0)) * 1e9)


def _darkened(edges: NDArray[np.int64], rates: NDArray[np.int64], dark: Spans) -> tuple[list[int], list[int]]:
    return edges.tolist(), np.where(_inside(dark, edges[:-1]), 0, rates).tolist()


def _inside(spans: Spans, times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each time lies in one of the spans, which are sorted by their starts."""
    if not len(spans):
        return np.zeros(len(times), dtype=np.bool_)
    last = np.searchsorted(spans[:, 0], times, side="right") - 1
    reach = np.maximum.accumulate(spans[:, 1])
    return (last >= 0) & (times < reach[np.maximum(last, 0)])
