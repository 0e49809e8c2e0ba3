"""The Gaussian driver of everything that fades: Matern-3/2 in operational time, from named noise.

The rate w of a process changes over a pass, as the line of sight sweeps faster near culmination. So the
process is made in its own time s = integral of w dt, in which it is stationary, and the samples are placed at
t(s): marginals stay exact whatever w does. Noise is indexed by segments of 64 s of UTC, so any segment can be
had alone and a scenario that starts an hour later meets the same fades. In the last second of a segment the
next one is faded in with weights whose squares add to 1, which keeps variance and continuity. Matern-3/2 is
mean-square differentiable, so counts of fades exist (Rice); a first-order filter has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from linkemu.rng import Stream

Array = NDArray[np.float64]

SEGMENT_s = 64
SECONDS = SEGMENT_s + 2  # whole seconds at which a segment wants its conditions: from -1 to 64
_MEMORIES = 20.0  # burn-in in units of 1/w: what is left is below 1e-7
_PER_SEGMENT = 1 << 34  # noise numbers set aside for each segment
FINEST, COARSEST = 1 / 8, 1.0  # step in units of 1/w


def correlation(rate: float, lag_s: Array) -> Array:
    """Matern-3/2 autocorrelation for rate w = 2 pi nu0 in 1/s (Rasmussen and Williams 2006, eq. 4.17)."""
    scaled = rate * np.abs(lag_s)
    rho: Array = (1.0 + scaled) * np.exp(-scaled)
    return rho


@lru_cache(maxsize=64)
def recursion(step: float) -> tuple[Array, Array]:
    """Filter (b, a) that turns unit white noise into the exact process at this step, in units of 1/w.

    The sampled process is ARMA(2, 1): poles twice at exp(-step); the zero follows by factoring the covariance
    of what the poles leave over.
    """
    pole = np.exp(-step)
    a = np.array([1.0, -2.0 * pole, pole**2])
    lags: Array = np.arange(3.0)
    near, far = (
        float(a @ correlation(1.0, step * (lag + lags[:, None] - lags[None, :])) @ a) for lag in (0, 1)
    )
    ratio = far / near
    zero = 2.0 * ratio / (1.0 + np.sqrt(max(0.0, 1.0 - 4.0 * ratio**2)))
    scale = np.sqrt(near / (1.0 + zero**2))
    return np.array([scale, scale * zero]), a


def step_for(rate: float, slot_s: float) -> float:
    """Step in units of 1/w that serves slots of this length: 4 in a slot, but between 1/8 and 1.

    Slow processes need no more than 8 samples in 1/w; of fast ones only the mean over a slot is wanted, whose
    variance a step of 1/w gives within 0.2 %. A power of two, so that it never hangs on a last bit.
    """
    wanted = float(np.clip(rate * slot_s / 4.0, FINEST, COARSEST))
    return float(2.0 ** np.floor(np.log2(wanted) + 1e-9))


class Driver:
    """Independent standard normal processes of one rate, such as the two axes of a pointing error."""

    def __init__(self, axes: int, seed: int, *labels: str) -> None:
        self._streams = [Stream(seed, *labels, axis) for axis in range(axes)]

    def segment(self, number: int, rate: Array, until_s: float, step: float) -> tuple[Array, Array]:
        """Times from the segment's start, (m,), and samples there, (axes, m): from -1 s to past ``until_s``.

        ``rate`` holds w in 1/s at the whole seconds from -1 to 64, (66,); ``step`` is in units of 1/w. The
        samples don't depend on ``until_s``.
        """
        seconds = np.arange(-1.0, SECONDS - 1.0)
        own_time = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2.0)])
        count = int(np.interp(until_s, seconds, own_time) / step) + 3
        burn = int(np.ceil(_MEMORIES / step))
        b, a = recursion(step)
        samples = np.stack(
            [lfilter(b, a, s.normal(number * _PER_SEGMENT, burn + count))[burn:] for s in self._streams]
        )
        last = own_time[-1] + rate[-1]  # one step may reach beyond the last second
        times = np.interp(
            step * np.arange(count), np.append(own_time, last), np.append(seconds, seconds[-1] + 1.0)
        )
        return times, samples

    def joined(
        self, number: int, rate: Array, following: Array, until_s: float, step: float
    ) -> tuple[Array, Array]:
        """As ``segment``, but from 0 s on, and with the next segment (rates ``following``) faded in."""
        times, samples = self.segment(number, rate, until_s, step)
        late = times > SEGMENT_s - 1.0
        if late.any():
            ahead_s, ahead = self.segment(number + 1, following, 0.0, step)
            shift_s = times[late] - SEGMENT_s
            angle = (np.clip(shift_s, -1.0, 0.0) + 1.0) * np.pi / 2.0
            for axis, incoming in zip(samples, ahead, strict=True):
                axis[late] = np.cos(angle) * axis[late] + np.sin(angle) * np.interp(
                    shift_s, ahead_s, incoming
                )
        first = max(0, int(np.searchsorted(times, 0.0)) - 1)
        return times[first:], samples[:, first:]


def segments(first_slot: int, stop_slot: int, slot_ns: int) -> Iterator[tuple[int, int, int]]:
    """(segment, first slot, stop slot) of absolute slots, cut where segments begin."""
    length_ns = SEGMENT_s * 10**9
    while first_slot < stop_slot:
        number = first_slot * slot_ns // length_ns
        stop = min(stop_slot, -(-(number + 1) * length_ns // slot_ns))
        yield number, first_slot, stop
        first_slot = stop


def slot_means(times: Array, values: Array, edges: Array) -> Array:
    """Means of linear power over each slot, (n,) for ``edges`` (n+1,), from samples (m,).

    Where samples lie wider than slots the process is too slow to change within one: its middle is taken.
    """
    widths = np.diff(edges)
    if (times[-1] - times[0]) / (len(times) - 1) > widths[0]:
        return np.interp(edges[:-1] + widths / 2.0, times, values)
    area = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) * np.diff(times) / 2.0)])
    means: Array = np.diff(np.interp(edges, times, area)) / widths
    return means
