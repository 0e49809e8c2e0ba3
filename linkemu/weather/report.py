"""What is known of the weather over a place as time goes by: the one form that every reader of reports makes.

A Report is the state at an instant, a History a series of them with what lies between. Heights are above
sea level, times absolute. Values that no report gives are None or carry a note: nothing is filled in
silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.weather.genera import HABITS, Genus

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

OBSCURED, LOW, MIDDLE, HIGH = range(4)  # decks from below; OBSCURED is fog or snow that hides the sky
DECKS = 4
_BLOCKING = (OBSCURED, LOW, MIDDLE)
CLEAR_VISIBILITY_m = 23_000.0  # of the "clear" standard atmosphere, where a report says "at least" or nothing
SHORTEST_VISIBILITY_m = 20.0  # where a report says 0
ORIGIN = datetime(1900, 1, 1, tzinfo=UTC)  # of absolute times, before any satellite


@dataclass(frozen=True, slots=True)
class Deck:
    """One deck of cloud: the share of sky that it covers by itself, whatever lies below it."""

    cover: float
    base_m: float  # above sea level
    top_m: float
    genus: Genus

    @classmethod
    def of(cls, cover: float, genus: Genus, ground_m: float, base_m: float | None = None) -> Deck:
        """A deck of usual thickness; ``base_m`` above the ground, the genus's own if None."""
        habit = HABITS[genus]
        base = ground_m + (habit.base_m if base_m is None else base_m)
        return cls(cover, base, base + habit.depth_m, genus)


@dataclass(frozen=True, slots=True)
class Report:
    """The weather at one instant. ``visibility_m`` None: not reported; one deck None: no cloud in it."""

    time_s: float  # since ORIGIN
    decks: tuple[Deck | None, ...] | None = (None,) * DECKS  # by number; None as a whole: not reported
    visibility_m: float | None = CLEAR_VISIBILITY_m
    lowest_visibility_m: float | None = None  # in the worst direction
    rain_mmph: float = 0.0
    snow_mmph: float = 0.0
    fog_top_m: float | None = None  # above sea level, of a layer that dims without hiding the sky
    notes: tuple[str, ...] = ()  # what was missing or assumed


def seconds(moment: datetime) -> float:
    """Absolute time of an aware datetime."""
    return (moment - ORIGIN).total_seconds()


@dataclass(frozen=True, slots=True, eq=False)
class Air:
    """A History at times (k,): what the light meets besides cloud."""

    visibility_m: Array
    lowest_visibility_m: Array
    rain_mmph: Array
    snow_mmph: Array
    fog_top_m: Array  # above sea level, nan without fog


