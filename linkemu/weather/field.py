"""A Gaussian field over the plane, unit variance, Matern 3/2, as a stateless function of seed and name.

Clouds are where such a field exceeds a threshold (station.py). The plane is in units of the
correlation length and drifts with the wind: the first coordinate is the one along the wind, in which the
field goes on without end. Any point can be had alone: nothing remembers what was asked before. No weather
and no optics here.

Method: turning bands (Matheron 1973, Adv. Appl. Probab. 5:439, section 4). A field in three dimensions with
covariance C(r) is a sum of line processes with covariance d/dr [r C(r)] over all directions. For
C = (1 + r) exp(-r) that is (1 + r - r^2) exp(-r), the covariance of white noise through the causal filter
(r - r^2/2) exp(-r): rational, so it runs as a recursion of third order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from linkemu.rng import Stream

Array = NDArray[np.float64]

BANDS = 24
STEP = 1.0 / 24.0  # of the line processes, in correlation lengths
_BURN_IN = 24.0  # correlation lengths in which the filter forgets its start: exp(-24) 24^2 / 2 = 1e-8
_BLOCK = 96  # samples: starts are aligned, so that neighbouring questions get the same answers
_LONGEST = 2000.0  # correlation lengths worked at once
_GAP = 2.0 * _BURN_IN  # that is cheaper to leave out
_SHIFT = 1 << 40  # between the noises of two bands, and half of it before index 0
_GOLDEN_rad = math.pi * (3.0 - math.sqrt(5.0))


@dataclass(frozen=True, slots=True)
class Field:
    """A field named by ``texture``, made of independent ones by name with weights whose squares sum to 1.

    Fields of the same texture are correlated by the product of their weights of common names.
    """

    seed: int
    texture: str
    parts: tuple[tuple[str, float], ...]

    def values(self, along: Array, across: Array) -> Array:
        """The field at points (k,) of the plane, along the wind and across it, in correlation lengths."""
        if len(along) == 0:
            return np.zeros(0)
        if len(along) > 1 and np.ptp(along) > _LONGEST:
            cuts = np.flatnonzero(np.abs(np.diff(along)) > _GAP) + 1
            if len(cuts) == 0:  # halves need less memory than the whole
                cuts = np.array([len(along) // 2])
            parts = zip(np.split(along, cuts), np.split(across, cuts), strict=True)
            return np.concatenate([self.values(*part) for part in parts])
        taps, feedback, stretch = _filter()
        place = np.outer(_directions()[:, 0], along) + np.outer(_directions()[:, 1], across)
        place *= stretch
        first = np.floor(place.min(axis=1) / STEP).astype(np.int64) // _BLOCK * _BLOCK
        count = int((np.floor(place.max(axis=1) / STEP).astype(np.int64) - first).max()) + 2
        lines = lfilter(taps, feedback, self._noise(first.tolist(), count), axis=1)[:, -count:]
        node = place / STEP - first[:, None]
        left = node.astype(np.int64)
        rows = np.arange(BANDS)[:, None] * count
        before, after = lines.ravel()[rows + left], lines.ravel()[rows + left + 1]
        total: Array = (before + (node - left) * (after - before)).sum(axis=0) / math.sqrt(BANDS)
        return total

    def _noise(self, first: Sequence[int], count: int) -> Array:
        """What drives samples ``first`` to ``first + count`` of each band, its past before it."""
        ahead = math.ceil(_BURN_IN / STEP)
        noise = np.zeros((BANDS, ahead + count))
        for name, weight in self.parts:
            stream = Stream(self.seed, "cloud", self.texture, name)
            for band, begin in enumerate(first):
                index = band * _SHIFT + _SHIFT // 2 + begin - ahead
                noise[band] += weight * stream.normal(index, ahead + count)
        return noise


def covariance(distance: Array) -> Array:
    """Matern 3/2 at a distance in correlation lengths (Rasmussen & Williams 2006, eq. 4.17)."""
    return (1.0 + distance) * np.exp(-distance)


@cache
def _directions() -> Array:
    """Of the bands, (BANDS, 2): cosines with the axis along the wind and with the one across it.

    Along the wind they are the midpoints of equal parts of [0, 1], so that the covariance there is the
    midpoint rule of Matheron's integral and no band stands still; around it they are spread by the golden
    angle.
    """
    along = (np.arange(BANDS) + 0.5) / BANDS
    across = np.sqrt(1.0 - along**2) * np.cos(_GOLDEN_rad * np.arange(BANDS))
    return np.column_stack([along, across])


@cache
def _filter() -> tuple[Array, Array, float]:
    """Numerator and denominator of the recursion with impulse response (r - r^2/2) exp(-r); a stretch.

    Straight lines between samples take a few per cent off the slope's variance, which is 3 for this
    covariance; the stretch of the line gives them back, so that the field crosses levels at Rice's rate.
    """
    a = math.exp(-STEP)
    rising = np.array([0.0, a * STEP, -(a**2) * STEP])
    bending = np.array([0.0, a, a**2]) * STEP**2 / 2.0
    taps = rising - bending
    feedback = np.array([1.0, -3.0 * a, 3.0 * a**2, -(a**3)])
    impulse = np.zeros(round(2.0 * _BURN_IN / STEP))
    impulse[0] = 1.0
    response = lfilter(taps, feedback, impulse)
    power = float(np.sum(response**2))
    slope = float(np.sum(np.diff(response) ** 2)) / (power * STEP**2)
    return taps / math.sqrt(power), feedback, math.sqrt(3.0 / slope)
