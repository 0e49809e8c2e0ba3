"""How deep the power of a link fades below its mean, all causes together: what a fade margin must cover.

Scintillation, pointing and coupling are independent, so their 1 % fades don't add: their product is sampled.
Draws are a named stream, the same in every call, so neighbouring elevations compare without noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.optics import fading, pointing, speckle
from linkemu.rng import Stream

Array = NDArray[np.float64]

DRAWS = 2**16


@dataclass(frozen=True, slots=True)
class Fading:
    """What makes the power of one direction fade, at one moment; 0 or 1 switches a cause off."""

    index: float = 0.0  # of scintillation, behind the aperture
    rytov: float = 0.0
    width_rad: float = 1.0  # of the beam as the receiver finds it (optics/pointing)
    jitter_rad: float = 0.0  # per axis, wander with it
    bias_rad: float = 0.0
    coherent: float = 1.0  # steady share of what a fibre takes (optics/speckle)


def relative(cause: Fading, draws: int = DRAWS) -> Array:
    """Power over its mean, (draws,) independent samples."""
    power = np.ones(draws)
    if cause.index > 0.0:
        power *= _irradiance(_normal("scintillation", draws), cause)
    if cause.jitter_rad > 0.0:
        axes = np.stack([_normal(axis, draws) for axis in ("x", "y")])
        power *= pointing.relative(axes, cause.width_rad, cause.jitter_rad, cause.bias_rad)
    if cause.coherent < 1.0:
        axes = np.stack([_normal(axis, draws) for axis in ("real", "imaginary")])
        power *= speckle.relative(axes, cause.coherent)
    return power


def fade_dB(cause: Fading, probability: float, draws: int = DRAWS) -> float:
    """Depth below the mean that is exceeded with this probability, but for the last ten draws."""
    depth = -10.0 * np.log10(np.quantile(relative(cause, draws), max(probability, 10.0 / draws)))
    return float(depth)


def _normal(name: str, draws: int) -> Array:
    return Stream(0, "margin", name).normal(0, draws)


def _irradiance(driver: Array, cause: Fading) -> Array:
    if cause.index < fading.LOGNORMAL_BELOW:
        return fading.lognormal(driver, cause.index)
    return fading.gamma_gamma(driver, cause.index, cause.rytov)
