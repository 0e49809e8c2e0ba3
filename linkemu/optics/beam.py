"""A Gaussian beam from aperture to aperture: radius, collected fraction, truncation, pointing, spread.

Pure geometry of light in vacuum, plus the mean spread by turbulence given as Fried's diameter. Collection is
power in the bucket, which never exceeds 1; the gain form is its far-field limit, kept to compare with radio
engineers' tables. Radii are 1/e^2 of intensity; divergence is the far-field half-angle; jitter is per axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float64]

HALF_WIDTH = np.sqrt(2.0 * np.log(2.0))  # FWHM over the 1/e^2 radius: 2 sqrt(ln 2 / 2) = sqrt(2 ln 2)


def dB(ratio: Array | float) -> Array:
    """Ten times the decimal logarithm."""
    level: Array = 10.0 * np.log10(ratio)
    return level


def from_fwhm(width_rad: float) -> float:
    """1/e^2 half-angle of a beam with this full width at half maximum."""
    return float(width_rad / HALF_WIDTH)


def waist_m(divergence_rad: float, wavelength_m: float) -> float:
    """1/e^2 radius at the waist of the Gaussian beam of this far-field half-angle."""
    return wavelength_m / (np.pi * divergence_rad)


def beam_radius_m(range_m: Array, divergence_rad: float, wavelength_m: float) -> Array:
    """1/e^2 radius of the beam at a range."""
    radius: Array = np.hypot(waist_m(divergence_rad, wavelength_m), divergence_rad * range_m)
    return radius


def collected(beam_m: Array, aperture_m: float, obscuration_m: float = 0.0) -> Array:
    """Fraction of a centred Gaussian beam that an annulus takes (Farid and Hranilovic 2007, eq. 8)."""
    outer, inner = aperture_m / 2.0, obscuration_m / 2.0
    fraction: Array = np.exp(-2.0 * inner**2 / beam_m**2) - np.exp(-2.0 * outer**2 / beam_m**2)
    return fraction


def transmitter_gain(divergence_rad: float) -> float:
    """On-axis far-field gain of an untruncated Gaussian beam over an isotropic source, 8 / theta^2."""
    return 8.0 / divergence_rad**2


def receiver_gain(aperture_m: float, wavelength_m: float, obscuration_m: float = 0.0) -> float:
    """Gain of an annular aperture, (pi D / lambda)^2 (1 - gamma^2) (Degnan and Klein 1974)."""
    return float((np.pi / wavelength_m) ** 2 * (aperture_m**2 - obscuration_m**2))


def free_space(range_m: Array, wavelength_m: float) -> Array:
    """Transmission between isotropic antennas, (lambda / 4 pi L)^2 (Friis 1946; ITU-R P.525)."""
    fraction: Array = (wavelength_m / (4.0 * np.pi * range_m)) ** 2
    return fraction


def aperture_efficiency(truncation: float, obscuration: float = 0.0) -> float:
    """On-axis gain over (pi D / lambda)^2 of a truncated, obscured Gaussian (Klein and Degnan 1974, eq. 4).

    ``truncation`` is the aperture's radius over the beam's; ``obscuration`` the ratio of the diameters.
    """
    edge, hole = np.exp(-(truncation**2)), np.exp(-((obscuration * truncation) ** 2))
    return float(2.0 / truncation**2 * (hole - edge) ** 2)


def best_truncation(obscuration: float = 0.0) -> float:
    """Truncation of greatest on-axis gain (Klein and Degnan 1974, eq. 5): 1.12 without obscuration."""
    return 1.12 - 1.30 * obscuration**2 + 2.12 * obscuration**4


def clipped(truncation: float, obscuration: float = 0.0) -> float:
    """On-axis intensity of that beam over the untruncated one's, at most 1."""
    return aperture_efficiency(truncation, obscuration) * truncation**2 / 2.0


def mispointed(offset_rad: Array | float, divergence_rad: float) -> Array:
    """Intensity off the axis of a Gaussian beam, far field."""
    fraction: Array = np.exp(-2.0 * (np.asarray(offset_rad) / divergence_rad) ** 2)
    return fraction


def equivalent2_m2(beam_m: Array, aperture_m: float) -> Array:
    """Square of the equivalent radius that a finite aperture sees (Farid and Hranilovic 2007, eq. 9)."""
    v = np.sqrt(np.pi / 2.0) * (aperture_m / 2.0) / beam_m
    square: Array = beam_m**2 * np.sqrt(np.pi) * erf(v) / (2.0 * v * np.exp(-(v**2)))
    return square


def pointing_gamma2(beam_m: Array, aperture_m: float, jitter_m: Array) -> Array:
    """Square of equivalent beam radius over twice the jitter (Farid and Hranilovic 2007, eqs 9-11)."""
    gamma2: Array = equivalent2_m2(beam_m, aperture_m) / (4.0 * jitter_m**2)
    return gamma2


def spread_m(beam_m: Array, waist: float, fried_m: Array) -> Array:
    """Long-term radius of an uplink beam in turbulence, wander included (A&P chapter 12).

    W (1 + T)^p with T = (2 sqrt2 W0 / r0)^(5/3): p is 1/2 in weak spread and 3/5 where 2 sqrt2 W0 >> r0. In
    between we let it go smoothly from one to the other, so that no budget has a step.
    """
    ratio = (2.0 * np.sqrt(2.0) * waist / fried_m) ** (5 / 3)
    radius: Array = beam_m * (1.0 + ratio) ** (0.5 + 0.1 * ratio / (1.0 + ratio))
    return radius
