"""What is imposed on the links of a data plane: a batch takes effect at one slot edge everywhere, or nowhere.

Each direction of a link may have several carriers (one for streams, one for datagrams): all get the same
overlays with the same times, also one that comes later, so that every client lives under one sky. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from linkemu.access.lit import lit_segments
from linkemu.access.serialiser import Span, lasting, long_lights
from linkemu.errors import InputError
from linkemu.link.capacity import Capacity
from linkemu.link.delay import DelayCurve
from linkemu.link.overlaid import Overlaid
from linkemu.link.overlay import Overlay, common_boundary, refuse_for_streams
from linkemu.link.player import Key
from linkemu.link.timeline import LinkTimeline, Sky
from linkemu.schedule import Schedule

_MOST = 1000  # at once, on one direction


class Carrier(Protocol):
    """What carries a direction's light: a Channel, a Serialiser or a Beam."""

    def boundary_ns(self, now_ns: int, *, erases: bool = False) -> int:
        """The first slot's edge at which a change can take effect."""
        ...

    def impose(self, overlay: Overlay, now_ns: int) -> Overlay:
        """Put it on; ``now_ns`` below 0: as it stands."""
        ...

    def lift(self, name: str | None, now_ns: int, at_ns: int = 0) -> list[Overlay]:
        """End those of this name at the next slot, or at ``at_ns``."""
        ...


