"""Acquisition and tracking: one state per pair of terminals, driven by both beacons.

    SLEW -> SCAN -> COARSE -> FINE -> COMM, back to SCAN (or COARSE when the loss was short) over BLOCKED

Times are those at which light crosses the atmosphere over the ground end. A block that the hold time outlasts
costs frames only. A longer one costs lock: each end notices after its own light time and its own hold time,
and after the block the ends find each other again. A block during an acquisition breaks it off. Nothing here
draws randomness or knows why light is blocked: lengths are asked for, reasons are passed through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

Array = NDArray[np.float64]


class State(IntEnum):
    """Of a pair of terminals."""

    SLEW = 0  # the mounts turn
    SCAN = 1  # the beams sweep the cone of uncertainty
    COARSE = 2  # a beacon is on the wide sensor
    FINE = 3  # the beacon is in the field of the fast mirror
    COMM = 4
    BLOCKED = 5  # no beacon


ACQUIRING = frozenset({State.SCAN, State.COARSE, State.FINE})


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of one state; ``reason`` is the caller's number for what blocks."""

    start_s: float
    end_s: float
    state: State
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """How long the steps of one acquisition take."""

    scan_s: float
    coarse_s: float
    fine_s: float

    @property
    def total_s(self) -> float:
        return self.scan_s + self.coarse_s + self.fine_s


Acquire = Callable[[float | None], Steps]
"""The next acquisition once the sky is clear, after that many seconds of darkness (None: the first time)."""


def lengths_s(luck: Array, mean_s: Array, shape: float) -> Array:
    """Gamma distributed times of this mean for uniform draws, any shape of arrays.

    Published times are of whole acquisitions: at most 100 s in the SDA OCT standard 3.2, 12 s the fastest of
    Starlink's, 60 s the default of COSMICA; the physics notes (section B7) take a mean of 20 s and shape 2.
    """
    length: Array = np.asarray(mean_s) * gammaincinv(shape, luck) / shape
    return length


def steps(total_s: float, coarse_s: float, fine_s: float, *, scan: bool) -> Steps:
    """An acquisition of this length: its last seconds are coarse and fine tracking, all else the scan.

    Coarse and fine tracking take at most half of it; without a scan they share it in their proportion.
    """
    tail_s = coarse_s + fine_s
    part = min(tail_s, total_s / 2.0) if scan else total_s
    coarse = part * coarse_s / tail_s if tail_s > 0.0 else part
    return Steps(total_s - part, coarse, part - coarse)


@dataclass(frozen=True, slots=True)
class Darkness:
    """A time without lock, phase after phase; ``loss`` tells a loss of lock from a first acquisition."""

    phases: tuple[Phase, ...]
    loss: bool

    @property
    def start_s(self) -> float:
        return self.phases[0].start_s

    @property
    def end_s(self) -> float:
        return self.phases[-1].end_s


def darkness(
    start_s: float, end_s: float, blocks: Sequence[Phase], hold_s: float, acquire: Acquire
) -> list[Darkness]:
    """All times without lock in a contact. ``blocks`` are BLOCKED phases, sorted and disjoint."""
    blocks = clip(blocks, start_s, end_s)
    found = [Darkness(_search(start_s, end_s, blocks, acquire, None), loss=False)]
    while True:
        locked_s = found[-1].end_s
        cut = next((b for b in blocks if b.end_s - b.start_s > hold_s and b.start_s >= locked_s), None)
        if cut is None or locked_s >= end_s:
            return [each for each in found if each.phases]
        phases = (cut, *_search(cut.end_s, end_s, blocks, acquire, cut.start_s))
        found.append(Darkness(phases, loss=True))


def _search(
    now_s: float, end_s: float, blocks: Sequence[Phase], acquire: Acquire, dark_since_s: float | None
) -> tuple[Phase, ...]:
    """Acquisitions, each of which a block may break off, until one ends in lock or the contact ends."""
    phases: list[Phase] = []
    while now_s < end_s:
        need = acquire(None if dark_since_s is None else now_s - dark_since_s)
        block = next((b for b in blocks if b.end_s > now_s and b.start_s < now_s + need.total_s), None)
        until_s = end_s if block is None else block.start_s
        phases += clip(_attempt(now_s, need), now_s, until_s)
        if block is None:
            break
        phases.append(replace(block, start_s=max(now_s, block.start_s)))
        now_s = block.end_s
    return tuple(phases)


def _attempt(now_s: float, need: Steps) -> list[Phase]:
    coarse_s, fine_s = now_s + need.scan_s, now_s + need.scan_s + need.coarse_s
    edges = (now_s, coarse_s, fine_s, now_s + need.total_s)
    states = (State.SCAN, State.COARSE, State.FINE)
    return [Phase(start, end, state) for start, end, state in zip(edges[:-1], edges[1:], states, strict=True)]


def noticed(dark: Darkness, hold_s: float, later: Callable[[float], float]) -> list[Phase]:
    """When an end keeps silent for want of lock, in its own time.

    ``later`` gives by how much this end sees what happens at a crossing: 0 on the ground, the light time in
    orbit. An end whose hold time outlasts the darkness keeps sending.
    """
    shifted = [
        replace(p, start_s=p.start_s + later(p.start_s), end_s=p.end_s + later(p.end_s)) for p in dark.phases
    ]
    silent_s = shifted[0].start_s + (hold_s if dark.loss else 0.0)
    if not dark.loss:
        shifted[0] = replace(shifted[0], start_s=dark.start_s)
        silent_s = dark.start_s
    return clip(shifted, silent_s, shifted[-1].end_s)


def story(slew_s: float, start_s: float, end_s: float, dark: Iterable[Darkness]) -> tuple[Phase, ...]:
    """Every state of a contact in order, from the turn of the mounts to its end, without gaps."""
    phases = [Phase(slew_s, start_s, State.SLEW)] if slew_s < start_s else []
    now_s = start_s
    for each in dark:
        if each.start_s > now_s:
            phases.append(Phase(now_s, each.start_s, State.COMM))
        phases += each.phases
        now_s = each.end_s
    return (*phases, Phase(now_s, end_s, State.COMM)) if now_s < end_s else tuple(phases)


def clip(phases: Iterable[Phase], start_s: float, end_s: float) -> list[Phase]:
    """The parts of the phases that lie within a window."""
    cut = (replace(p, start_s=max(p.start_s, start_s), end_s=min(p.end_s, end_s)) for p in phases)
    return [phase for phase in cut if phase.start_s < phase.end_s]
