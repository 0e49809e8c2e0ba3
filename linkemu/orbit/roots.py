"""Zeros of many functions at once, each within its own bracket. Arrays in, arrays out; nothing of orbits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from linkemu.orbit.frames import Floats

_ROUNDS = 60  # bisection alone would reach the last bit in about so many; the usual number is 8
_TOLERANCE = 1e-12  # of the bracket: 0.1 ns of two minutes


def bracketed(function: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Where ``function`` (elementwise on (n,)) changes sign between ``low`` and ``high``, shape (n,).

    Chandrupatla's method (Adv. Eng. Software 28 (1997) 145): inverse quadratic interpolation where it is
    safe, bisection elsewhere. A bracket without a change of sign yields a point of it.
    """
    x1, x2 = np.array(low, dtype=float), np.array(high, dtype=float)
    f1, f2 = function(x1), function(x2)
    enough = _TOLERANCE * np.abs(x2 - x1)
    share = np.full(x1.shape, 0.5)
    for _ in range(_ROUNDS):
        x = x1 + share * (x2 - x1)
        f = function(x)
        same = np.sign(f) == np.sign(f1)
        x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
        x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
        x1, f1 = x, f
        width = np.abs(x2 - x1)
        if np.all((width <= 2 * enough) | (f1 == 0.0) | (f2 == 0.0)):
            break
        least = np.minimum(enough / np.maximum(width, enough), 0.5)
        share = np.clip(_interpolated(x1, x2, x3, f1, f2, f3), least, 1.0 - least)
    return np.where(np.abs(f1) < np.abs(f2), x1, x2)


def _interpolated(x1: Floats, x2: Floats, x3: Floats, f1: Floats, f2: Floats, f3: Floats) -> Floats:
    """Where to try next, as a share of the way from ``x1`` to ``x2``, the bracket; ``x3`` came before."""
    with np.errstate(divide="ignore", invalid="ignore"):  # finished brackets divide by zero: they halve
        xi = (x1 - x2) / (x3 - x2)
        phi = (f1 - f2) / (f3 - f2)
        safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
        quadratic = f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    return np.where(safe & np.isfinite(quadratic), quadratic, 0.5)
