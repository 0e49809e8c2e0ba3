"""How the power in a single-mode fibre fades: a steady core and speckle that beat in one mode.

The field that the fibre takes is a coherent part, of the energy exp(-s^2) that the residual phase variance
s^2 leaves, and a part scattered over many speckles, of which the fibre sees a circular complex normal sample
(Goodman, Speckle Phenomena in Optics, 2007, section 3.2.2). Power of the sum is Rician; without correction
only the speckle is left and power is exponentially distributed. Its mean is coupling.py's; here it is 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def coherence(core: Array, halo: Array) -> Array:
    """Share of the coupled power that is steady: the core's, beside what the halo couples."""
    share: Array = core / (core + (1.0 - core) * halo)
    return share


def uncorrected(aperture_m: float, fried_m: Array) -> Array:
    """Core of a wave front that nobody corrects: exp(-1.03 (D/r0)^(5/3)) (Noll, JOSA 66:207, 1976)."""
    share: Array = np.exp(-1.03 * (aperture_m / fried_m) ** (5 / 3))
    return share


def index(coherent: Array) -> Array:
    """Variance of power of mean 1: 1 - coherent^2 (Goodman 2007, eq. 3-32), 1 for pure speckle."""
    variance: Array = 1.0 - coherent**2
    return variance


def relative(axes: Array, coherent: Array | float) -> Array:
    """Power of mean 1 from two standard normal drivers, (2, m)."""
    steady = np.sqrt(coherent)
    scattered = np.sqrt((1.0 - np.asarray(coherent)) / 2.0)
    power: Array = (steady + scattered * axes[0]) ** 2 + (scattered * axes[1]) ** 2
    return power


def rate(drift_mps: Array, aperture_m: float) -> Array:
    """w of the speckle in 1/s: the phase over the pupil is new when the air has drifted by its radius."""
    speed: Array = drift_mps / (aperture_m / 2.0)
    return speed