class Standing:
    """One direction: its carriers, what stands on it, and where it has light for long enough to matter."""

    def __init__(self, timeline: LinkTimeline) -> None:
        self.timeline = timeline
        self.overlaid = Overlaid(timeline)
        self.lights: list[Span] = long_lights(timeline)
        self.has_streams_only = True
        self._light = DelayCurve(timeline)
        self._carriers: list[Carrier] = []
        self.history: list[Overlay] = []  # all that was imposed or ended, as it took effect

    def foresee(self, overlay: Overlay) -> None:
        """One that is scheduled from the beginning; before anything carries light."""
        self.overlaid.impose(overlay, 0, 0)
        self._relight(0)

    def join(self, carrier: Carrier, *, is_of_streams: bool = False) -> None:
        """One more carrier, with all that stands."""
        for each in self.overlaid.all:
            carrier.impose(each, -1)
        self._carriers.append(carrier)
        self.has_streams_only &= is_of_streams

    def check(self, overlay: Overlay) -> None:
        """InputError if it can't be imposed here."""
        if self._carriers and self.has_streams_only:
            refuse_for_streams(overlay)
        if len(self.overlaid.all) >= _MOST:
            raise InputError(f"overlay {overlay.name}", f"{_MOST} stand on this direction already")

    def boundary_ns(self, now_ns: int, *, erases: bool) -> int:
        slot_ns = self.timeline.slot_ns
        next_ns = (now_ns // slot_ns + 1) * slot_ns
        return max([next_ns, *(each.boundary_ns(now_ns, erases=erases) for each in self._carriers)])

    def impose(self, overlay: Overlay, now_ns: int, at_ns: int) -> Overlay:
        """From ``at_ns`` on, a boundary of all carriers, or from its own later start; as it takes effect."""
        effective = self.overlaid.impose(overlay, at_ns, now_ns)
        self.history.append(effective)
        for carrier in self._carriers:
            carrier.impose(effective, now_ns)
        self._relight(at_ns)
        return effective

    def lift(self, name: str, now_ns: int, at_ns: int) -> list[Overlay]:
        """End those of a name at ``at_ns``; returns them with their new ends."""
        ended = self.overlaid.lift(name, at_ns)
        self.history += ended
        for carrier in self._carriers:
            carrier.lift(name, now_ns, at_ns)
        self._relight(at_ns)
        return ended

    def rate_bps(self, now_ns: int) -> int:
        """What light carries at a moment, overlays included."""
        if now_ns >= self.timeline.end_ns:
            return 0
        segment = int(np.searchsorted(self.timeline.edge_ns, now_ns, side="right")) - 1
        rate_bps = int(self.timeline.rate_bps[segment])
        acting = [each for each in self.overlaid.all if each.holds_at(now_ns)]
        if rate_bps > 0:
            rate_bps = next((each.rate_bps for each in acting[::-1] if each.rate_bps is not None), rate_bps)
        return min([rate_bps, *(each.rate_cap_bps for each in acting if each.rate_cap_bps is not None)])

    def delay_ns(self, now_ns: int) -> int:
        """The one-way delay of what leaves at a moment, overlays included."""
        set_ns, added_ns = self.overlaid.delay_at(now_ns)
        return (self._light(now_ns) if set_ns is None else set_ns) + added_ns

    def _relight(self, from_ns: int) -> None:
        """Light as it was until ``from_ns``, and as overlays make it from there on."""
        before = [(start, min(end, from_ns)) for start, end in self.lights if start < from_ns]
        if from_ns < self.timeline.end_ns:
            after = Capacity(*lit_segments(self.timeline, self.overlaid, from_ns, from_ns)).lights()
            if before and after and before[-1][1] == after[0][0]:
                after[0] = before.pop()[0], after[0][1]
            before += after
        self.lights = lasting(before)


class Standings(dict[Key, Standing]):
    """Those of a sky, each from its first use on. KeyError: the sky has no such direction."""

    def __init__(self, sky: Sky) -> None:
        super().__init__()
        self._sky = sky
        self._scheduled = Schedule.of(sky).overlays

    def __missing__(self, key: Key) -> Standing:
        standing = self[key] = Standing(self._sky.timelines[key])
        for where, overlay in self._scheduled:
            if where == key:
                standing.foresee(overlay)
        return standing

    def names(self, now_ns: int) -> set[str]:
        """Of all that acts now or later, also what was foreseen or comes from a recorded run."""
        return {each.name for standing in self.values() for each in standing.overlaid.live(now_ns)}

    def journal(self) -> list[tuple[Key, Overlay]]:
        """All that was imposed or ended live, on each direction in turn, as it took effect."""
        return [(key, each) for key, standing in self.items() for each in standing.history]


@dataclass(frozen=True, slots=True)
class Changed:
    """What a batch has done, and when it takes effect."""

    at_ns: int
    imposed: tuple[tuple[Key, Overlay], ...]
    ended: tuple[tuple[Key, Overlay], ...]


def change(
    standings: Standings,
    impose: Sequence[tuple[Key, Overlay]],
    lift: Sequence[str],
    now_ns: int,
) -> Changed:
    """Impose and lift all of these at one slot's edge. InputError, and nothing has changed."""
    lifted = [
        (key, name)
        for name in lift
        for key, standing in standings.items()
        if any(each.name == name for each in standing.overlaid.live(now_ns))
    ]
    for key, overlay in impose:
        standings[key].check(overlay)
    touched = [standings[key] for key in {key for key, _ in (*impose, *lifted)}]
    if not touched:
        return Changed(now_ns, (), ())
    erases = any(overlay.erase_slots is not None for _, overlay in impose) or any(
        each.erase_slots is not None and each.name == name
        for key, name in lifted
        for each in standings[key].overlaid.live(now_ns)
    )
    at_ns = common_boundary(
        [each.boundary_ns(now_ns, erases=erases) for each in touched],
        {each.timeline.slot_ns for each in touched},
    )
    ended = tuple((key, each) for key, name in lifted for each in standings[key].lift(name, now_ns, at_ns))
    imposed = tuple((key, standings[key].impose(overlay, now_ns, at_ns)) for key, overlay in impose)
    return Changed(at_ns, imposed, ended)


def for_streams(overlay: Overlay) -> Overlay | None:
    """What of an overlay acts on streams too; None: nothing."""
    spared = replace(overlay, erase_datagrams=None, duplicate=None, corrupt=None, reorder=None, late_ns=0)
    acts = spared.touches_rate or spared.touches_delay or spared.erase_slots is not None
    return spared if acts else None
