"""The weather over one station, met along lines of sight: what blocks, what dims, what the air is like.

One sky for each station, whatever looks through it: every line of sight pierces the same drifting fields,
each deck at its own height. Decks that lie below the station don't count. No optics here: how much light
fog and rain take is for optics/ to say, from what stands in a State.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from linkemu.weather.correlation import Parts
from linkemu.weather.field import Field
from linkemu.weather.genera import CIRRUS_MEDIAN, CIRRUS_SPREAD, HABITS, Genus, clear_share
from linkemu.weather.report import DECKS, HIGH, LOW, Decks, History, seconds

Array = NDArray[np.float64]
Layers = NDArray[np.int8]

CLEAR = -1  # in State.layer
DEPTH_LIMIT = 9.0  # of the driver against its threshold; beyond it is certain
_EARTH_m = 6_371_000.0
_LOW_SIGHT_rad = math.radians(20.0)  # below it the worst of the reported directions counts
_LOWEST_rad = math.radians(0.5)
_dB = 10.0 / math.log(10.0)  # of one unit of optical depth
PRECIPITATION_TOP_m = 2000.0  # above sea level, where no low deck is reported
_SLENDERNESS = np.array([HABITS[genus].slenderness for genus in Genus])


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What lines of sight meet, arrays of shape (k,).

    ``depth`` is continuous, above 0 where water cloud or an obscured sky blocks: its roots are the clouds'
    edges. ``cloud_dB`` is what cirrus takes, 0 without; blocked light isn't counted in it. ``fog_top_m`` is
    the height of fog above the station, 0 without; rain and snow fall from ``precipitation_top_m`` above
    it.
    """

    blocked: NDArray[np.bool_]
    depth: Array
    layer: Layers  # the lowest deck that blocks, else HIGH within cirrus, else CLEAR
    cloud_dB: Array
    visibility_m: Array
    rain_mmph: Array
    snow_mmph: Array
    fog_top_m: Array
    precipitation_top_m: Array


@dataclass(frozen=True, slots=True, eq=False)
class Weather:
    """The sky of one station. ``parts`` are the fields that it shares with others (correlation.mixtures)."""

    station: str
    altitude_m: float
    epoch: datetime  # UTC of time 0
    history: History
    seed: int
    parts: Parts = ()
    wind_from_rad: float = math.radians(270.0)  # all decks drift along it
    _origin_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_origin_s", seconds(self.epoch))

    def along(self, t_s: ArrayLike, azimuth_rad: ArrayLike, elevation_rad: ArrayLike) -> State:
        """What light meets that crosses the air at ``t_s``, seconds since the epoch; all of shape (k,)."""
        t = np.asarray(t_s, dtype=np.float64) + self._origin_s
        azimuth = np.broadcast_to(np.asarray(azimuth_rad, dtype=np.float64), t.shape)
        elevation = np.maximum(
            np.broadcast_to(np.asarray(elevation_rad, dtype=np.float64), t.shape), _LOWEST_rad
        )
        depth = np.full(t.shape, -DEPTH_LIMIT)
        layer = np.full(t.shape, CLEAR, dtype=np.int8)
        cirrus_dB = np.zeros(t.shape)
        for deck in reversed(range(DECKS)):
            path = self._pierce(self.history.deck(deck, t), azimuth, elevation)
            above = self._depth(deck, t, path)
            inside = above > 0.0
            layer[inside] = deck
            if deck == HIGH:
                cirrus_dB[inside] = self._cirrus_dB(t[inside], path.where(inside))
            else:
                depth = np.maximum(depth, above)
        return self._state(t, elevation, depth, layer, cirrus_dB)

    def _state(self, t: Array, elevation: Array, depth: Array, layer: Layers, cirrus_dB: Array) -> State:
        air = self.history.air(t)
        low = elevation < _LOW_SIGHT_rad
        below = self.history.deck(LOW, t)
        return State(
            blocked=depth > 0.0,
            depth=depth,
            layer=layer,
            cloud_dB=cirrus_dB,
            visibility_m=np.where(low, air.lowest_visibility_m, air.visibility_m),
            rain_mmph=air.rain_mmph,
            snow_mmph=air.snow_mmph,
            fog_top_m=np.maximum(np.nan_to_num(air.fog_top_m - self.altitude_m), 0.0),
            precipitation_top_m=np.maximum(
                np.where(below.cover > 0.0, below.base_m, PRECIPITATION_TOP_m) - self.altitude_m, 0.0
            ),
        )

    def _pierce(self, decks: Decks, azimuth: Array, elevation: Array) -> _Path:
        """Where lines of sight meet the base of a deck, on a sphere; from within a deck at once."""
        height = np.maximum(decks.base_m - self.altitude_m, 0.0)
        radius = _EARTH_m + self.altitude_m
        there = np.arccos(np.minimum(radius * np.cos(elevation) / (radius + height), 1.0))
        away = radius * np.maximum(there - elevation, 0.0)
        turned = azimuth - (self.wind_from_rad + math.pi)
        return _Path(decks, away * np.cos(turned), away * np.sin(turned), np.maximum(there, elevation))

    def _depth(self, deck: int, t: Array, path: _Path) -> Array:
        """Driver less threshold: above 0 within the deck, limited to what is certain, (k,)."""
        decks = path.decks
        cover = np.where(decks.top_m > self.altitude_m, decks.cover, 0.0)
        left, right = _SLENDERNESS[decks.genus], _SLENDERNESS[decks.next_genus]
        share = clear_share(cover, left + decks.share * (right - left), path.elevation)
        depth = np.where(cover > 0.0, DEPTH_LIMIT, -DEPTH_LIMIT)
        open_ = (cover > 0.0) & (share > 0.0)
        driver = self._driver(f"deck{deck}", t[open_], path.where(open_))
        depth[open_] = np.clip(driver - ndtri(share[open_]), -DEPTH_LIMIT, DEPTH_LIMIT)
        return depth

    def _cirrus_dB(self, t: Array, path: _Path) -> Array:
        """Loss within cirrus: optical depth lognormal over the sky (genera.py), times the slant."""
        driver = self._driver("optical-depth", t, path)
        optical_depth = CIRRUS_MEDIAN * np.exp(CIRRUS_SPREAD * driver)
        loss: Array = _dB * optical_depth / np.sin(path.elevation)
        return loss

    def _driver(self, name: str, t: Array, path: _Path) -> Array:
        """The Gaussian field at the points of a path, unit variance; genera blend between reports."""
        total, power = np.zeros(t.shape), np.zeros(t.shape)
        decks = path.decks
        for genus in np.union1d(decks.genus, decks.next_genus).tolist():
            weight = (decks.genus == genus) * (1.0 - decks.share) + (decks.next_genus == genus) * decks.share
            used = weight > 0.0
            habit = HABITS[Genus(genus)]
            field = Field(
                self.seed, f"{name}-{Genus(genus).name.lower()}", self.parts or ((self.station, 1.0),)
            )
            along = path.along[used] / habit.length_m - habit.rate * t[used]
            total[used] += weight[used] * field.values(-along, path.across[used] / habit.length_m)
            power[used] += weight[used] ** 2
        driver: Array = total / np.sqrt(power)
        return driver


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """Where lines of sight pierce a deck: metres along the wind and across it, and their elevation there."""

    decks: Decks
    along: Array
    across: Array
    elevation: Array

    def where(self, flags: NDArray[np.bool_]) -> _Path:
        decks = Decks(*(getattr(self.decks, one.name)[flags] for one in fields(Decks)))
        return _Path(decks, self.along[flags], self.across[flags], self.elevation[flags])