class History:
    """Reports in order of time. Between two cover is linear, visibility geometric, rain as before.

    Before the first and after the last report their state stays.
    """

    def __init__(self, reports: Sequence[Report]) -> None:
        if not reports:
            raise ValueError("a history needs a report")
        self.reports = tuple(sorted(reports, key=lambda one: one.time_s))
        self.time_s: Array = np.array([one.time_s for one in self.reports])
        skies = _skies(self.reports)
        table = np.array([_filled(skies, deck) for deck in range(DECKS)], dtype=np.float64)
        self._cover, self._base, self._top = table[..., 0], table[..., 1], table[..., 2]
        self._genus = table[..., 3].astype(np.int64)
        self._clear: Array = np.prod(1.0 - self._cover[list(_BLOCKING)], axis=0)
        self._air = _air(self.reports)

    def covers(self, start_s: float, end_s: float, grace_s: float) -> bool:
        """Whether the reports reach over a span, but for ``grace_s`` at each end; one alone always does."""
        if len(self.reports) == 1:
            return True
        return bool(self.time_s[0] <= start_s + grace_s and self.time_s[-1] >= end_s - grace_s)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was missing or assumed, each once."""
        return tuple(dict.fromkeys(note for one in self.reports for note in one.notes))

    def between(self, time_s: Array) -> tuple[Integers, Integers, Array]:
        """For times (k,): the report before, the one after, and the share of the way to it."""
        after = np.searchsorted(self.time_s, time_s, side="right")
        left = np.maximum(after - 1, 0)
        right = np.minimum(after, len(self.time_s) - 1)
        gap = self.time_s[right] - self.time_s[left]
        share = np.where(gap > 0.0, (time_s - self.time_s[left]) / np.where(gap > 0.0, gap, 1.0), 0.0)
        return left.astype(np.int64), right.astype(np.int64), np.clip(share, 0.0, 1.0)

    def deck(self, deck: int, time_s: Array) -> Decks:
        """One deck at times (k,)."""
        left, right, share = self.between(time_s)

        def linear(row: Array) -> Array:
            value: Array = row[left] + share * (row[right] - row[left])
            return value

        genus = self._genus[deck]
        cover = linear(self._cover[deck])
        if deck != HIGH:  # where one deck gives way to another, the sky as a whole must not open
            clear = np.prod([1.0 - linear(self._cover[other]) for other in _BLOCKING], axis=0)
            cover = _widened(cover, clear, linear(self._clear))
        return Decks(
            cover,
            linear(self._base[deck]),
            linear(self._top[deck]),
            genus[left],
            genus[right],
            share,
        )

    def air(self, time_s: Array) -> Air:
        """Visibility and precipitation at times (k,)."""
        left, right, share = self.between(time_s)
        visibility, lowest, rain, snow, fog = self._air

        def geometric(row: Array) -> Array:
            logs = np.log(row)
            value: Array = np.exp(logs[left] + share * (logs[right] - logs[left]))
            return value

        return Air(geometric(visibility), geometric(lowest), rain[left], snow[left], fog[left])


@dataclass(frozen=True, slots=True, eq=False)
class Decks:
    """One deck at times (k,). Between reports of different genus ``share`` leads from one to the other."""

    cover: Array
    base_m: Array
    top_m: Array
    genus: Integers
    next_genus: Integers
    share: Array


def _widened(cover: Array, clear: Array, wanted: Array) -> Array:
    """A deck's cover f as 1 - (1 - f)^k, where k makes the clear share of all decks the one wanted."""
    between = (clear > 0.0) & (clear < 1.0) & (cover > 0.0)
    result = cover.copy()
    shut = between & (wanted <= 0.0)
    result[shut] = 1.0
    part = between & ~shut
    power = np.log(wanted[part]) / np.log(clear[part])
    result[part] = 1.0 - np.power(1.0 - cover[part], power)
    return result


_Sky = tuple[Deck | None, ...]


def _skies(reports: Sequence[Report]) -> list[_Sky]:
    """The decks of each report; where one doesn't tell, those of the report before."""
    told = [one.decks for one in reports if one.decks is not None]
    if not told:
        raise ValueError("no report tells the sky")
    last = told[0]
    skies = []
    for one in reports:
        last = last if one.decks is None else one.decks
        skies.append(last)
    return skies


def _filled(skies: Sequence[_Sky], deck: int) -> list[tuple[float, float, float, int]]:
    """Cover, base, top and genus of each sky; an empty deck borrows its neighbour's place, at no cover."""
    known = np.array([place for place, one in enumerate(skies) if one[deck] is not None])
    if len(known) == 0:
        return [(0.0, 0.0, 0.0, int(Genus.CUMULUS))] * len(skies)
    every = np.arange(len(skies))
    right = np.minimum(np.searchsorted(known, every), len(known) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(known[left] - every) <= np.abs(known[right] - every), known[left], known[right])
    rows = []
    for own, near in zip(skies, nearest.tolist(), strict=True):
        here, there = own[deck], skies[near][deck]
        assert there is not None
        rows.append((here.cover if here else 0.0, there.base_m, there.top_m, int(there.genus)))
    return rows


def _air(reports: Sequence[Report]) -> tuple[Array, Array, Array, Array, Array]:
    """Visibility, its lowest direction, rain, snow and fog top, each (n,); gaps hold the last value."""
    visibility_m, lowest_m = CLEAR_VISIBILITY_m, CLEAR_VISIBILITY_m
    rows = []
    for one in reports:
        if one.visibility_m is not None:
            visibility_m = max(one.visibility_m, SHORTEST_VISIBILITY_m)
            lowest_m = visibility_m
            if one.lowest_visibility_m is not None:
                lowest_m = min(visibility_m, max(one.lowest_visibility_m, SHORTEST_VISIBILITY_m))
        fog_m = np.nan if one.fog_top_m is None else one.fog_top_m
        rows.append((visibility_m, lowest_m, one.rain_mmph, one.snow_mmph, fog_m))
    columns = np.array(rows, dtype=np.float64).T
    return columns[0], columns[1], columns[2], columns[3], columns[4]
