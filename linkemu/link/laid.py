"""Overlays that are known in advance, written into a timeline: rates and erased slots. Pure.

The timeline that comes out plays as the one that went in with these overlays imposed from its beginning. What
a timeline can't say (delays, mischief to datagrams, single slots without end) stays an overlay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from linkemu.link.cause import Cause
from linkemu.link.overlaid import Overlaid
from linkemu.link.overlay import ALL, Overlay
from linkemu.link.timeline import LinkTimeline

_MOST_SLOTS = 1 << 20  # of a pattern: a run of erased slots takes 17 bytes
_FLIGHT_NS = 60 * 10**9  # light that leaves at the end has arrived by then, from anywhere near


def fits(overlay: Overlay, slot_ns: int) -> bool:
    """Whether a timeline can say it."""
    if overlay.touches_delay or overlay.touches_datagrams:
        return False
    if overlay.erase_slots in (None, ALL):
        return True
    return overlay.end_ns is not None and overlay.end_ns - overlay.start_ns <= _MOST_SLOTS * slot_ns


def laid_into(
    timeline: LinkTimeline, overlays: Sequence[Overlay], cause: Cause = Cause.FAULT
) -> LinkTimeline:
    """The timeline with these overlays in it, dark and erased for ``cause`` where they make it so."""
    overlaid = Overlaid(timeline)
    for each in overlays:
        overlaid.impose(each, 0, 0)
    if not overlaid.all:
        return timeline
    edges, rates = (np.array(each, dtype=np.int64) for each in overlaid.segments(0))
    before = np.searchsorted(timeline.edge_ns, edges[:-1], side="right") - 1
    darkened = (rates == 0) & (timeline.rate_bps[before] > 0)
    laid = replace(
        timeline,
        edge_ns=edges,
        rate_bps=rates,
        cause=np.where(darkened, int(cause), timeline.cause[before]).astype(np.uint8),
        known=timeline.known[before],
    )
    stop_slot = -(-timeline.end_ns // timeline.slot_ns) + _FLIGHT_NS // timeline.slot_ns
    runs = [veil.runs(0, stop_slot) for veil in overlaid.veils]
    return _erased(laid, np.concatenate(runs), cause) if runs else laid


def _erased(timeline: LinkTimeline, more: NDArray[np.int64], cause: Cause) -> LinkTimeline:
    """With these runs (first slot, end) too; where the sky erases already, its own cause stays."""
    own = np.stack([timeline.erased_slot, timeline.erased_slot + timeline.erased_count], axis=1)
    cuts = np.unique(np.concatenate([own, more]).ravel())
    begins = cuts[:-1]
    mine, theirs = _inside(own, begins), _inside(_sorted(more), begins)
    run = np.searchsorted(own[:, 0], begins, side="right") - 1
    whose = np.where(mine, timeline.erased_cause[np.maximum(run, 0)] if len(own) else 0, int(cause))
    kept = mine | theirs
    return replace(
        timeline,
        erased_slot=begins[kept].copy(),
        erased_count=np.diff(cuts)[kept],
        erased_cause=whose[kept].astype(np.uint8),
    )


def _sorted(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    return runs[np.argsort(runs[:, 0], kind="stable")]


def _inside(runs: NDArray[np.int64], slots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each slot lies in one of the runs, which are sorted by their starts."""
    if not len(runs):
        return np.zeros(len(slots), dtype=np.bool_)
    last = np.searchsorted(runs[:, 0], slots, side="right") - 1
    reach = np.maximum.accumulate(runs[:, 1])
    return (last >= 0) & (slots < reach[np.maximum(last, 0)])
