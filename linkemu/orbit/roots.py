"""Zeros of many functions at once, each within its own bracket. Arrays in, arrays out; nothing of orbits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from linkemu.orbit.frames import Floats

_ROUNDS = 60  # bisection alone would reach the last bit in about so many
_TOLERANCE = 1e-13


def bracketed(function: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Where ``function`` (elementwise on (n,)) changes sign between ``low`` and ``high``, shape (n,).

    Regula falsi with the weights of Anderson and Bjoerck (BIT 13 (1973) 253), halving the bracket when that
    gains too little. A bracket without a change of sign yields one of its ends.
    """
    a, b = np.array(low, dtype=float), np.array(high, dtype=float)
    fa, fb = function(a), function(b)
    scale = np.abs(b - a)
    slow = np.zeros(a.shape, dtype=bool)
    for _ in range(_ROUNDS):
        if not np.any((np.abs(b - a) > _TOLERANCE * scale) & (fb != 0.0)):
            break
        rise = np.where(fb == fa, 1.0, fb - fa)
        guess = np.clip(b - fb * (b - a) / rise, np.minimum(a, b), np.maximum(a, b))
        guess = np.where(slow, 0.5 * (a + b), guess)
        value = function(guess)
        before = np.abs(b - a)
        crossed = np.sign(value) != np.sign(fb)
        damped = 1.0 - value / np.where(fb == 0.0, 1.0, fb)
        fa = np.where(crossed, fb, fa * np.where(damped > 0.0, damped, 0.5))
        a = np.where(crossed, b, a)
        b, fb = guess, value
        slow = np.abs(b - a) > 0.5 * before
    return b
