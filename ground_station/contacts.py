"""Contacts: what to send in a pass, and what the plan promises of it. Pure.

Decided from the plan and the ledger alone; what the light really does is not known here. Files go by
priority, then by age; as many are put on the link as the window is expected to carry, and one more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ground_station.custody import Entry
from linkemu.plan import Plan, Window

_UNPLANNED_FILES = 16  # on the link at once where there is no plan


@dataclass(frozen=True, slots=True)
class Share:
    """A file's place in a pass. ``fits``: the window is expected to carry it whole."""

    entry: Entry
    ahead_bytes: int  # of files before it
    fits: bool


def window(plan: Plan | None, peer: str, now: float) -> Window | None:
    """The window to ``peer`` that is open, else the next one."""
    if plan is None:
        return None
    return next((each for each in plan.windows if each.peer == peer and each.end_s > now), None)


def expected_bytes(pass_: Window, now: float) -> int:
    """What the rest of a window carries towards the peer as planned, clear sky assumed."""
    bits = 0.0
    ends = [start for start, _ in pass_.expected_rate[1:]] + [pass_.end_s]
    for (start, rate), end in zip(pass_.expected_rate, ends, strict=True):
        begin = max(start, now, pass_.start_s)
        bits += rate * max(0.0, min(end, pass_.end_s) - begin)
    return int(bits / 8)


def shares(waiting: Iterable[Entry], pass_: Window | None, now: float) -> tuple[Share, ...]:
    """Which of the ``waiting`` puts to one satellite go on its link, first one first."""
    room = expected_bytes(pass_, now) if pass_ is not None else None
    chosen = list[Share]()
    ahead = 0
    for entry in sorted(waiting, key=_turn):
        left = (entry.size or 0) - entry.done_bytes
        chosen.append(Share(entry, ahead, room is not None and ahead + left <= room))
        ahead += left
        if ahead > room if room is not None else len(chosen) >= _UNPLANNED_FILES:
            break
    return tuple(chosen)


def _turn(entry: Entry) -> tuple[int, float, str]:
    return entry.priority, entry.times["spooled"], entry.id
