"""Pointing error in time: two axes, normally distributed about a bias, and the power that they leave.

Powers are relative to their own mean, as the budget holds the mean (its line "pointing jitter"). A width is
the 1/e^2 radius of the beam as an angle, at the receiver and with the receiver's size in it: the equivalent
radius of Farid and Hranilovic (JLT 25:1702, 2007, eq. 9) over the range. Closed forms hold without bias.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def loss(x_rad: Array, y_rad: Array, width_rad: Array | float) -> Array:
    """Power over that of a centred beam (same, eq. 9)."""
    share: Array = np.exp(-2.0 * (x_rad**2 + y_rad**2) / np.asarray(width_rad) ** 2)
    return share


def mean(width_rad: Array | float, jitter_rad: Array | float, bias_rad: Array | float = 0.0) -> Array:
    """Mean of ``loss`` for this deviation per axis and this radial bias, exact."""
    width2 = np.asarray(width_rad) ** 2
    wide = 1.0 + 4.0 * np.asarray(jitter_rad) ** 2 / width2
    share: Array = np.exp(-2.0 * np.asarray(bias_rad) ** 2 / (width2 * wide)) / wide
    return share


def gamma2(width_rad: float, jitter_rad: float) -> float:
    """Square of the width over twice the jitter (same, eq. 11)."""
    return (width_rad / (2.0 * jitter_rad)) ** 2


def quantile(gamma2: float, probability: float) -> float:
    """The share of power that is undercut with this probability, no bias: p^(1 / gamma^2) (same, eq. 11)."""
    return float(probability ** (1.0 / gamma2))


def relative(
    axes: Array, width_rad: Array | float, jitter_rad: Array | float, bias_rad: Array | float = 0.0
) -> Array:
    """Power of mean 1 from two standard normal drivers, (2, m); bias along the first axis."""
    x_rad = axes[0] * jitter_rad + bias_rad
    power: Array = loss(x_rad, axes[1] * jitter_rad, width_rad) / mean(width_rad, jitter_rad, bias_rad)
    return power
