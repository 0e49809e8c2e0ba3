"""Where the turbulence of the air is: profiles of Cn2 over height, the wind that carries it, and its moments.

Models of A&P (Andrews and Phillips, Laser Beam Propagation through Random Media, 2nd ed., SPIE 2005, ch. 12)
and ITU-R P.1621. Heights are above the ground of a site; its own altitude moves it up in those parts of a
profile that hang on the sea level. What the turbulence does to light is turbulence.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TOP_m = 20_000.0  # above it the air is taken as still
NIGHT_GROUND = 3e-15  # m^(-2/3): ground strength by night for Hufnagel-Valley (physics notes, section B5)


@dataclass(frozen=True, slots=True)
class HufnagelValley:
    """Rms wind aloft and ground strength; the defaults are the model named 5/7."""

    wind_mps: float = 21.0
    ground: float = 1.7e-14  # m^(-2/3)

    @property
    def edges_m(self) -> tuple[float, ...]:
        """Layers within which the profile is smooth enough for one quadrature."""
        return (0.0, 200.0, 4_000.0, TOP_m)

    def strength(self, height_m: Array, altitude_m: float = 0.0) -> Array:
        """Cn2 in m^(-2/3) at heights above ground of a site (A&P eq. 12.1; ITU-R P.1621)."""
        z = height_m + altitude_m
        jet = 0.00594 * (self.wind_mps / 27.0) ** 2 * (1e-5 * z) ** 10 * np.exp(-z / 1000.0)
        total: Array = jet + 2.7e-16 * np.exp(-z / 1500.0) + self.ground * np.exp(-height_m / 100.0)
        return total


@dataclass(frozen=True, slots=True)
class SubmarineLaser:
    """The submarine laser communication (SLC) profile by day or by night: power laws in five layers."""

    night: bool = False

    @property
    def edges_m(self) -> tuple[float, ...]:
        return (
            (0.0, 18.5, 110.0, 850.0, 7_000.0, TOP_m)
            if self.night
            else (0.0, 18.5, 110.0, 1_500.0, 7_200.0, TOP_m)
        )

    def strength(self, height_m: Array, altitude_m: float = 0.0) -> Array:
        """Cn2 in m^(-2/3) (A&P section 12.2); over the ground of its site, so the altitude has no part."""
        h = np.maximum(height_m, 1e-3)
        laws = (
            (8.4e-15 if self.night else 1.7e-14, 0.0),
            (2.87e-12, -2.0) if self.night else (3.13e-13, -1.05),
            (2.5e-16 if self.night else 1.3e-15, 0.0),
            (8.87e-7, -3.0),
            (2e-16, -0.5),
        )
        layer = np.searchsorted(np.array(self.edges_m[1:-1]), h, side="right")
        factor, power = np.array(laws).T
        total: Array = factor[layer] * h ** power[layer]
        return total


Profile = HufnagelValley | SubmarineLaser
HV57 = HufnagelValley()


@dataclass(frozen=True, slots=True)
class Moments:
    """Integrals of Cn2 h^p over height: all that the slant path needs."""

    zero: float
    five_sixths: float
    five_thirds: float
    two: float

    @property
    def height_m(self) -> float:
        """Height of the turbulence that scintillates (ITU-R P.1622 eq. 7)."""
        return float((self.two / self.five_sixths) ** (6 / 7))


@lru_cache(maxsize=256)
def layers(profile: Profile, altitude_m: float = 0.0, start_m: float = 0.0) -> tuple[Array, Array]:
    """Heights above ground, (n,), and Cn2 dh at each: Gauss-Legendre, 64 points in every layer."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    heights, steps = [], []
    for low, high in zip(profile.edges_m[:-1], profile.edges_m[1:], strict=True):
        low = max(low, start_m)
        if low < high:
            heights.append(low + (nodes + 1.0) / 2.0 * (high - low))
            steps.append(weights / 2.0 * (high - low))
    height_m = np.concatenate(heights)
    return height_m, profile.strength(height_m, altitude_m) * np.concatenate(steps)


@lru_cache(maxsize=256)
def moments(profile: Profile, altitude_m: float = 0.0, start_m: float = 0.0) -> Moments:
    """As seen by a terminal ``start_m`` above the ground."""
    height_m, strength = layers(profile, altitude_m, start_m)
    powers = (0.0, 5 / 6, 5 / 3, 2.0)
    return Moments(*(float(np.sum(strength * (height_m - start_m) ** power)) for power in powers))


def bufton_mps(height_m: Array, ground_wind_mps: float = 5.0) -> Array:
    """Wind over height (Bufton's model, A&P eq. 12.3), without the sweep of the line of sight."""
    wind: Array = ground_wind_mps + 30.0 * np.exp(-(((height_m - 9_400.0) / 4_800.0) ** 2))
    return wind


def rms_wind_mps(ground_wind_mps: float) -> float:
    """Rms of Bufton's wind from 5 to 20 km, which Hufnagel-Valley asks for.

    The integral itself; ITU-R P.1621-2 prints 33.11 and 360.31 for its two constants.
    """
    return float(np.sqrt(ground_wind_mps**2 + 30.69 * ground_wind_mps + 348.91))


def drift_mps(
    profile: Profile,
    altitude_m: float,
    elevation_rad: Array,
    slew_radps: Array,
    ground_wind_mps: float = 5.0,
) -> Array:
    """Speed at which the turbulence as a whole crosses the beam, (k,): its 5/3 moment over Cn2.

    Bufton's wind and the sweep of the line of sight are added, as in A&P eq. 12.3.
    """
    height_m, strength = layers(profile, altitude_m)
    sweep = slew_radps[:, None] * height_m / np.sin(elevation_rad)[:, None]
    speed = bufton_mps(height_m, ground_wind_mps) + sweep
    mean: Array = (speed ** (5 / 3) @ strength / np.sum(strength)) ** (3 / 5)
    return mean
