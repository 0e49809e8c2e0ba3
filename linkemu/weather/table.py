"""Hourly tables to a History: its first rows tell which form a file has. TMY3 serves any year."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from linkemu.weather import cells, openmeteo, tmy3
from linkemu.weather.report import ORIGIN, History, Report, seconds

_MARGIN_s = 86_400.0  # of reports around a span


@dataclass(frozen=True, slots=True)
class Table:
    """A table that has been read: heights are above ``ground_m``; ``typical``: of no year in particular."""

    reports: tuple[Report, ...]
    ground_m: float
    typical: bool

    def history(self, start: datetime, end: datetime) -> History:
        """The History over a span: a typical year is repeated, other reports are as they are."""
        if not self.typical:
            return History(self.reports)
        years = range((start - timedelta(days=1)).year, (end + timedelta(days=1)).year + 1)
        lived = [each for year in years for one in self.reports for each in _moved(one, year)]
        first_s, last_s = seconds(start) - _MARGIN_s, seconds(end) + _MARGIN_s
        near = [one for one in lived if first_s <= one.time_s <= last_s]
        return History(near if any(one.decks is not None for one in near) else lived)


def read(text: str, where: str, ground_m: float | None = None) -> Table:
    """Read a table. ``ground_m`` is above sea level and needed where the file has no elevation.

    Raises:
        InputError: what is neither form, a missing column, or a value that can't be, with its line.
    """
    rows = cells.rows(text, where)
    typical = tmy3.COLUMNS["opaque"] in rows[1][1]
    ground, reports = (tmy3 if typical else openmeteo).read(rows, where, ground_m)
    return Table(tuple(reports), ground, typical)


def _moved(one: Report, year: int) -> list[Report]:
    """A report of a typical year in another; the 28th of February serves for the 29th too."""
    moment = ORIGIN + timedelta(seconds=one.time_s)
    if (moment.month, moment.day) == (2, 29):
        return []
    days = [28, 29] if (moment.month, moment.day) == (2, 28) and isleap(year) else [moment.day]
    return [replace(one, time_s=seconds(moment.replace(year=year, day=day))) for day in days]
