"""Lock: one state per pair of terminals, driven by both beacons; how it is found, lost and found again.

Times are those at which light crosses the atmosphere over the ground end. A block shorter than the hold time
costs frames only. A longer one costs lock: each end notices after its own light time and its own hold time,
and after the block a scan brings lock back. Nothing here draws randomness: lengths of scans are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from linkemu.forecast.spans import Span, clip
from linkemu.link.timeline import Cause

Scan = Callable[[float | None], float]
"""Seconds until lock once the sky is clear, after that many seconds of darkness (None: the first time)."""


@dataclass(frozen=True, slots=True)
class Darkness:
    """A time without lock, phase after phase; ``loss`` tells a loss of lock from a first acquisition."""

    phases: tuple[Span, ...]
    loss: bool

    @property
    def start_s(self) -> float:
        return self.phases[0].start_s

    @property
    def end_s(self) -> float:
        return self.phases[-1].end_s


def darkness(
    start_s: float, end_s: float, blocks: Sequence[Span], hold_s: float, scan: Scan
) -> list[Darkness]:
    """All times without lock in a contact. ``blocks`` are sorted and disjoint."""
    blocks = clip(blocks, start_s, end_s)
    found = [Darkness(_search(start_s, end_s, blocks, scan, None), loss=False)]
    while True:
        locked_s = found[-1].end_s
        cut = next((b for b in blocks if b.end_s - b.start_s > hold_s and b.start_s >= locked_s), None)
        if cut is None or locked_s >= end_s:
            return [each for each in found if each.phases]
        phases = (cut, *_search(cut.end_s, end_s, blocks, scan, cut.start_s))
        found.append(Darkness(phases, loss=True))


def _search(
    now_s: float, end_s: float, blocks: Sequence[Span], scan: Scan, dark_since_s: float | None
) -> tuple[Span, ...]:
    """Scans, each of which a block may break off, until one ends in lock or the contact ends."""
    phases: list[Span] = []
    while now_s < end_s:
        need_s = scan(None if dark_since_s is None else now_s - dark_since_s)
        block = next((b for b in blocks if b.end_s > now_s and b.start_s < now_s + need_s), None)
        if block is None:
            return (*phases, Span(now_s, min(now_s + need_s, end_s), Cause.ACQUIRING))
        if block.start_s > now_s:
            phases.append(Span(now_s, block.start_s, Cause.ACQUIRING))
        phases.append(Span(max(now_s, block.start_s), block.end_s, block.cause))
        now_s = block.end_s
    return tuple(phases)


def noticed(dark: Darkness, hold_s: float, later: Callable[[float], float]) -> list[Span]:
    """When an end keeps silent for want of lock, in its own time.

    ``later`` gives by how much this end sees what happens at a crossing: 0 on the ground, the light time in
    orbit. An end whose hold time outlasts the darkness keeps sending.
    """
    shifted = [Span(p.start_s + later(p.start_s), p.end_s + later(p.end_s), p.cause) for p in dark.phases]
    silent_s = shifted[0].start_s + (hold_s if dark.loss else 0.0)
    if not dark.loss:
        shifted[0] = Span(dark.start_s, shifted[0].end_s, shifted[0].cause)
        silent_s = dark.start_s
    return clip(shifted, silent_s, shifted[-1].end_s)
