"""A year of sights: how often stations see satellites through the weather, alone and together.

Cuts the span into tasks, has them done (farm.py) and adds up. Answers don't hang on how it was cut: each
second is looked at once, and the weather is a function of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from linkemu.scenario.model import Scenario
from linkemu.study import farm, spans
from linkemu.study.watch import Flags, Sights, Task, ZENITH_STEP_s, watch, zenith
from linkemu.weather.correlation import joint

DAY_s = 86_400
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a study is made. ``dask`` is an address, farm.LOCAL, or None for processes of this machine."""

    days: float = 365.0
    step_s: int = 1
    margin_dB: float = 3.0
    jobs: int | None = None
    dask: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Month:
    """Sights of a station and a satellite in a calendar month of UTC, in seconds."""

    year: int
    month: int
    sights: Sights


@dataclass(frozen=True, slots=True, eq=False)
class Availability:
    """What a study found. ``zeniths``: blocked flags each ZENITH_STEP_s by station, if several."""

    epoch: datetime
    days: float
    months: tuple[Month, ...]
    zeniths: dict[str, Flags]

    def document(self) -> dict[str, Any]:
        """As JSON: totals by pair, by month and by satellite over all stations; clouds at the zeniths."""
        return {
            "start": self.epoch.isoformat(),
            "days": self.days,
            "pairs": [
                _row(pair, [m.sights for m in self.months if _pair(m) == pair]) for pair in self._pairs()
            ],
            "months": [
                {"year": each.year, "month": each.month, **_row(_pair(each), [each.sights])}
                for each in self.months
            ],
            "network": [self._network(satellite) for satellite in self._satellites()],
            "zenith": self._zenith(),
        }

    def _pairs(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(_pair(each) for each in self.months))

    def _satellites(self) -> list[str]:
        return list(dict.fromkeys(satellite for _, satellite in self._pairs()))

    def _network(self, satellite: str) -> dict[str, Any]:
        """Seconds in which any station sees the satellite, and in which any sees it openly."""
        mine = [each.sights for each in self.months if each.sights.satellite == satellite]
        visible_s = spans.length(spans.union(each.visible for each in mine))
        open_s = spans.length(spans.union(each.open for each in mine))
        return {
            "satellite": satellite,
            "stations": len({each.station for each in mine}),
            "visible_s": visible_s,
            "open_s": open_s,
            "availability": _share(open_s, visible_s),
        }

    def _zenith(self) -> dict[str, Any] | None:
        if not self.zeniths:
            return None
        names = list(self.zeniths)
        blocked = np.stack([self.zeniths[name] for name in names])
        shares = blocked.mean(axis=1)
        pairs = [
            {
                "stations": [names[one], names[two]],
                "both_blocked": float((blocked[one] & blocked[two]).mean()),
                "if_independent": joint(float(shares[one]), float(shares[two]), 0.0),
            }
            for one in range(len(names))
            for two in range(one + 1, len(names))
        ]
        return {
            "step_s": ZENITH_STEP_s,
            "stations": [{"station": n, "clear": 1.0 - float(s)} for n, s in zip(names, shares, strict=True)],
            "any_clear": 1.0 - float(blocked.all(axis=0).mean()),
            "pairs": pairs,
        }


def study(
    scenario: Scenario, epoch: datetime, settings: Settings, progress: Progress | None = None
) -> Availability:
    """Watch every satellite of the scenario from every station for ``settings.days`` from the epoch.

    Raises:
        InputError: elements or reports that are wrong, or Dask asked for and absent.
        ResourceError: no answer from a Dask scheduler.
    """
    whole = replace(scenario, duration_s=settings.days * DAY_s)
    parts = list(_months(epoch, settings.days))
    tasks = [
        Task(whole, epoch, number, begin_s, end_s, settings.step_s, settings.margin_dB)
        for number in range(len(scenario.stations))
        for _, begin_s, end_s in parts
    ]
    found = _done(watch, tasks, settings, progress, "sights")
    months = tuple(
        Month(first.year, first.month, each)
        for (first, _, _), sights in zip(parts * len(scenario.stations), found, strict=True)
        for each in sights
    )
    zeniths: dict[str, list[Flags]] = {}
    if len(scenario.stations) > 1:
        for name, blocked in _done(zenith, tasks, settings, progress, "zeniths"):
            zeniths.setdefault(name, []).append(blocked)
    return Availability(epoch, settings.days, months, {n: np.concatenate(b) for n, b in zeniths.items()})


def _done(
    work: Callable[[Task], Any],
    tasks: Sequence[Task],
    settings: Settings,
    progress: Progress | None,
    what: str,
) -> list[Any]:
    """Answers in the order of the tasks."""
    answers: list[Any] = [None] * len(tasks)
    ready = (
        farm.here(work, tasks, settings.jobs)
        if settings.dask is None
        else farm.on_dask(work, tasks, settings.dask, settings.jobs)
    )
    for count, (number, answer) in enumerate(ready, start=1):
        answers[number] = answer
        if progress is not None:
            progress(count / len(tasks), what)
    return answers


def _months(epoch: datetime, days: float) -> Iterator[tuple[datetime, int, int]]:
    """(first moment, begin, end) of each calendar month that the span touches, in whole seconds."""
    end, moment = epoch + timedelta(days=days), epoch
    while moment < end:
        after = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=moment.tzinfo)
        until = min(after, end)
        begin_s, end_s = ((each - epoch).total_seconds() for each in (moment, until))
        yield moment, -int(-begin_s // 1), -int(-end_s // 1)
        moment = until


def _pair(month: Month) -> tuple[str, str]:
    return month.sights.station, month.sights.satellite


def _row(pair: tuple[str, str], parts: Sequence[Sights]) -> dict[str, Any]:
    visible_s = sum(spans.length(each.visible) for each in parts)
    open_s = sum(spans.length(each.open) for each in parts)
    return {
        "station": pair[0],
        "satellite": pair[1],
        "passes": sum(each.passes for each in parts),
        "served": sum(each.served for each in parts),
        "visible_s": visible_s,
        "open_s": open_s,
        "sun_s": sum(each.sun_s for each in parts),
        "blocked_s": sum(each.blocked_s for each in parts),
        "dim_s": sum(each.dim_s for each in parts),
        "availability": _share(open_s, visible_s),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
