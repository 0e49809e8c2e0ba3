"""Where the light goes behind the telescope: onto a detector, or into a single-mode fibre.

Means only; how coupling fades in time is drawn elsewhere, as a process of mean 1 on top. A detector larger
than the blurred spot loses nothing. Fried's diameter is the caller's, along its slant path; infinite means
no air.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.optics import turbulence

Array = NDArray[np.float64]

BEST = 0.8145  # plane wave, clear round aperture (Shaklan and Roddier, Applied Optics 27:2334, 1988)
_TILT_LEFT = 0.134  # (D/r0)^(5/3) rad^2 of phase when tip and tilt are removed (Noll, JOSA 66:207, 1976)
_FITTING = 0.28  # (pitch/r0)^(5/3) rad^2 left by a continuous deformable mirror (Hardy 1998, section 9.3)


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector, or a fibre so wide that it takes all of the blurred spot."""


@dataclass(frozen=True, slots=True)
class Fibre:
    """A single-mode fibre without any correction of the wave front."""

    source: str = "Shaklan & Roddier 1988; 0.8145 / (1 + (D/r0)^2)"


@dataclass(frozen=True, slots=True)
class TiltedFibre:
    """A single-mode fibre behind a steering mirror that takes out tip and tilt."""

    source: str = "Noll 1976; extended Marechal"


@dataclass(frozen=True, slots=True)
class CorrectedFibre:
    """A single-mode fibre behind adaptive optics."""

    bandwidth_Hz: float  # closed loop, 3 dB
    pitch_m: float  # of the actuators, as seen in the pupil
    source: str = "Greenwood 1977; Hardy 1998; extended Marechal"


Coupling = Detector | Fibre | TiltedFibre | CorrectedFibre


def wind_mps(height_m: Array, ground_mps: float = 5.0) -> Array:
    """Wind over height above ground (Bufton's profile, as in Andrews and Phillips 2005 eq. 12.2)."""
    wind: Array = ground_mps + 30.0 * np.exp(-(((height_m - 9400.0) / 4800.0) ** 2))
    return wind


def greenwood_Hz(
    wavelength_m: float,
    elevation_rad: Array,
    slew_radps: Array,
    profile: turbulence.Profile,
    altitude_m: float,
) -> Array:
    """How fast the wave front changes, shape (n,): (0.102 k^2 sec int Cn2 v^(5/3) dh)^(3/5) (Greenwood 1977).

    v is the wind plus the line of sight's own sweep, its slew times the slant distance.
    """
    height_m = np.linspace(0.0, 20_000.0, 801) + 12.5
    slant = turbulence.slant(elevation_rad)[:, None]
    speed = wind_mps(height_m) + slew_radps[:, None] * height_m * slant
    strength = profile.strength(height_m, altitude_m) * 25.0
    k = 2.0 * np.pi / wavelength_m
    frequency: Array = (0.102 * k**2 * slant[:, 0] * np.sum(strength * speed ** (5 / 3), axis=1)) ** (3 / 5)
    return frequency


def residual_rad2(kind: Coupling, aperture_m: float, fried_m: Array, greenwood: Array | float) -> Array:
    """Variance of the phase over the pupil that is left, infinite where nothing is corrected."""
    match kind:
        case TiltedFibre():
            left = _TILT_LEFT * (aperture_m / fried_m) ** (5 / 3)
        case CorrectedFibre():
            servo = (np.asarray(greenwood) / kind.bandwidth_Hz) ** (5 / 3) * np.ones_like(fried_m)
            left = np.where(np.isinf(fried_m), 0.0, servo) + _FITTING * (kind.pitch_m / fried_m) ** (5 / 3)
        case _:
            left = np.where(np.isinf(fried_m), 0.0, np.inf)
    variance: Array = left
    return variance


def efficiency(kind: Coupling, aperture_m: float, fried_m: Array, greenwood: Array | float = 0.0) -> Array:
    """Mean fraction that is coupled, shape of ``fried_m``; at most BEST into a fibre.

    A coherent core of exp(-s^2) of the light, and of the rest the halo's share 1 / (1 + (D/r0)^2) (Parenti
    and Sasiela, JOSA A 11:288, 1994): without correction only the halo is left, with a perfect one only the
    core.
    """
    if isinstance(kind, Detector):
        return np.ones_like(fried_m)
    core = np.exp(-residual_rad2(kind, aperture_m, fried_m, greenwood))
    halo = 1.0 / (1.0 + (aperture_m / fried_m) ** 2)
    part: Array = BEST * (core + (1.0 - core) * halo)
    return part
