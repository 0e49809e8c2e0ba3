"""What an altazimuth mount can follow: its rate, its acceleration, and the keyhole around the zenith.

Close to the zenith the azimuth must turn faster than any mount does: by the sky rate over the cosine of the
elevation. A mount that knows its pass leaves the target before the rush and turns at full rate to where the
target will be: the known outage between is the shortest that it can keep. Pure; arrays are over the pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def azimuth_rate_radps(t_s: Array, azimuth_rad: Array) -> Array:
    """Rate of the azimuth's turn, (k,)."""
    rate: Array = np.gradient(np.unwrap(azimuth_rad), t_s)
    return rate


def turn_s(
    angle_rad: float, rate_radps: float, acceleration_radps2: float, before_radps: float, after_radps: float
) -> float:
    """Time of a turn at full rate between two rates of tracking (all of the same sign)."""
    ramps = (max(0.0, rate_radps - before_radps), max(0.0, rate_radps - after_radps))
    lost_s = sum(ramp**2 for ramp in ramps) / (2.0 * acceleration_radps2 * rate_radps)
    return angle_rad / rate_radps + lost_s


def keyhole(
    t_s: Array, azimuth_rad: Array, rate_radps: float, acceleration_radps2: float
) -> tuple[float, float] | None:
    """When a pass can't be followed, from leaving the target to catching up with it; None if it always can.

    Of all spans about the moment of greatest need, the shortest within which the mount makes the turn; it may
    reach to the pass's ends.
    """
    azimuth = np.unwrap(azimuth_rad)
    rate = azimuth_rate_radps(t_s, azimuth)
    need = np.abs(np.gradient(rate, t_s))
    beyond = np.flatnonzero((np.abs(rate) > rate_radps) | (need > acceleration_radps2))
    if not len(beyond):
        return None
    first, last = int(beyond[0]), int(beyond[-1])
    while True:
        spent_s = float(t_s[last] - t_s[first])
        angle = abs(float(azimuth[last] - azimuth[first]))
        ends = abs(float(rate[first])), abs(float(rate[last]))
        if turn_s(angle, rate_radps, acceleration_radps2, *ends) <= spent_s:
            return float(t_s[first]), float(t_s[last])
        if first == 0 and last == len(t_s) - 1:
            return float(t_s[0]), float(t_s[-1])
        first, last = max(0, first - 1), min(len(t_s) - 1, last + 1)
