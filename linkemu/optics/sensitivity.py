"""What a receiver needs: photons per bit, the limits that physics sets, and what background light costs.

Pure arithmetic on powers at the detector (or at the fibre's input). The mode tables of terminals state
sensitivities; the formulas here translate and bound them.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, erfcinv

Array = NDArray[np.float64]

PLANCK_Js = 6.62607015e-34  # SI, exact
LIGHT_mps = 299_792_458.0  # SI, exact
QUALITY = 3.1  # Q of the raw bits at which codes of rate about 0.9 work: BER 1e-3


class Detection(Enum):
    """How light becomes bits, as far as noise tells a difference."""

    DIRECT = "direct"  # a photodiode: background adds shot noise
    COHERENT = "coherent"  # a local oscillator, or an amplifier in one mode: background is out of the way


def photon_J(wavelength_m: float) -> float:
    """Energy of one photon."""
    return PLANCK_Js * LIGHT_mps / wavelength_m


def photons_per_bit(power_W: float, rate_bps: float, wavelength_m: float) -> float:
    """Photons that arrive for each bit."""
    return power_W / (photon_J(wavelength_m) * rate_bps)


def power_W(photons: float, rate_bps: float, wavelength_m: float) -> float:
    """Mean power that brings so many photons for each bit."""
    return photons * photon_J(wavelength_m) * rate_bps


def ook_error(photons: float) -> float:
    """Bit error rate of ideal photon counting on-off keying, half of exp(-2 N) (Pratt 1969)."""
    return float(0.5 * np.exp(-2.0 * photons))


def gaussian_error(quality: float | Array) -> Array:
    """Bit error rate at the quality factor Q = (I1 - I0) / (s1 + s0), Gaussian noise (Personick 1973)."""
    rate: Array = 0.5 * erfc(np.asarray(quality) / np.sqrt(2.0))
    return rate


def quality(error: float) -> float:
    """The quality factor of a bit error rate."""
    return float(np.sqrt(2.0) * erfcinv(2.0 * error))


def ppm_capacity(order: int, photons_per_symbol: float) -> float:
    """Bits a symbol of noiseless photon-counting M-PPM: log2 M (1 - exp(-Ks)), an erasure channel."""
    return float(np.log2(order) * -np.expm1(-photons_per_symbol))


def scaled_dBm(sensitivity_dBm: float, rate_bps: float, to_bps: float, exponent: float = 1.0) -> float:
    """A sensitivity at another rate; exponent 1: photons or an amplifier limit, 1/2 heat, 3/4 an APD."""
    return sensitivity_dBm + 10.0 * exponent * float(np.log10(to_bps / rate_bps))


def background_dB(
    background_W: float | Array,
    sensitivity_W: float | Array,
    rate_bps: float,
    wavelength_m: float,
    detection: Detection,
    raw_quality: float = QUALITY,
) -> Array:
    """How much more power a mode needs against background light, at least 0.

    On-off keying with a noise that the signal doesn't make: Q = P / sigma. The shot noise of the background,
    2 h nu P_b R / 2, adds to the variance that the stated sensitivity implies, so that P' = sqrt(P^2 + Q^2
    s^2).
    """
    sensitivity = np.asarray(sensitivity_W, dtype=np.float64)
    if detection is Detection.COHERENT:
        return np.zeros(np.broadcast(sensitivity, background_W).shape)
    shot_W2 = photon_J(wavelength_m) * np.asarray(background_W) * rate_bps
    cost: Array = 5.0 * np.log10(1.0 + raw_quality**2 * shot_W2 / sensitivity**2)
    return cost
