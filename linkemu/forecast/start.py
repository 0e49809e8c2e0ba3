"""Where a scenario begins: its element sets, its epoch in UTC, and what to warn of before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from linkemu.errors import InputError
from linkemu.forecast.geometry import seek
from linkemu.orbit import elements
from linkemu.orbit.element_set import Elements
from linkemu.scenario.model import Scenario

LEAD_IN_s = 30.0  # of a "next-pass" scenario before the satellite rises
OLD_days = 3.0
STALE_days = 30.0
_SEARCH_days = (1, 10)  # first a day, as most passes come soon


def choose(scenario: Scenario) -> list[Elements]:
    """The element set of each satellite, nearest to the start, else the newest; ElementsError if none."""
    sets = [one for path in scenario.elements for one in elements.read(path)]
    at = scenario.start if isinstance(scenario.start, datetime) else None
    return [
        elements.select(sets, name=satellite.name, norad=satellite.norad, at=at)
        for satellite in scenario.satellites
    ]


def epoch(scenario: Scenario, chosen: Sequence[Elements]) -> datetime:
    """UTC of scenario time 0.

    "next-pass" begins LEAD_IN_s before the first rise after the newest element epoch, at a whole second: the
    pass that the elements know best, and the same one whenever it is run.
    """
    if isinstance(scenario.start, datetime):
        return scenario.start
    newest = max(one.epoch for one in chosen)
    for days in _SEARCH_days:
        found = seek(scenario, chosen, newest, days * 86_400.0)
        rising = [one for one in found if one.rises]
        if rising:
            begin = newest + timedelta(seconds=min(one.aos_s for one in rising) - LEAD_IN_s)
            return begin.replace(microsecond=0)
        if found:  # it never sets: nothing to wait for
            return newest.replace(microsecond=0)
    problem = (
        f"no satellite rises over any station within {_SEARCH_days[-1]} days of {newest:%Y-%m-%d %H:%M} UTC"
    )
    raise InputError(str(scenario.path), f"start: next-pass: {problem}")


def warnings(scenario: Scenario, chosen: Sequence[Elements], begin: datetime) -> list[str]:
    """What a user should know about the elements, one line each."""
    lines = []
    middle = begin + timedelta(seconds=scenario.duration_s / 2.0)
    for satellite, one in zip(scenario.satellites, chosen, strict=True):
        age_days = one.age_days(middle)
        if abs(age_days) > OLD_days:
            side = "before" if age_days > 0 else "after"
            error = "seconds or minutes" if abs(age_days) <= STALE_days else "minutes or hours"
            lines.append(
                f"the elements of {satellite.id} are {abs(age_days):.1f} days from the scenario (epoch "
                f"{one.epoch:%Y-%m-%d %H:%M} UTC, {side} it): passes may be off by {error}"
            )
        problem = one.problem_at(middle)
        if problem is not None:
            lines.append(f"{satellite.id} has no position at {middle:%Y-%m-%d %H:%M} UTC: {problem}")
    return lines
