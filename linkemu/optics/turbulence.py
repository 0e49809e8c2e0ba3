"""What turbulence does to light on its way through the air: coherence, angles, scintillation, and how fast.

Weak-fluctuation theory with saturation (Andrews and Phillips, Laser Beam Propagation through Random Media,
2nd ed., SPIE 2005, "A&P"), aperture averaging of ITU-R P.1622. Variances are of ln(irradiance) or normalised
irradiance, never in dB. Below 10 degrees of elevation the theory isn't trusted. No time series here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkemu.optics.atmosphere import airmass, apparent
from linkemu.optics.profile import HV57 as HV57
from linkemu.optics.profile import HufnagelValley as HufnagelValley
from linkemu.optics.profile import Moments as Moments
from linkemu.optics.profile import Profile as Profile
from linkemu.optics.profile import moments as moments

Array = NDArray[np.float64]

LIGHT_mps = 299_792_458.0  # SI, exact
_FLAT_rad = np.radians(30.0)  # below it the air's curvature counts
_SPHERE_m = 15_000.0  # height of the air that makes the speckle (physics notes, section B6)


def slant(elevation_rad: Array) -> Array:
    """Path through the air over its height: secant down to 30 degrees, air mass below."""
    sine = np.sin(np.maximum(elevation_rad, np.radians(1.0)))
    path: Array = np.where(elevation_rad >= _FLAT_rad, 1.0 / sine, airmass(apparent(elevation_rad)))
    return path


def wavenumber(wavelength_m: float) -> float:
    """2 pi over the wavelength."""
    return 2.0 * np.pi / wavelength_m


def fried_m(wavelength_m: float, elevation_rad: Array, m: Moments) -> Array:
    """Fried's coherence diameter of a plane wave at the ground (A&P section 12.5)."""
    r0: Array = (0.423 * wavenumber(wavelength_m) ** 2 * slant(elevation_rad) * m.zero) ** (-3 / 5)
    return r0


def seeing_rad(wavelength_m: float, fried: Array) -> Array:
    """Full width of a long exposure: 0.98 wavelengths over Fried's diameter (Roddier 1981)."""
    width: Array = 0.98 * wavelength_m / fried
    return width


def isoplanatic_rad(wavelength_m: float, elevation_rad: Array, m: Moments) -> Array:
    """Isoplanatic angle (A&P section 12.5)."""
    path = slant(elevation_rad) ** (8 / 3)
    angle: Array = (2.914 * wavenumber(wavelength_m) ** 2 * path * m.five_thirds) ** (-3 / 5)
    return angle


def point_ahead_rad(across_mps: Array) -> Array:
    """Angle between received and sent light: twice the transverse speed over c."""
    return np.asarray(2.0 * across_mps / LIGHT_mps)


def decorrelation(angle_rad: Array, isoplanatic: Array) -> Array:
    """Share of a correction that is wrong this far from where it was measured, 0 to 1.

    1 - exp(-(angle / isoplanatic angle)^(5/3)): one Strehl's loss to anisoplanatism (Fried 1982).
    """
    return np.asarray(-np.expm1(-((angle_rad / isoplanatic) ** (5 / 3))))


def coherence_s(wavelength_m: float, elevation_rad: Array, m: Moments, drift_mps: Array) -> Array:
    """Coherence time 0.314 r0 / v for the drift of the whole air (A&P section 12.5; Roddier 1981)."""
    time: Array = (2.914 * wavenumber(wavelength_m) ** 2 * slant(elevation_rad) * m.zero) ** (
        -3 / 5
    ) / drift_mps
    return time


def rytov(wavelength_m: float, elevation_rad: Array, m: Moments) -> Array:
    """Rytov variance of a downlink plane wave (A&P eq. 12.38; ITU-R P.1622 eq. 1)."""
    path = slant(elevation_rad) ** (11 / 6)
    variance: Array = 2.25 * wavenumber(wavelength_m) ** (7 / 6) * path * m.five_sixths
    return variance


def uniform_rytov(wavelength_m: float, strength: float, length_m: float) -> float:
    """Rytov variance of a plane wave along a level path of one Cn2 (A&P eq. 8.21)."""
    return float(1.23 * strength * wavenumber(wavelength_m) ** (7 / 6) * length_m ** (11 / 6))


def fade_scale_dB(rytov_variance: float) -> float:
    """Two standard deviations of the log amplitude in dB, as ITU-R P.1814 states fade depth (its eq. 8)."""
    return float(20.0 / np.log(10.0) * 2.0 * np.sqrt(rytov_variance / 4.0))


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
    """What an aperture leaves of the scintillation index, 0 to 1 (ITU-R P.1622 eq. 6): downlink only.

    In orbit the speckle is wider than any aperture (same, section 4.1.1).
    """
    ratio = aperture_m**2 * np.sin(elevation_rad) / (wavelength_m * height_m)
    factor: Array = 1.0 / (1.0 + 1.1 * ratio ** (7 / 6))
    return factor


def level_averaging(aperture_m: float, wavelength_m: float, length_m: float) -> float:
    """The same for a plane wave along a level path (Churnside 1991; Kaushal and Kaddoum 2017, eq. 20)."""
    ratio = wavenumber(wavelength_m) * aperture_m**2 / (4.0 * length_m)
    return float(1.0 / (1.0 + 1.07 * ratio ** (7 / 6)))


def bandwidth_Hz(
    aperture_m: float,
    wavelength_m: float,
    elevation_rad: Array,
    slew_radps: Array,
    wind_mps: float = HV57.wind_mps,
) -> Array:
    """Rate of upward crossings of the mean by the log irradiance, from the eddies that cross the beam.

    Eddies of the Fresnel zone's size, or half an aperture, drift with the wind aloft and with the line of
    sight, which sweeps the air at 15 km; wind and sweep have any angle between them, so their squares add
    (physics notes, section B6; +-50 %).
    """
    path_m = _SPHERE_m / np.sin(np.maximum(elevation_rad, np.radians(5.0)))
    speed = np.hypot(wind_mps, slew_radps * path_m)
    size = np.maximum(np.sqrt(path_m / wavenumber(wavelength_m)), aperture_m / 2.0)
    crossings: Array = 2.146 * speed / size / (2.0 * np.pi)
    return crossings
