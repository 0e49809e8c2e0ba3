"""Turbulence of the air above a site: profile, its moments, and the scintillation that they cause.

Hufnagel-Valley profile, weak-fluctuation theory with saturation (Andrews and Phillips, Laser Beam Propagation
through Random Media, 2nd ed., "A&P"), aperture averaging of ITU-R P.1622. Variances are of ln(irradiance) or
normalised irradiance, never in dB. Below 10 degrees of elevation the theory isn't trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linkemu.optics.atmosphere import airmass, apparent

Array = NDArray[np.float64]

_LAYERS_m = ((0.0, 200.0), (200.0, 4_000.0), (4_000.0, 20_000.0))
_FLAT_rad = np.radians(30.0)  # below it the air's curvature counts


@dataclass(frozen=True, slots=True)
class Profile:
    """Hufnagel-Valley: rms wind aloft and ground strength; the defaults are the model named 5/7."""

    wind_mps: float = 21.0
    ground: float = 1.7e-14  # m^(-2/3)

    def strength(self, height_m: Array, altitude_m: float = 0.0) -> Array:
        """Cn2 in m^(-2/3) at heights above ground of a site (A&P eq. 12.1; ITU-R P.1621)."""
        z = height_m + altitude_m
        jet = 0.00594 * (self.wind_mps / 27.0) ** 2 * (1e-5 * z) ** 10 * np.exp(-z / 1000.0)
        total: Array = jet + 2.7e-16 * np.exp(-z / 1500.0) + self.ground * np.exp(-height_m / 100.0)
        return total


HV57 = Profile()


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
def moments(profile: Profile, altitude_m: float = 0.0, start_m: float = 0.0) -> Moments:
    """By Gauss-Legendre in three layers up to 20 km, seen by a terminal ``start_m`` above the ground."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    heights, steps = [], []
    for low, high in _LAYERS_m:
        low = max(low, start_m)
        heights.append(low + (nodes + 1.0) / 2.0 * (high - low))
        steps.append(weights / 2.0 * (high - low))
    h, dh = np.concatenate(heights), np.concatenate(steps)
    strength = profile.strength(h, altitude_m) * dh
    zero, *others = (float(np.sum(strength * (h - start_m) ** power)) for power in (0.0, 5 / 6, 5 / 3, 2.0))
    return Moments(zero, *others)


def slant(elevation_rad: Array) -> Array:
    """Path through the air over its height: secant down to 30 degrees, air mass below."""
    sine = np.sin(np.maximum(elevation_rad, np.radians(1.0)))
    path: Array = np.where(elevation_rad >= _FLAT_rad, 1.0 / sine, airmass(apparent(elevation_rad)))
    return path


def fried_m(wavelength_m: float, elevation_rad: Array, m: Moments) -> Array:
    """Fried's coherence diameter of a plane wave at the ground (A&P section 12.5)."""
    k = 2.0 * np.pi / wavelength_m
    r0: Array = (0.423 * k**2 * slant(elevation_rad) * m.zero) ** (-3 / 5)
    return r0


def isoplanatic_rad(wavelength_m: float, elevation_rad: Array, m: Moments) -> Array:
    """Isoplanatic angle (A&P section 12.5)."""
    k = 2.0 * np.pi / wavelength_m
    angle: Array = (2.914 * k**2 * slant(elevation_rad) ** (8 / 3) * m.five_thirds) ** (-3 / 5)
    return angle


def rytov(wavelength_m: float, elevation_rad: Array, m: Moments) -> Array:
    """Rytov variance of a downlink plane wave (A&P eq. 12.38; ITU-R P.1622 eq. 1)."""
    k = 2.0 * np.pi / wavelength_m
    variance: Array = 2.25 * k ** (7 / 6) * slant(elevation_rad) ** (11 / 6) * m.five_sixths
    return variance


def _large_small(rytov_variance: Array) -> tuple[Array, Array]:
    """Variances of ln irradiance by large and small eddies, all regimes (A&P eqs 9.46 and 9.51)."""
    power = rytov_variance ** (6 / 5)
    large = 0.49 * rytov_variance / (1.0 + 1.11 * power) ** (7 / 6)
    small = 0.51 * rytov_variance / (1.0 + 0.69 * power) ** (5 / 6)
    return large, small


def scintillation(rytov_variance: Array) -> Array:
    """Scintillation index at a point, saturating in strong turbulence (A&P eq. 9.47)."""
    large, small = _large_small(rytov_variance)
    index: Array = np.expm1(large + small)
    return index


def gamma_gamma(rytov_variance: float) -> tuple[float, float]:
    """Parameters alpha and beta of the gamma-gamma distribution at a point (A&P eqs 9.48 to 9.51)."""
    large, small = _large_small(np.array([rytov_variance]))
    return float(1.0 / np.expm1(large[0])), float(1.0 / np.expm1(small[0]))


def averaging(aperture_m: float, wavelength_m: float, elevation_rad: Array, height_m: float) -> Array:
    """What an aperture leaves of the scintillation index, 0 to 1 (ITU-R P.1622 eq. 6)."""
    ratio = aperture_m**2 * np.sin(elevation_rad) / (wavelength_m * height_m)
    factor: Array = 1.0 / (1.0 + 1.1 * ratio ** (7 / 6))
    return factor


def bandwidth_Hz(aperture_m: float, wavelength_m: float, elevation_rad: Array, slew_radps: Array) -> Array:
    """Rate of upward crossings of the mean by the log irradiance, from the eddies that cross the beam.

    Eddies of the Fresnel zone's size, or half an aperture, drift with the wind aloft (10 m/s taken) and with
    the line of sight, which sweeps the air at 15 km along the zenith (physics notes, section B6; +-50 %).
    """
    path_m = 15_000.0 / np.sin(np.maximum(elevation_rad, np.radians(5.0)))
    speed = 10.0 + slew_radps * path_m
    size = np.maximum(np.sqrt(path_m * wavelength_m / (2.0 * np.pi)), aperture_m / 2.0)
    crossings: Array = 2.146 * speed / size / (2.0 * np.pi)
    return crossings
