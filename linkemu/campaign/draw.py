"""Faults drawn from a seed: which, where, when. A pure function of the seed and the stage.

Half of the moments fall near an order of the scenario, where something is under way; all are over when the
quiet begins, so that what doesn't end then has no excuse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from linkemu.campaign.faults import (
    BadPlan,
    Crash,
    Fades,
    Fault,
    Frames,
    Full,
    Outage,
    Rot,
    Skew,
    SlowDisk,
    Unreadable,
    Way,
)
from linkemu.campaign.machine import PATIENCE_s
from linkemu.campaign.stage import Stage
from linkemu.rng import Stream

_MOST = 14  # faults of a seed
_NEAR_s = 3.0  # of an order
_ROTTEN = 0.08  # of the seeds have a bit that rots
_FULL = 0.15  # of the seeds have a disk that is full for a while
_UNREADABLE = 0.12  # of the seeds have sectors that can't be read
_BLOCK = 128
_KINDS = (
    *("crash",) * 8,
    *("outage",) * 3,
    *("fades",) * 2,
    *("frames",) * 5,
    *("slow disk",) * 2,
    *("skew", "plan"),
)

_WAYS: tuple[Way, ...] = ("up", "down", "down", "both")  # down go the acknowledgements of what is put

T = TypeVar("T")


def draw(seed: int, stage: Stage) -> tuple[Fault, ...]:
    """The faults of a seed, by time of their kinds as drawn."""
    dice = _Dice(Stream(seed, "campaign"))
    drawn = [_fault(dice, stage) for _ in range(dice.count(1, _MOST))]
    if dice.share() < _ROTTEN:
        drawn.append(Rot(dice.one(stage.nodes), _when(dice, stage, 0.0), dice.seed()))
    if dice.share() < _FULL:
        drawn.append(_full(dice, stage))
    if (
        dice.share() < _UNREADABLE
    ):  # drawn last, so that seeds mean what they meant before there was such a fault
        drawn.append(_unreadable(dice, stage))
    return tuple(sorted(drawn, key=lambda fault: (getattr(fault, "at_s", 0.0), str(fault))))


class _Dice:
    """Numbers of one stream, in turn."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._drawn = 0
        self._block: list[float] = []

    def share(self) -> float:
        at = self._drawn % _BLOCK
        if at == 0:
            self._block = self._stream.uniform(self._drawn, _BLOCK).tolist()
        self._drawn += 1
        return float(self._block[at])

    def between(self, low: float, high: float) -> float:
        """To the microsecond, which reads well."""
        return round(low + (high - low) * self.share(), 6)

    def skewed(self, low: float, high: float) -> float:
        """Between, with as many in each tenfold."""
        return round(low * math.pow(high / low, self.share()), 6)

    def count(self, low: int, high: int) -> int:
        return low + int((high - low + 1) * self.share())

    def one(self, of: Sequence[T]) -> T:
        return of[int(len(of) * self.share())]

    def seed(self) -> int:
        return int(self.share() * 2**32)


def _fault(dice: _Dice, stage: Stage) -> Fault:
    match dice.one(_KINDS):
        case "crash":
            return _crash(dice, stage)
        case "outage":
            return _outage(dice, stage)
        case "fades":
            return _fades(dice, stage)
        case "frames":
            return _frames(dice, stage)
        case "slow disk":
            for_s = dice.skewed(0.5, 15.0)
            at_s = _when(dice, stage, for_s)
            return SlowDisk(dice.one(stage.nodes), at_s, for_s, dice.skewed(0.0001, 0.2))
        case "skew":
            return Skew(
                dice.one(stage.nodes), _when(dice, stage, 0.0), dice.between(-3, 3), dice.between(-0.01, 0.01)
            )
        case _:
            return _plan(dice, stage)


def _full(dice: _Dice, stage: Stage) -> Full:
    for_s = dice.skewed(0.2, 12.0)
    return Full(dice.one(stage.nodes), _when(dice, stage, for_s), for_s, round(dice.skewed(1, 60_000)))


def _unreadable(dice: _Dice, stage: Stage) -> Unreadable:
    at_s = _when(dice, stage, 0.0)
    return Unreadable(dice.one(stage.nodes), at_s, round(dice.skewed(1, 16)), dice.seed())


def _when(dice: _Dice, stage: Stage, lasts_s: float) -> float:
    """A moment from which something may last so long before the quiet begins."""
    latest_s = max(0.0, stage.quiet_s - lasts_s)
    if dice.share() < 0.5:
        return dice.between(0.0, latest_s)
    order = dice.one(stage.scenario.transfers)
    return min(order.at_s + dice.between(0.0, _NEAR_s), latest_s)


def _crash(dice: _Dice, stage: Stage) -> Crash:
    down_s = dice.skewed(0.001, 4.0)
    return Crash(
        node=dice.one(stage.nodes),
        at_s=_when(dice, stage, down_s + PATIENCE_s),
        how=dice.one(("power", "power", "kill", "stop")),
        on=dice.one(("step", "disk")),
        after=round(dice.skewed(1, 120)),
        down_s=down_s,
        seed=dice.seed(),
    )


def _link(dice: _Dice, stage: Stage) -> tuple[str, str]:
    link = dice.one(stage.sky.links)
    return link.station, link.satellite


def _outage(dice: _Dice, stage: Stage) -> Outage:
    for_s = dice.skewed(0.01, 6.0)
    station, satellite = _link(dice, stage)
    at_s = _when(dice, stage, for_s)
    return Outage(station, satellite, dice.one(_WAYS), at_s, for_s, dice.one(("dark", "lost")))


def _fades(dice: _Dice, stage: Stage) -> Fades:
    for_s = dice.skewed(0.2, 6.0)
    every_s = dice.skewed(0.01, 0.5)
    station, satellite = _link(dice, stage)
    lost_s = max(0.001, round(every_s * dice.between(0.05, 0.7), 6))
    return Fades(station, satellite, dice.one(_WAYS), _when(dice, stage, for_s), for_s, every_s, lost_s)


def _frames(dice: _Dice, stage: Stage) -> Frames:
    for_s = dice.skewed(0.5, 15.0)
    station, satellite = _link(dice, stage)
    return Frames(
        station=station,
        satellite=satellite,
        way=dice.one(_WAYS),
        at_s=_when(dice, stage, for_s),
        for_s=for_s,
        effect=dice.one(("corrupt", "drop", "delay", "duplicate")),
        share=dice.skewed(0.01, 0.6),
        late_s=dice.skewed(0.002, 2.0),
        seed=dice.seed(),
    )


def _plan(dice: _Dice, stage: Stage) -> BadPlan:
    node = dice.one(stage.nodes)
    match dice.one(("late", "shift", "missing")):
        case "late":
            return BadPlan(node, late_s=dice.skewed(0.01, 10.0))
        case "shift":
            return BadPlan(node, shift_s=dice.between(-8.0, 8.0))
        case _:
            return BadPlan(node, missing=dice.count(1, 3))
