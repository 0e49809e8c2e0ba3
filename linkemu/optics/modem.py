"""The modem: which mode a received power closes, and how often a codeword fails at that power.

A mode is a rate and the power that it needs. Modes step at whole samples of the forecast (one a second) with
hysteresis, so that the rate is piecewise constant. Feedback that can fail belongs to a later issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Array = NDArray[np.float64]

PLANCK_Js = 6.62607015e-34  # SI, exact
LIGHT_mps = 299_792_458.0  # SI, exact

FADE_MARGIN_dB = 3.0  # kept for scintillation when a mode is chosen
STEP_UP_dB = 1.0  # a faster mode is taken with this much to spare,
STEP_DOWN_dB = 0.5  # and left when this much is missing
SLOPE_dB = 0.3  # of the codeword error curve: LDPC codes (physics notes, section A3)
_KNEE = 3.0  # slopes between half of all codewords lost and the stated sensitivity (0.13 % lost)


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to receive: ``sensitivity_dBm`` is the mean power at which 0.13 % of codewords fail."""

    rate_bps: int
    sensitivity_dBm: float


def photons_per_bit(power_W: float, rate_bps: float, wavelength_m: float) -> float:
    """Photons that arrive for each bit."""
    return power_W * wavelength_m / (PLANCK_Js * LIGHT_mps * rate_bps)


def failure(power_dBm: Array, sensitivity_dBm: float, slope_dB: float = SLOPE_dB) -> Array:
    """Probability that a codeword at this power is lost: half of erfc((P - P50) / (sqrt 2 slope))."""
    half_dBm = sensitivity_dBm - _KNEE * slope_dB
    probability: Array = 0.5 * erfc((power_dBm - half_dBm) / (np.sqrt(2.0) * slope_dB))
    return probability


def never_fails_dBm(sensitivity_dBm: float, slope_dB: float = SLOPE_dB) -> float:
    """Power from which the failure probability is below 2^-54, the smallest that a draw can tell from 0."""
    return sensitivity_dBm + (8.4 - _KNEE) * slope_dB


def choose(
    power_dBm: Array, modes: Sequence[Mode], fade_margin_dB: float = FADE_MARGIN_dB
) -> NDArray[np.intp]:
    """For each sample the index of the fastest mode that closes with the fade margin, -1 for none; (n,).

    A mode in use is kept until STEP_DOWN_dB is missing; a faster one needs STEP_UP_dB to spare.
    """
    order = sorted(range(len(modes)), key=lambda index: -modes[index].rate_bps)
    need_dBm = np.array([modes[index].sensitivity_dBm for index in order]) + fade_margin_dB
    spare_dB = power_dBm[:, None] - need_dBm[None, :]
    chosen = np.full(len(power_dBm), -1, dtype=np.intp)
    current = len(order)  # slower than the slowest: nothing closes
    for sample, spare in enumerate(spare_dB):
        current = _step(spare, current, first=sample == 0)
        if current < len(order):
            chosen[sample] = order[current]
    return chosen


def _step(spare_dB: Array, current: int, *, first: bool) -> int:
    """Place of the next mode in the order from fastest to slowest."""
    if not first:
        faster = np.flatnonzero(spare_dB[:current] >= STEP_UP_dB)
        if len(faster):
            return int(faster[0])
        if current < len(spare_dB) and spare_dB[current] >= -STEP_DOWN_dB:
            return current
    closes = np.flatnonzero(spare_dB >= 0.0)
    slower = closes if first else closes[closes > current]
    return int(slower[0]) if len(slower) else len(spare_dB)
