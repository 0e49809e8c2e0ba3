"""All overlays of one direction: what they make of its rates and delays, and whom they hit. Pure; integer ns.

A rate set holds instead of the sky's where the sky gives light, then the lowest cap; a delay set stands for
the light time, then what is added comes on top; slots are erased if any overlay or the sky erases them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from linkemu.link.erased import Erased
from linkemu.link.lots import Affliction, Veil
from linkemu.link.overlay import Overlay
from linkemu.link.timeline import LinkTimeline


class Overlaid:
    """Those of one direction that still matter, as they take effect, in the order of their coming."""

    def __init__(self, timeline: LinkTimeline) -> None:
        self._timeline = timeline
        self._erased: Erased | None = None
        self.all: tuple[Overlay, ...] = ()
        self.veils: tuple[Veil, ...] = ()
        self.afflictions: tuple[Affliction, ...] = ()

    def impose(self, overlay: Overlay, boundary_ns: int, since_ns: int) -> Overlay:
        """Add one from ``boundary_ns`` (a slot's edge) or its own later start on; returns what takes effect.

        Nobody will ask any more for what left before ``since_ns``.
        """
        if self._erased is not None:
            self.erased_until(since_ns)  # while those that end before it are still known
        effective = overlay.aligned(self._timeline.slot_ns, boundary_ns)
        fresh = [each for each in self.all if each.end_ns is None or each.end_ns > since_ns]
        self._keep((*fresh, effective))
        return effective

    def lift(self, name: str | None, boundary_ns: int) -> list[Overlay]:
        """End those of this name (None: all) at ``boundary_ns``; returns them with their new ends."""
        ended: list[Overlay] = []
        kept = list(self.all)
        for i, each in enumerate(self.all):
            if name in (None, each.name) and _lasts(each, boundary_ns):
                kept[i] = replace(each, end_ns=max(each.start_ns, boundary_ns))
                ended.append(kept[i])
                for affliction in self.afflictions:
                    if affliction.overlay is each:
                        affliction.overlay = kept[i]
        self._keep(tuple(kept))
        return ended

    def live(self, now_ns: int) -> list[Overlay]:
        """Those that act now or later."""
        return [each for each in self.all if each.end_ns is None or each.end_ns > max(now_ns, each.start_ns)]

    def erased_until(self, time_ns: int) -> int:
        """How many slots the timeline or an overlay has erased up to a time, which never decreases.

        Ask once before anything ends: only from then on the slots of what has ended are remembered.
        """
        if self._erased is None:
            self._erased = Erased(self._timeline)
        return self._erased.until(time_ns // self._timeline.slot_ns, self.veils)

    def segments(self, from_ns: int) -> tuple[list[int], list[int]]:
        """Edges (n+1,) and rates (n,) of the timeline with all caps and set rates, from ``from_ns`` on."""
        acting = [each for each in self.all if each.touches_rate]
        edges, rates = segments_from(self._timeline, from_ns, [(e.start_ns, e.end_ns) for e in acting])
        begins = edges[:-1]
        for each in acting:
            if each.rate_bps is not None:
                rates[_inside(each, begins) & (rates > 0)] = each.rate_bps
        for each in acting:
            if each.rate_cap_bps is not None:
                held = _inside(each, begins)
                rates[held] = np.minimum(rates[held], each.rate_cap_bps)
        return edges.tolist(), rates.tolist()

    def delay_at(self, time_ns: int) -> tuple[int | None, int]:
        """(what stands for the light time, or None; what is added) for what leaves at a time."""
        set_ns, added_ns = None, 0
        for each in self.all:
            if each.touches_delay and each.holds_at(time_ns):
                set_ns = set_ns if each.delay_ns is None else each.delay_ns
                added_ns += each.delay_added_ns
        return set_ns, added_ns

    def delayed(self, light: Callable[[int], int]) -> Callable[[int], int]:
        """The one-way delay in ns by the time of leaving: ``light`` itself where no overlay touches it."""

        def delay(time_ns: int) -> int:
            set_ns, added_ns = self.delay_at(time_ns)
            return (light(time_ns) if set_ns is None else set_ns) + added_ns

        return delay if any(each.touches_delay for each in self.all) else light

    def longest_delay(self, light_ns: int) -> int:
        """No delay is longer, where the light alone never takes more than ``light_ns``."""
        highest = max((each.delay_ns or 0 for each in self.all), default=0)
        return max(light_ns, highest) + sum(each.delay_added_ns for each in self.all)

    def _keep(self, overlays: tuple[Overlay, ...]) -> None:
        counting = list(self.afflictions)
        self.all = overlays
        self.veils = tuple(Veil(each, self._timeline) for each in overlays if each.erase_slots is not None)
        self.afflictions = tuple(
            next((old for old in counting if old.overlay is each), None) or Affliction(each, self._timeline)
            for each in overlays
            if each.touches_datagrams
        )


def segments_from(
    timeline: LinkTimeline, from_ns: int, spans: Iterable[tuple[int, int | None]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The timeline's edges and rates from ``from_ns`` on, cut also where the spans begin and end."""
    from_ns = min(max(from_ns, 0), timeline.end_ns)
    cuts = [cut for span in spans for cut in span if cut is not None and from_ns < cut < timeline.end_ns]
    first = int(np.searchsorted(timeline.edge_ns, from_ns, side="right"))
    edges = np.unique(np.concatenate([np.array([from_ns, *cuts], dtype=np.int64), timeline.edge_ns[first:]]))
    segment = np.searchsorted(timeline.edge_ns, edges[:-1], side="right") - 1
    return edges, timeline.rate_bps[segment].copy()


def _lasts(overlay: Overlay, time_ns: int) -> bool:
    return overlay.end_ns is None or overlay.end_ns > max(time_ns, overlay.start_ns)


def _inside(overlay: Overlay, times_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    held = times_ns >= overlay.start_ns
    return held if overlay.end_ns is None else held & (times_ns < overlay.end_ns)
