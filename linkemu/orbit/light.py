"""Light time between ground and orbit, and the polynomials that a timeline holds of it.

Light goes straight in an inertial frame, at c, in vacuum: the moving end is met where it will be. That
includes the Earth's turn under the light (Sagnac). Plain range over c is wrong by 0.1 to 1.5 microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from linkemu.orbit.frames import Floats

SPEED_OF_LIGHT_MPS = 299_792_458.0  # SI, exact
_ROUNDS = 4  # each gains four digits, as nothing here moves faster than 4e-5 c
_DEGREE = 7
# Chebyshev points of the first kind on [0, 1], and the matrix from values there to powers of u.
_KNOTS = 0.5 - 0.5 * np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
_TO_POWERS = np.linalg.inv(np.vander(_KNOTS, increasing=True))

Trajectory = Callable[[Floats], Floats]  # times (n,) to inertial positions (3, n)


def light_time(leaves: Trajectory, arrives: Trajectory, t_s: Floats) -> Floats:
    """Seconds, shape (n,), of light that leaves one end at ``t_s`` and meets the other where it will be."""
    start_m = leaves(t_s)
    delay_s = np.zeros(t_s.shape)
    for _ in range(_ROUNDS):
        delay_s = np.linalg.norm(arrives(t_s + delay_s) - start_m, axis=0) / SPEED_OF_LIGHT_MPS
    return np.asarray(delay_s)


def polynomials(
    delay: Callable[[Floats], Floats], start_s: float, end_s: float, length_s: float
) -> tuple[NDArray[np.int64], Floats]:
    """A delay over time as segments: starts (m,) in ns, coefficients (m, 8) of powers of u in [0, 1].

    Segments of ``length_s`` begin at ``start_s`` rounded down to the nanosecond and cover ``end_s``.
    """
    length_ns = round(length_s * 1e9)
    first_ns = int(np.floor(start_s * 1e9))
    count = max(1, -(-(int(np.ceil(end_s * 1e9)) - first_ns) // length_ns))
    start_ns = first_ns + length_ns * np.arange(count, dtype=np.int64)
    times_s = (start_ns * 1e-9)[:, None] + _KNOTS * (length_ns * 1e-9)
    values_s = delay(times_s.ravel()).reshape(times_s.shape)
    return start_ns, values_s @ _TO_POWERS.T
