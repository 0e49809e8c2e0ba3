"""Irradiance of mean 1 from a Gaussian driver: lognormal and gamma-gamma, and how long and often it fades.

The scintillation index alone decides the law: lognormal up to LOGNORMAL_BELOW, gamma-gamma above, whose
alpha : beta is that of a point receiver under the same Rytov variance. Statistics are closed forms (Rice);
time is driver.py's. An index is the variance of irradiance over its squared mean.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, kve, ndtr, ndtri

from linkemu.optics import turbulence
from linkemu.optics.driver import correlation as correlation

Array = NDArray[np.float64]

LOGNORMAL_BELOW = 0.3  # scintillation index up to which the lognormal law serves
_STEP, _RYTOV_STEP = 0.004, 0.05  # of ln(index) and ln(Rytov variance) between tables
_POINTS = 1201


def depth_dB(index: float, probability: float) -> float:
    """Depth of the fade that a lognormal irradiance exceeds with this probability, positive."""
    variance = np.log1p(index)
    return float(10.0 / np.log(10.0) * (variance / 2.0 - ndtri(probability) * np.sqrt(variance)))


def statistics(index: float, bandwidth_Hz: float, fade_dB: float) -> tuple[float, float, float]:
    """Of lognormal fades below the mean by ``fade_dB``: share of time, fades a second, mean length in s.

    Rice's formula, as in Andrews and Phillips 2005, chapter 11.
    """
    spread = np.sqrt(np.log1p(index))
    level = float((spread**2 / 2.0 - np.log(10.0) / 10.0 * fade_dB) / spread)
    return rice(level, bandwidth_Hz)


def rice(level: float, bandwidth_Hz: float) -> tuple[float, float, float]:
    """Of a standard normal process below ``level``: share of time, crossings a second, mean length in s."""
    share = float(ndtr(level))
    rate_Hz = float(bandwidth_Hz * np.exp(-(level**2) / 2.0))
    return share, rate_Hz, share / rate_Hz


def level(power_dB: Array, index: float, rytov: float) -> Array:
    """The driver's value at which irradiance has this level over its mean: the inverse of the maps."""
    if index < LOGNORMAL_BELOW:
        variance = np.log1p(index)
        driver: Array = (np.log(10.0) / 10.0 * power_dB + variance / 2.0) / np.sqrt(variance)
        return driver
    deviates, logs = _table(*_key(index, rytov))
    return np.asarray(np.interp(np.log(10.0) / 10.0 * power_dB, logs, deviates))


def log_quantile(deviate: float, index: float, rytov: float) -> float:
    """ln(irradiance) over its mean where the driver has this value."""
    if index < LOGNORMAL_BELOW:
        variance = float(np.log1p(index))
        return float(deviate * variance**0.5 - variance / 2.0)
    return float(np.interp(deviate, *_table(*_key(index, rytov))))


def lognormal(driver: Array, index: float | Array) -> Array:
    """Irradiance of mean 1 and this scintillation index from a standard normal driver."""
    variance = np.log1p(index)
    irradiance: Array = np.exp(np.sqrt(variance) * driver - variance / 2.0)
    return irradiance


def gamma_gamma(driver: Array, index: float, rytov: float) -> Array:
    """Irradiance of mean 1 by the gamma-gamma law; the index is met within half a percent."""
    deviates, logs = _table(*_key(index, rytov))
    irradiance: Array = np.exp(np.interp(driver, deviates, logs))
    return irradiance


def irradiance(driver: Array, piece: NDArray[np.intp], index: Array, rytov: Array) -> Array:
    """Irradiance of mean 1 under conditions that change: ``piece`` names those of each sample, ascending."""
    result = lognormal(driver, np.minimum(index, LOGNORMAL_BELOW)[piece])
    for strong in np.flatnonzero(index >= LOGNORMAL_BELOW).tolist():
        part = slice(*np.searchsorted(piece, (strong, strong + 1)).tolist())
        result[part] = gamma_gamma(driver[part], float(index[strong]), float(rytov[strong]))
    return result


def parameters(index: float, rytov: float) -> tuple[float, float]:
    """Alpha and beta of a gamma-gamma law of this index, in the ratio that they have at a point."""
    alpha, beta = turbulence.gamma_gamma(max(rytov, 0.01))
    linear, square = 1.0 / alpha + 1.0 / beta, 1.0 / (alpha * beta)
    shrink = 2.0 * index / (linear + np.sqrt(linear**2 + 4.0 * square * index))
    return float(alpha / shrink), float(beta / shrink)


def density(log_irradiance: Array, alpha: float, beta: float) -> Array:
    """Gamma-gamma density of ln(irradiance) (Al-Habash, Andrews and Phillips, Opt. Eng. 40:1554, 2001)."""
    argument = 2.0 * np.sqrt(alpha * beta) * np.exp(log_irradiance / 2.0)
    log_density = np.log(2.0) + (alpha + beta) / 2.0 * (np.log(alpha * beta) + log_irradiance)
    log_density += np.log(np.maximum(kve(alpha - beta, argument), 1e-300)) - argument
    result: Array = np.exp(log_density - gammaln(alpha) - gammaln(beta))
    return result


def log_density(log_irradiance: Array, index: float, rytov: float) -> Array:
    """Density of ln(irradiance) by the law that this index has."""
    if index >= LOGNORMAL_BELOW:
        return density(log_irradiance, *parameters(index, rytov))
    variance = np.log1p(index)
    scaled = (log_irradiance + variance / 2.0) ** 2 / (2.0 * variance)
    normal: Array = np.exp(-scaled) / np.sqrt(2.0 * np.pi * variance)
    return normal


def _key(index: float, rytov: float) -> tuple[int, int]:
    return round(np.log(index) / _STEP), round(np.log(max(rytov, 0.01)) / _RYTOV_STEP)


@lru_cache(maxsize=1024)
def _table(index_key: int, rytov_key: int) -> tuple[Array, Array]:
    """Normal deviate and log irradiance of equal probability, scaled to mean 1 (physics notes, I2)."""
    alpha, beta = parameters(float(np.exp(index_key * _STEP)), float(np.exp(rytov_key * _RYTOV_STEP)))
    logs = np.linspace(np.log(1e-9), np.log(10.0**2.5), _POINTS)
    mass = density(logs, alpha, beta)
    below = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2.0)])
    above = np.concatenate([[0.0], np.cumsum((mass[:0:-1] + mass[-2::-1]) / 2.0)])[::-1]
    total = below[-1]
    deviates = np.where(
        below < above, ndtri(np.maximum(below / total, 1e-300)), -ndtri(np.maximum(above / total, 1e-300))
    )
    kept = np.flatnonzero(np.diff(deviates, prepend=-np.inf) > 0.0)
    return deviates[kept], logs[kept]
