"""How clouds of several sites go together: correlation over distance, and what it does to joint cover.

Sites share weather through the Gaussian driver of their fields. The first site has a field of its own, each
later one borrows from those before it (Cholesky), so a site added at the end changes nothing before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import multivariate_normal, norm

Array = NDArray[np.float64]

Parts = tuple[tuple[str, float], ...]  # of field.Field: names with weights

_FORGET = 1e-3  # weights below count as none: sites that far apart share nothing


def correlation(distance_m: ArrayLike) -> Array:
    """Of cloud liquid water between two sites, from MODIS (Lyras et al. 2017, IEEE TAP 65:319, eq. 7).

    Published for up to 250 km; beyond, its slow exponential goes on.
    """
    km = np.asarray(distance_m, dtype=np.float64) / 1000.0
    return np.asarray(0.35 * np.exp(-km / 7.8) + 0.65 * np.exp(-km / 225.3))


def mixtures(places_m: Mapping[str, Sequence[float]]) -> dict[str, Parts]:
    """For each site, in order, the named independent fields that make its own, and their weights.

    ``places_m`` are Earth-fixed; chords stand for distances, which keeps every matrix positive definite.
    """
    names = list(places_m)
    places = np.array([places_m[name] for name in names], dtype=np.float64).reshape(-1, 3)
    lower = _cholesky(correlation(np.linalg.norm(places[:, None] - places[None], axis=2)))
    lower[np.abs(lower) < _FORGET] = 0.0
    lower /= np.linalg.norm(lower, axis=1, keepdims=True)
    return {
        name: tuple((names[column], float(row[column])) for column in np.flatnonzero(row))
        for name, row in zip(names, lower, strict=True)
    }


def joint(first: float, second: float, rho: float) -> float:
    """Probability that two sites are cloudy at once, of their cloudy shares and the drivers' correlation.

    Phi2(Phi^-1(q1), Phi^-1(q2); rho). The formula q1 q2 + rho sqrt(p1 q1 p2 q2) has the correlation of the
    binary states for rho, which is another number.
    """
    if min(first, second) <= 0.0:
        return 0.0
    if max(first, second) >= 1.0:
        return min(first, second)
    covariance = [[1.0, rho], [rho, 1.0]]
    level = norm.ppf([first, second])
    return float(multivariate_normal(cov=covariance, allow_singular=True).cdf(level))


def _cholesky(matrix: Array) -> Array:
    """Lower factor of a correlation matrix that may be singular: two sites in one place share one sky."""
    size = len(matrix)
    lower = np.zeros((size, size))
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row, column] - float(lower[row, :column] @ lower[column, :column])
            if row == column:
                lower[row, row] = math.sqrt(max(rest, 0.0))
            elif lower[column, column] > 1e-9:
                lower[row, column] = rest / lower[column, column]
    return lower
