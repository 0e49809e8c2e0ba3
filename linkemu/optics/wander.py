"""How an uplink beam wanders: eddies near the ground that are wider than the beam deflect it as a whole.

Andrews and Phillips 2005 ("A&P"), chapters 6 and 12. Wander counts once: either a beam of long-term radius,
or one of short-term radius that is displaced from moment to moment. ``variance`` is radial, the sum of both
axes. A downlink doesn't wander at the ground: its beam meets the turbulence when it is far wider than it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkemu.optics import profile as profiles
from linkemu.optics import turbulence

Array = NDArray[np.float64]

ANDREWS = 7.25  # A&P eq. 12.50
BELMONTE = 2.07  # split-step simulation finds less (Belmonte, Applied Optics 39:5426, 2000)


def variance_m2(
    strength: Array,
    at_m: Array,
    length_m: float,
    waist_m: float,
    constant: float = ANDREWS,
    focus: float = 1.0,
) -> float:
    """Radial variance at the end of a path whose Cn2 dz is ``strength`` at distances ``at_m`` (A&P eq. 6.88).

    ``focus`` is 1 - L / F0: 1 for a collimated beam, 0 for one focused at the receiver.
    """
    left = 1.0 - at_m / length_m
    shape = np.abs(focus + (1.0 - focus) * left) ** (-1 / 3)
    return float(constant * length_m**2 * waist_m ** (-1 / 3) * np.sum(strength * left**2 * shape))


def variance_rad2(
    profile: profiles.Profile,
    altitude_m: float,
    elevation_rad: Array,
    range_m: Array,
    waist_m: float,
    constant: float = ANDREWS,
) -> Array:
    """Radial variance of the direction of a collimated uplink, (k,) (A&P eq. 12.50)."""
    height_m, strength = profiles.layers(profile, altitude_m)
    slant = turbulence.slant(elevation_rad)
    left = 1.0 - slant[:, None] * height_m / range_m[:, None]
    variance: Array = constant * waist_m ** (-1 / 3) * slant * (np.maximum(left, 0.0) ** 2 @ strength)
    return variance


def short_form_rad2(wavelength_m: float, waist_m: float, fried_m: Array) -> Array:
    """The same by Fried's diameter: 0.54 (wavelength / 2 W0)^2 (2 W0 / r0)^(5/3) (A&P eq. 12.51)."""
    variance: Array = 0.54 * (wavelength_m / (2.0 * waist_m)) ** 2 * (2.0 * waist_m / fried_m) ** (5 / 3)
    return variance


def spherical_fried_m(wavelength_m: float, strength: Array, at_m: Array, length_m: float) -> float:
    """Fried's diameter of a point source at the far end, as an uplink's spread asks for (A&P eq. 6.124)."""
    k = turbulence.wavenumber(wavelength_m)
    return float((0.423 * k**2 * np.sum(strength * (1.0 - at_m / length_m) ** (5 / 3))) ** (-3 / 5))


def short_term_m(long_term_m: Array, variance_m2: Array) -> Array:
    """Radius of the beam that wanders, from the long-term radius (A&P eq. 6.96)."""
    radius: Array = np.sqrt(long_term_m**2 - variance_m2)
    return radius


def divided(long_term_m: Array, vacuum_m: Array, wander_m: Array) -> tuple[Array, Array]:
    """Radius of the beam that wanders, and its wander per axis, that together have the long-term mean.

    Mean square radii add: W_LT^2 = W_ST^2 + 4 sigma^2 (Fante, Proc. IEEE 63:1669, 1975), so wander takes no
    more than the spread has.
    """
    limited = np.minimum(wander_m, np.sqrt(long_term_m**2 - vacuum_m**2) / 2.0)
    return np.sqrt(long_term_m**2 - 4.0 * limited**2), limited


def rate(drift_mps: Array, waist_m: float) -> Array:
    """w of the wander in 1/s: the air drifts past the beam's diameter in 1/w (A&P section 6.6)."""
    speed: Array = drift_mps / (2.0 * waist_m)
    return speed


def precompensated(variance: Array, point_ahead_rad: Array, isoplanatic_rad: Array) -> Array:
    """What is left when the uplink is steered by the tilt of the downlink, which came another way.

    The tilt measured is wrong by the decorrelation over the point-ahead angle, and then useless at worst.
    """
    left: Array = variance * np.minimum(1.0, turbulence.decorrelation(point_ahead_rad, isoplanatic_rad))
    return left
