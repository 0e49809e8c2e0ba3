"""Fading in time: a Gaussian driver with Matern-3/2 correlation, its irradiance, and the slots it erases.

White noise is indexed by absolute slots (UTC since 1970 over the slot length) and worked in fixed blocks,
each from its own burn-in: any block can be had alone, and a scenario that starts an hour later meets the same
fades. Matern-3/2 is smooth enough for fade counts to exist (Rice), which a first-order filter isn't. The
strength of the turbulence is constant within a block of about four seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import gammaln, kve, ndtr, ndtri

from linkemu.optics import modem, turbulence
from linkemu.rng import Stream

Array = NDArray[np.float64]

BLOCK_s = 4.096
SAMPLES_PER_SLOT = 4  # the receiver's interleaver averages linear power over a slot
LOGNORMAL_BELOW = 0.3  # scintillation index up to which the lognormal law serves
_MEMORIES = 20.0  # burn-in in units of the correlation time: what is left is below 1e-7
_TALLEST = 8.3  # no deviate lies further out


@dataclass(frozen=True, slots=True)
class Turbulence:
    """Conditions of one block: index after the aperture, Rytov variance, and crossing rate of the mean."""

    index: float
    rytov: float
    bandwidth_Hz: float


def correlation(rate: float, lag_s: Array) -> Array:
    """Matern-3/2 autocorrelation for rate w = 2 pi nu0 in 1/s."""
    scaled = rate * np.abs(lag_s)
    rho: Array = (1.0 + scaled) * np.exp(-scaled)
    return rho


def recursion(rate: float, step_s: float) -> tuple[Array, Array]:
    """Filter (b, a) that turns unit white noise into the exact process at this step.

    The sampled process is ARMA(2, 1): poles twice at exp(-w dt); the zero follows by factoring the covariance
    of what the poles leave over.
    """
    pole = np.exp(-rate * step_s)
    a = np.array([1.0, -2.0 * pole, pole**2])
    lags: Array = np.arange(3.0)
    near, far = (
        float(a @ correlation(rate, step_s * (lag + lags[:, None] - lags[None, :])) @ a) for lag in (0, 1)
    )
    ratio = far / near
    zero = 2.0 * ratio / (1.0 + np.sqrt(max(0.0, 1.0 - 4.0 * ratio**2)))
    scale = np.sqrt(near / (1.0 + zero**2))
    return np.array([scale, scale * zero]), a


def depth_dB(index: float, probability: float) -> float:
    """Depth of the fade that a lognormal irradiance exceeds with this probability, positive."""
    variance = np.log1p(index)
    return float(10.0 / np.log(10.0) * (variance / 2.0 - ndtri(probability) * np.sqrt(variance)))


def statistics(index: float, bandwidth_Hz: float, fade_dB: float) -> tuple[float, float, float]:
    """Of lognormal fades below the mean by ``fade_dB``: share of time, fades a second, mean length in s.

    Rice's formula, as in Andrews and Phillips 2005, chapter 11.
    """
    spread = np.sqrt(np.log1p(index))
    level = (spread**2 / 2.0 - np.log(10.0) / 10.0 * fade_dB) / spread
    share = float(ndtr(level))
    rate_Hz = float(bandwidth_Hz * np.exp(-(level**2) / 2.0))
    return share, rate_Hz, share / rate_Hz


def lognormal(driver: Array, index: float) -> Array:
    """Irradiance of mean 1 and this scintillation index from a standard normal driver."""
    variance = np.log1p(index)
    irradiance: Array = np.exp(np.sqrt(variance) * driver - variance / 2.0)
    return irradiance


def gamma_gamma(driver: Array, index: float, rytov: float) -> Array:
    """Irradiance of mean 1 by the gamma-gamma law; alpha : beta as at a point under this Rytov variance."""
    deviates, log_irradiance = _table(round(index, 3), round(rytov, 2))
    irradiance: Array = np.exp(np.interp(driver, deviates, log_irradiance))
    return irradiance


@lru_cache(maxsize=256)
def _table(index: float, rytov: float) -> tuple[Array, Array]:
    """Normal deviate and log irradiance of equal probability (physics notes, appendix I2)."""
    alpha, beta = turbulence.gamma_gamma(max(rytov, 0.01))
    linear, square = 1.0 / alpha + 1.0 / beta, 1.0 / (alpha * beta)
    shrink = 2.0 * index / (linear + np.sqrt(linear**2 + 4.0 * square * index))
    a, b = alpha / shrink, beta / shrink
    logs = np.linspace(np.log(1e-9), np.log(10.0**2.5), 6001)
    argument = 2.0 * np.sqrt(a * b) * np.exp(logs / 2.0)
    density = np.log(2.0) + (a + b) / 2.0 * (np.log(a * b) + logs) - gammaln(a) - gammaln(b)
    density += np.log(np.maximum(kve(a - b, argument), 1e-300)) - argument  # of ln I
    mass = np.exp(density)
    below = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2.0)])
    deviates = ndtri(np.clip(below / below[-1], 1e-16, 1.0 - 1e-16))
    kept = np.flatnonzero(np.diff(deviates, prepend=-np.inf) > 0.0)
    return deviates[kept], logs[kept]


class Process:
    """The fading of one direction of one link, by block number; a pure function of seed and identities."""

    def __init__(self, seed: int, station: str, satellite: str, direction: str, slot_ns: int) -> None:
        self.slots = max(64, round(BLOCK_s * 1e9 / slot_ns))  # in a block
        self._step_s = slot_ns * 1e-9 / SAMPLES_PER_SLOT
        self._noise = Stream(seed, "fade", station, satellite, direction)
        self._luck = Stream(seed, "codeword", station, satellite, direction)

    def driver(self, block: int, bandwidth_Hz: float) -> Array:
        """Standard normal samples of the block, SAMPLES_PER_SLOT for each slot."""
        rate = 2.0 * np.pi * bandwidth_Hz
        b, a = recursion(rate, self._step_s)
        wanted = self.slots * SAMPLES_PER_SLOT
        first = block * wanted
        burn = min(first, int(np.ceil(_MEMORIES / (rate * self._step_s))))
        samples: Array = lfilter(b, a, self._noise.normal(first - burn, burn + wanted))[burn:]
        return samples

    def power(self, block: int, air: Turbulence) -> Array:
        """Received power over its mean, averaged over each slot of the block."""
        driver = self.driver(block, air.bandwidth_Hz)
        if air.index < LOGNORMAL_BELOW:
            irradiance = lognormal(driver, air.index)
        else:
            irradiance = gamma_gamma(driver, air.index, air.rytov)
        mean: Array = irradiance.reshape(self.slots, SAMPLES_PER_SLOT).mean(axis=1)
        return mean

    def erased(
        self, block: int, air: Turbulence, mean_dBm: Array, sensitivity_dBm: Array
    ) -> NDArray[np.bool_]:
        """Which slots of the block are lost; the arguments are (slots,), sensitivity nan where no mode is."""
        lost = np.zeros(self.slots, dtype=np.bool_)
        safe_dBm = modem.never_fails_dBm(0.0)
        spare_dB = mean_dBm - sensitivity_dBm - safe_dBm
        if np.all(np.isnan(spare_dB)) or np.nanmin(spare_dB) >= _deepest_dB(air):
            return lost
        excess_dB = mean_dBm - sensitivity_dBm + 10.0 * np.log10(self.power(block, air))
        doubtful = np.flatnonzero(excess_dB < safe_dBm)
        luck = self._luck.uniform(block * self.slots, self.slots)[doubtful]
        lost[doubtful] = luck < modem.failure(excess_dB[doubtful], 0.0)
        return lost


def _deepest_dB(air: Turbulence) -> float:
    """A fade that no draw exceeds; without bound where the tail is a gamma-gamma's."""
    if air.index >= LOGNORMAL_BELOW:
        return float("inf")
    variance = np.log1p(air.index)
    return float(10.0 / np.log(10.0) * (_TALLEST * np.sqrt(variance) + variance / 2.0))
