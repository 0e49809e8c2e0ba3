"""Where the light goes behind the telescope: onto a detector, or into a single-mode fibre.

Means only; how coupling fades in time is drawn elsewhere, as a process of mean 1 on top. A detector larger
than the blurred spot loses nothing. Fried's diameter is the caller's, along its slant path; infinite means
no air.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.optics import profile as profiles
from linkemu.optics import speckle, turbulence

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


def greenwood_Hz(
    wavelength_m: float,
    elevation_rad: Array,
    slew_radps: Array,
    profile: profiles.Profile,
    altitude_m: float,
) -> Array:
    """How fast the wave front changes, (n,): (0.102 k^2 sec int Cn2 v^(5/3))^(3/5) (Greenwood 1977)."""
    strength = turbulence.moments(profile, altitude_m).zero * turbulence.slant(elevation_rad)
    drift = profiles.drift_mps(profile, altitude_m, elevation_rad, slew_radps)
    frequency: Array = (0.102 * turbulence.wavenumber(wavelength_m) ** 2 * strength) ** (3 / 5) * drift
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


def core(kind: Coupling, aperture_m: float, fried_m: Array, greenwood: Array | float = 0.0) -> Array:
    """Share of the light that is left coherent, exp(-s^2) (Marechal)."""
    share: Array = np.exp(-residual_rad2(kind, aperture_m, fried_m, greenwood))
    return share


def halo(aperture_m: float, fried_m: Array) -> Array:
    """Share of the scattered light that the fibre still takes: one speckle of so many."""
    share: Array = 1.0 / (1.0 + (aperture_m / fried_m) ** 2)
    return share


def efficiency(kind: Coupling, aperture_m: float, fried_m: Array, greenwood: Array | float = 0.0) -> Array:
    """Mean fraction that is coupled, shape of ``fried_m``; at most BEST into a fibre.

    The core, and the halo's share of the rest (Parenti and Sasiela, JOSA A 11:288, 1994): without correction
    only the halo is left, with a perfect one only the core.
    """
    if isinstance(kind, Detector):
        return np.ones_like(fried_m)
    steady = core(kind, aperture_m, fried_m, greenwood)
    part: Array = BEST * (steady + (1.0 - steady) * halo(aperture_m, fried_m))
    return part


def coherent(kind: Coupling, aperture_m: float, fried_m: Array, greenwood: Array | float = 0.0) -> Array:
    """Steady share of the coupled power, which speckle doesn't touch: 1 for a detector."""
    if isinstance(kind, Detector):
        return np.ones_like(fried_m)
    if isinstance(kind, Fibre):
        steady = speckle.uncorrected(aperture_m, fried_m)
    else:
        steady = core(kind, aperture_m, fried_m, greenwood)
    return speckle.coherence(steady, halo(aperture_m, fried_m))
