"""Genera of cloud: how long they stay, how thick they are, how fast they drift, and what they do to light.

The table of what a report leaves out. Figures marked "ours" are choices within the ranges of the
literature, not measurements; docs/weather.md says so too. Nothing here knows a station or a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OKTAS = {
    "FEW": 0.1875,
    "SCT": 0.4375,
    "BKN": 0.75,
    "OVC": 1.0,
    "VV": 1.0,
}  # middle of 1-2, 3-4, 5-7, 8 eighths
CIRRUS_MEDIAN = 0.15  # optical depth at the zenith, between "thin" and "opaque" of Sassen & Cho (1992)
CIRRUS_SPREAD = 1.2  # standard deviation of its logarithm
LOW_m = 2000.0  # cloud based below is low, above MID_m high (ERA5 and WMO cloud atlas, middle latitudes)
MID_m = 6000.0


class Genus(IntEnum):
    """What a layer is made of; the numbers stand in arrays."""

    CUMULUS = 0
    STRATOCUMULUS = 1
    STRATUS = 2
    CUMULONIMBUS = 3
    ALTOCUMULUS = 4
    ALTOSTRATUS = 5
    CIRRUS = 6


@dataclass(frozen=True, slots=True)
class Habit:
    """Of one genus. ``dwell_s``: mean time of cloud, and of gaps, over one point at half cover."""

    dwell_s: float
    slenderness: float  # height over diameter of the elements, H/Dc
    depth_m: float  # from base to top
    drift_mps: float
    base_m: float  # above the ground, where a report gives none

    @property
    def rate(self) -> float:
        """1/s: correlation lengths that drift over a point in a second.

        Rice: at half cover a Matern 3/2 driver of rate w crosses upwards w / (2 pi) times a second.
        """
        return math.pi / self.dwell_s

    @property
    def length_m(self) -> float:
        """Correlation length of the field."""
        return self.drift_mps / self.rate


# Dwell and slenderness of cumulus, stratocumulus, stratus and cirrus: PHYSICS notes B4; the rest is ours.
HABITS = {
    Genus.CUMULUS: Habit(300.0, 0.5, 1000.0, 10.0, 1000.0),
    Genus.STRATOCUMULUS: Habit(1800.0, 0.15, 500.0, 10.0, 1000.0),
    Genus.STRATUS: Habit(7200.0, 0.03, 500.0, 10.0, 500.0),
    Genus.CUMULONIMBUS: Habit(1800.0, 1.0, 8000.0, 12.0, 800.0),
    Genus.ALTOCUMULUS: Habit(1800.0, 0.15, 500.0, 15.0, 3500.0),
    Genus.ALTOSTRATUS: Habit(7200.0, 0.03, 1500.0, 15.0, 3500.0),
    Genus.CIRRUS: Habit(1800.0, 0.1, 1500.0, 25.0, 9000.0),
}


def low(cover: float) -> Genus:
    """The genus of low cloud that a cover suggests: heaps, a broken sheet, a closed one (ours)."""
    if cover < 0.6:
        return Genus.CUMULUS
    return Genus.STRATOCUMULUS if cover < 0.9 else Genus.STRATUS


def middle(cover: float) -> Genus:
    """The genus of middle cloud that a cover suggests (ours)."""
    return Genus.ALTOCUMULUS if cover < 0.9 else Genus.ALTOSTRATUS


def clear_share(cover: Array, slenderness: Array, elevation_rad: Array) -> Array:
    """Probability that a line of sight passes a layer: (1 - f)^(1 + (4/pi) (H/D) cot(elevation)).

    Exact for upright cylinders strewn at random; the form of Kauth & Penquite (1967) and Allen & Malick
    (1983).
    """
    exponent = 1.0 + 4.0 / math.pi * slenderness / np.tan(elevation_rad)
    share: Array = np.power(1.0 - cover, exponent)
    return share
