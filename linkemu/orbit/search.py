"""Contacts of many satellites with many sites: nearness, changes of sign at nodes, roots in between.

Only arrays. A satellite can stand above the mask only within a cap around the site; nodes inside the cap,
widened by what the satellite moves in half a step, are looked at, and no pass slips between two nodes:
a pass that begins and ends within one interval shows as a culmination in it. Elevations are geometric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkemu.orbit.frames import EarthOrientation, Floats
from linkemu.orbit.nodes import STEP_S, Nodes, nodes
from linkemu.orbit.roots import bracketed
from linkemu.orbit.site import Site

Indices = NDArray[np.intp]

_BLOCK = 96  # satellites propagated together: larger blocks leave the cache, smaller ones cost calls
_BLOCK_CELLS = 4_000_000  # satellites x sites x nodes of a block: bounds the memory of long spans
_SMALLEST_RADIUS_M = 6_350_000.0  # below every point of the ellipsoid; a smaller Earth widens the cap
_TILT_RAD = math.radians(0.45)  # geodetic against geocentric vertical is 0.19 deg at most; the rest is spare
_HALF_STEP = 0.55  # of the angle between two nodes, as speed changes on eccentric orbits


class Contacts(NamedTuple):
    """Columns, one row a contact, each of shape (n,)."""

    satellite: Indices
    site: Indices
    aos_s: Floats
    tca_s: Floats
    los_s: Floats
    max_elevation_rad: Floats
    range_at_tca_m: Floats
    rises: NDArray[np.bool_]
    sets: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Horizon:
    """Sites in the frame of the nodes."""

    position_m: Floats  # (3, sites)
    up: Floats  # (3, sites)
    sine: Floats  # (sites,) of the mask


@dataclass(frozen=True, slots=True, eq=False)
class _Marks:
    """Moments (n,) of pairs of site and satellite, in intervals, with sine of elevation and range."""

    pair: Indices
    at: Floats  # in steps since node 0
    sine: Floats
    range_m: Floats
    crossing: NDArray[np.bool_]  # the satellite crosses the mask here

    @staticmethod
    def joined(parts: Sequence[_Marks]) -> _Marks:
        columns = zip(*((p.pair, p.at, p.sine, p.range_m, p.crossing) for p in parts), strict=True)
        return _Marks(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True, slots=True, eq=False)
class _Brackets:
    """Intervals (n,) of pairs in which something happens."""

    site: Indices
    satellite: Indices
    interval: Indices

    @staticmethod
    def joined(parts: Sequence[_Brackets]) -> _Brackets:
        columns = zip(*((p.site, p.satellite, p.interval) for p in parts), strict=True)
        return _Brackets(*(np.concatenate(column) for column in columns))

    def where(self, flags: NDArray[np.bool_]) -> _Brackets:
        return _Brackets(self.site[flags], self.satellite[flags], self.interval[flags])


def contacts(
    satrecs: Sequence[Any],
    sites: Sequence[Site],
    epoch: datetime,
    duration_s: float,
    earth: EarthOrientation,
) -> Contacts:
    """Every contact of every satellite with every site within the span, by block, site, satellite, time."""
    if not satrecs or not sites:
        return _assemble(_NO_MARKS, _NO_MARKS, _NO_MARKS, 0, 1.0, 0.0)
    horizon = _horizon(sites, earth)
    masks = [site.mask_rad for site in sites]
    cells = math.ceil(duration_s / STEP_S) * len(sites)
    size = max(1, min(_BLOCK, _BLOCK_CELLS // cells))
    parts = []
    for block in np.array_split(np.arange(len(satrecs)), math.ceil(len(satrecs) / size)):
        grid = nodes([satrecs[i] for i in block], epoch, duration_s, earth)
        part = _block_contacts(grid, horizon, masks)
        parts.append(part._replace(satellite=part.satellite + block[0]))
    return Contacts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _horizon(sites: Sequence[Site], earth: EarthOrientation) -> _Horizon:
    motion = earth.polar_motion()
    return _Horizon(
        motion @ np.stack([site.position_m() for site in sites], axis=1),
        motion @ np.stack([site.axes()[2] for site in sites], axis=1),
        np.array([math.sin(site.mask_rad) for site in sites]),
    )


def _block_contacts(grid: Nodes, horizon: _Horizon, masks: Sequence[float]) -> Contacts:
    found = [_site_events(grid, horizon, site, near) for site, near in _near_nodes(grid, horizon, masks)]
    rising, falling, peaks, hidden = (
        _Brackets.joined(column) for column in list(zip(*found, strict=True))[:4]
    )
    first, last = (_Marks.joined(column) for column in list(zip(*found, strict=True))[4:])
    path = _Path(grid, horizon)
    tops = [path.culminations(peaks), path.culminations(hidden)]
    over = tops[1].sine > horizon.sine[hidden.site]
    brief, y = hidden.where(over), (tops[1].at - hidden.interval - 0.5)[over]
    half = np.full(y.shape, 0.5)
    whole = [np.full(events.interval.shape, 0.5) for events in (rising, falling)]
    starts = [first, path.crossings(rising, -whole[0], whole[0]), path.crossings(brief, -half, y)]
    ends = [last, path.crossings(falling, -whole[1], whole[1]), path.crossings(brief, y, half)]
    satellites = grid.position_m.shape[1]
    return _assemble(
        _Marks.joined(starts), _Marks.joined(ends), _Marks.joined(tops), satellites, grid.step_s, grid.count
    )


def _near_nodes(grid: Nodes, horizon: _Horizon, masks: Sequence[float]) -> Iterator[tuple[int, Indices]]:
    """For each site: flat indices (satellite, node) of the nodes between which it may see a satellite."""
    radius_m = np.sqrt(np.einsum("dsn,dsn->sn", grid.position_m, grid.position_m))
    direction = (grid.position_m / radius_m).reshape(3, -1)
    reach: dict[float, Floats] = {}
    for site, mask in enumerate(masks):
        if mask not in reach:
            reach[mask] = _cap_cosine(direction.reshape(grid.position_m.shape), radius_m, mask)
        zenith = horizon.position_m[:, site] / np.linalg.norm(horizon.position_m[:, site])
        near = (zenith @ direction).reshape(radius_m.shape) >= reach[mask]
        near[:, 1:] |= near[:, :-1].copy()
        near[:, :-1] |= near[:, 1:].copy()
        yield site, np.flatnonzero(near)


def _cap_cosine(direction: Floats, radius_m: Floats, mask: float) -> Floats:
    """Cosine of the central angle (satellites, nodes) within which a node may belong to a contact.

    On a sphere of radius R a satellite at r stands at elevation el at the central angle
    acos(R cos(el) / r) - el (Wertz, Space Mission Analysis and Design, section 5.2).
    """
    highest_m = radius_m.copy()
    highest_m[:, 1:] = np.maximum(highest_m[:, 1:], radius_m[:, :-1])
    highest_m[:, :-1] = np.maximum(highest_m[:, :-1], radius_m[:, 1:])
    cap = np.arccos(np.minimum(_SMALLEST_RADIUS_M * math.cos(mask) / highest_m, 1.0)) - mask
    moved = np.arccos(np.clip(np.einsum("dsn,dsn->sn", direction[..., 1:], direction[..., :-1]), -1.0, 1.0))
    stride = np.zeros(radius_m.shape)
    stride[:, 1:] = moved
    stride[:, :-1] = np.maximum(stride[:, :-1], moved)
    return np.cos(np.clip(cap + _HALF_STEP * stride + _TILT_RAD, 0.0, math.pi))


_Sight = Callable[[Floats], tuple[Floats, Floats, Floats]]  # y to sine of elevation, its slope, range
_Events = tuple[_Brackets, _Brackets, _Brackets, _Brackets, _Marks, _Marks]


def _site_events(grid: Nodes, horizon: _Horizon, site: int, near: Indices) -> _Events:
    """Intervals of rising, setting, culminating, culminating between nodes below; cuts at starts and ends."""
    satellite, node = np.divmod(near, grid.count + 1)
    up = horizon.up[:, site]
    line_m = grid.position_m[:, satellite, node] - horizon.position_m[:, site, None]
    slope_m = grid.slope_m[:, satellite, node]
    sine, growth, range_m = _elevation_sine(up, line_m, slope_m)
    visible = sine > horizon.sine[site]
    led_here = np.pad(grid.sound, ((0, 0), (1, 0)))[satellite, node]
    leads_on = np.pad(grid.sound, ((0, 0), (0, 1)))[satellite, node]
    joined = (np.diff(near) == 1) & leads_on[:-1]
    before, after = visible[:-1], visible[1:]
    peak = joined & (growth[:-1] > 0.0) & (growth[1:] <= 0.0)
    every = _Brackets(np.full(satellite.shape, site), satellite, node)
    pair = site * grid.position_m.shape[1] + satellite

    def between(flags: NDArray[np.bool_]) -> _Brackets:
        return every.where(np.append(flags, False)[: near.size])

    def cuts(chosen: NDArray[np.bool_]) -> _Marks:
        where, none = node[chosen].astype(float), np.zeros(int(chosen.sum()), dtype=bool)
        return _Marks(pair[chosen], where, sine[chosen], range_m[chosen], none)

    return (
        between(joined & ~before & after),
        between(joined & before & ~after),
        between(peak & (before | after)),
        between(peak & ~before & ~after),
        cuts(visible & leads_on & ~led_here),
        cuts(visible & led_here & ~leads_on),
    )


def _elevation_sine(up: Floats, line_m: Floats, slope_m: Floats) -> tuple[Floats, Floats, Floats]:
    """Sine of the elevation, its slope, and range (n,), of lines of sight and their slopes (3, n)."""
    range_m = np.sqrt(np.einsum("dn,dn->n", line_m, line_m))
    unit = line_m / range_m
    upwards = up if up.ndim == 2 else up[:, None]
    sine = (upwards * unit).sum(axis=0)
    growth = ((upwards - sine * unit) * slope_m).sum(axis=0) / range_m
    return sine, growth, range_m


class _Path:
    """Lines of sight within intervals, from the polynomials of the nodes."""

    def __init__(self, grid: Nodes, horizon: _Horizon) -> None:
        self._grid = grid
        self._horizon = horizon

    def crossings(self, events: _Brackets, low: Floats, high: Floats) -> _Marks:
        """Where the elevation crosses the mask, between ``low`` and ``high`` of each interval."""
        sight, mask = self._sight(events), self._horizon.sine[events.site]
        return self._marks(events, sight, bracketed(lambda y: sight(y)[0] - mask, low, high), True)

    def culminations(self, events: _Brackets) -> _Marks:
        sight, half = self._sight(events), np.full(events.interval.shape, 0.5)
        return self._marks(events, sight, bracketed(lambda y: sight(y)[1], -half, half), False)

    def _sight(self, events: _Brackets) -> _Sight:
        coefficients = self._grid.polynomials(events.satellite, events.interval)
        coefficients[0] -= self._horizon.position_m[:, events.site]
        up = self._horizon.up[:, events.site]

        def at(y: Floats) -> tuple[Floats, Floats, Floats]:
            line_m, slope_m = coefficients[-1].copy(), np.zeros(coefficients.shape[1:])
            for coefficient in coefficients[-2::-1]:
                slope_m = slope_m * y + line_m
                line_m = line_m * y + coefficient
            return _elevation_sine(up, line_m, slope_m)

        return at

    def _marks(self, events: _Brackets, sight: _Sight, y: Floats, crossing: bool) -> _Marks:
        sine, _, range_m = sight(y)
        pair = events.site * self._grid.position_m.shape[1] + events.satellite
        return _Marks(pair, events.interval + 0.5 + y, sine, range_m, np.full(y.shape, crossing))


_NO_MARKS = _Marks(np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))


def _assemble(
    starts: _Marks, ends: _Marks, tops: _Marks, satellites: int, step_s: float, count: float
) -> Contacts:
    """Contacts from their starts, ends and culminations: the n-th start of a pair belongs to its n-th end."""
    first, last = np.lexsort((starts.at, starts.pair)), np.lexsort((ends.at, ends.pair))
    pair, aos, los = starts.pair[first], starts.at[first], ends.at[last]
    # A contact's highest moment is a culmination within it, or an edge.
    span = count + 1.0
    row = np.searchsorted(pair * span + aos, tops.pair * span + tops.at, side="right") - 1
    inside = row >= 0
    inside[inside] &= (pair[row[inside]] == tops.pair[inside]) & (tops.at[inside] <= los[row[inside]])
    order = np.arange(pair.size)
    rows = np.concatenate([order, order, row[inside]])
    at = np.concatenate([aos, los, tops.at[inside]])
    sine = np.concatenate([starts.sine[first], ends.sine[last], tops.sine[inside]])
    range_m = np.concatenate([starts.range_m[first], ends.range_m[last], tops.range_m[inside]])
    sorting = np.lexsort((sine, rows))
    best = sorting[np.searchsorted(rows[sorting], order, side="right") - 1] if pair.size else sorting
    site, satellite = np.divmod(pair, max(satellites, 1))
    return Contacts(
        satellite,
        site,
        aos * step_s,
        at[best] * step_s,
        los * step_s,
        np.arcsin(np.clip(sine[best], -1.0, 1.0)),
        range_m[best],
        starts.crossing[first],
        ends.crossing[last],
    )
