"""Overlays for hypothesis, and what they do to a timeline, worked out slot by slot and segment by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from linkemu.link.overlay import Overlay, Pick
from linkemu.link.timeline import Cause, LinkTimeline
from linkemu.rng import Stream

MS = 1_000_000
END_NS = 2_000 * MS

picks = st.one_of(
    st.integers(1, 7).map(Pick), st.floats(0.05, 0.95).map(lambda share: Pick(share=round(share, 3)))
)
spans = st.tuples(st.integers(0, 1_500 * MS), st.one_of(st.none(), st.integers(0, 700 * MS)))


def _of(span: tuple[int, int | None], **effects: object) -> Overlay:
    start_ns, length_ns = span
    return Overlay(start_ns, None if length_ns is None else start_ns + length_ns, **effects)  # type: ignore[arg-type]


rate_overlays = st.one_of(
    st.builds(lambda s, cap: _of(s, rate_cap_bps=cap), spans, st.sampled_from([0, 0, 700_001, 10**8])),
    st.builds(lambda s, rate: _of(s, rate_bps=rate), spans, st.sampled_from([900_007, 3 * 10**9])),
)
slot_overlays = st.builds(
    lambda s, pick, name: _of(s, erase_slots=pick, name=name), spans, picks, st.sampled_from("ab")
)
delay_overlays = st.one_of(
    st.builds(lambda s, delay: _of(s, delay_ns=delay), spans, st.integers(0, 300 * MS)),
    st.builds(lambda s, delay: _of(s, delay_added_ns=delay), spans, st.integers(1, 300 * MS)),
)
datagram_overlays = st.one_of(
    st.builds(lambda s, pick: _of(s, erase_datagrams=pick), spans, picks),
    st.builds(lambda s, pick: _of(s, duplicate=pick), spans, picks),
    st.builds(lambda s, pick: _of(s, corrupt=pick), spans, picks),
    st.builds(
        lambda s, pick, late: _of(s, reorder=pick, late_ns=late), spans, picks, st.integers(1, 90 * MS)
    ),
)
overlays = st.lists(
    st.one_of(rate_overlays, slot_overlays, delay_overlays, datagram_overlays), min_size=1, max_size=5
)


def compiled(timeline: LinkTimeline, overlays: Sequence[Overlay]) -> LinkTimeline:
    """The timeline with rates and erased slots of overlays (as they took effect) written into it."""
    ends = [each.end_ns for each in overlays if each.end_ns is not None]
    cuts = {each.start_ns for each in overlays} | set(ends)
    edges = sorted({*timeline.edge_ns.tolist(), *(cut for cut in cuts if 0 < cut < timeline.end_ns)})
    rates = [_rate(timeline, overlays, edge) for edge in edges[:-1]]
    slots = sorted(
        slot for slot in range(timeline.end_ns * 2 // timeline.slot_ns) if is_erased(timeline, overlays, slot)
    )
    return replace(
        timeline,
        edge_ns=np.array(edges, dtype=np.int64),
        rate_bps=np.array(rates, dtype=np.int64),
        cause=np.array([Cause.NONE if rate else Cause.FAULT for rate in rates], dtype=np.uint8),
        known=np.zeros(len(rates), dtype=np.bool_),
        erased_slot=np.array(slots, dtype=np.int64),
        erased_count=np.ones(len(slots), dtype=np.int64),
        erased_cause=np.full(len(slots), Cause.FAULT, dtype=np.uint8),
    )


def _rate(timeline: LinkTimeline, overlays: Sequence[Overlay], at_ns: int) -> int:
    rate = int(timeline.rate_bps[np.searchsorted(timeline.edge_ns, at_ns, side="right") - 1])
    acting = [each for each in overlays if each.start_ns <= at_ns < (each.end_ns or 1 << 62)]
    for each in acting:
        if each.rate_bps is not None and rate:
            rate = each.rate_bps
    return min([rate, *(each.rate_cap_bps for each in acting if each.rate_cap_bps is not None)])


def is_erased(timeline: LinkTimeline, overlays: Sequence[Overlay], slot: int) -> bool:
    runs = zip(timeline.erased_slot.tolist(), timeline.erased_count.tolist(), strict=True)
    if any(first <= slot < first + count for first, count in runs):
        return True
    for each in overlays:
        inside = each.start_ns <= slot * timeline.slot_ns < (each.end_ns or 1 << 62)
        if each.erase_slots is None or not inside:
            continue
        index = slot - each.start_ns // timeline.slot_ns
        if each.erase_slots.share is None:
            hit = (index + 1) % each.erase_slots.every == 0
        else:
            link = (timeline.station, timeline.satellite, timeline.direction.value)
            lot = Stream(each.seed, "overlay", each.name, *link, "slots").uniform(index, 1)[0]
            hit = lot < each.erase_slots.share
        if hit:
            return True
    return False
