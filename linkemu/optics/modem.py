"""The modem: which mode a received power closes, how often a codeword fails, and who changes the mode when.

A mode is a rate and the power that it needs. Three ways to choose: one fixed mode; variable (the sender knows
the predicted power); adaptive (the receiver reports what it measures, the report crosses the fading reverse
link with its delay or is lost, and on long silence the sender falls back to its safest mode). ``steps`` are
indices into the modes, -1 for none, one per sample of a uniform grid. No clock, no geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import erfc

Array = NDArray[np.float64]
Steps = NDArray[np.intp]

FADE_MARGIN_dB = 3.0  # kept for scintillation when a mode is chosen
STEP_UP_dB = 1.0  # a faster mode is taken with this much to spare,
STEP_DOWN_dB = 0.5  # and left when this much is missing
SLOPE_dB = 0.3  # of the codeword error curve: LDPC codes (physics notes, section A3)
_KNEE = 3.0  # slopes between half of all codewords lost and the stated sensitivity (0.13 % lost)


class Adaptation(Enum):
    """How the sender's mode is chosen."""

    FIXED = "fixed"  # one mode for all passes: the slowest
    VARIABLE = "variable"  # from the predicted mean power
    ADAPTIVE = "adaptive"  # from reports of the other end


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to receive: ``sensitivity_dBm`` is the mean power at which 0.13 % of codewords fail."""

    rate_bps: int
    sensitivity_dBm: float
    slope_dB: float = SLOPE_dB


@dataclass(frozen=True, slots=True)
class Control:
    """How modes are chosen, and for adaptive ones how reports go."""

    adaptation: Adaptation = Adaptation.VARIABLE
    margin_dB: float = FADE_MARGIN_dB
    step_up_dB: float = STEP_UP_dB
    step_down_dB: float = STEP_DOWN_dB
    dwell_s: float = 1.0  # a mode is kept at least so long before a faster one is taken
    report_s: float = 0.1  # between two reports
    filter_s: float = 0.5  # memory of the receiver's power meter
    silence_s: float = 1.0  # without a report the sender falls back


def failure(power_dBm: Array, sensitivity_dBm: float, slope_dB: float = SLOPE_dB) -> Array:
    """Probability that a codeword at this power is lost: half of erfc((P - P50) / (sqrt 2 slope))."""
    half_dBm = sensitivity_dBm - _KNEE * slope_dB
    probability: Array = 0.5 * erfc((power_dBm - half_dBm) / (np.sqrt(2.0) * slope_dB))
    return probability


def never_fails_dBm(sensitivity_dBm: float, slope_dB: float = SLOPE_dB) -> float:
    """Power from which the failure probability is below 2^-54, the smallest that a draw can tell from 0."""
    return sensitivity_dBm + (8.4 - _KNEE) * slope_dB


def choose(
    power_dBm: Array, modes: Sequence[Mode], control: Control = Control(), step_s: float = 1.0
) -> Steps:
    """Modes by a power that the sender knows, with margin and hysteresis, shape (n,).

    A mode in use is kept until ``step_down_dB`` is missing; a faster one needs ``step_up_dB`` to spare and
    that the mode has been kept for ``dwell_s``. Losing is at once, and from no mode at all any is taken that
    closes.
    """
    ladder = _Ladder(modes, control)
    rungs = ladder.walk(power_dBm, round(control.dwell_s / step_s))
    return ladder.names[rungs]


def adapt(
    measured_dBm: Array,
    heard: NDArray[np.bool_],
    step_s: float,
    delay_s: float,
    modes: Sequence[Mode],
    control: Control,
) -> Steps:
    """Modes of a sender that is told by the other end; sample k is its mode at the k-th step of its own time.

    ``measured_dBm`` is the receiver's power at each step, ``heard`` whether a report that the receiver sends
    at that step gets through, ``delay_s`` how long it is under way. Every ``report_s`` the receiver sends
    the mode that its filtered power closes; the sender does as it was told last, and after ``silence_s``
    without a report takes the slowest mode, as it does at first.
    """
    ladder = _Ladder(modes, control)
    count, every = len(measured_dBm), max(1, round(control.report_s / step_s))
    due = np.arange(0, count, every)
    wanted = ladder.walk(
        filtered_dBm(measured_dBm, step_s, control.filter_s)[due], round(control.dwell_s / (every * step_s))
    )
    kept = heard[due]
    arrives = due[kept] + int(np.ceil(delay_s / step_s - 1e-9))
    last = np.searchsorted(arrives, np.arange(count), side="right") - 1
    safest = len(ladder.names) - 2
    if not len(arrives):
        return np.full(count, ladder.names[safest])
    age_s = (np.arange(count) - arrives[last]) * step_s
    told = np.where((last >= 0) & (age_s < control.silence_s), wanted[kept][last], safest)
    return ladder.names[np.minimum(told, safest)]


def filtered_dBm(power_dBm: Array, step_s: float, memory_s: float) -> Array:
    """What a power meter of one pole shows: linear power, smoothed, started at its first value."""
    if memory_s <= 0.0:
        return power_dBm
    keep = np.exp(-step_s / memory_s)
    linear = 10.0 ** (power_dBm / 10.0)
    smooth, _ = lfilter([1.0 - keep], [1.0, -keep], linear, zi=[keep * linear[0]])
    level: Array = 10.0 * np.log10(smooth)
    return level


def reports_per_s(return_bps: float, report_bytes: int) -> float:
    """How many reports a return channel carries in a second when it does nothing else."""
    return return_bps / (8.0 * report_bytes)


def bytes_per_report(forward_bps: float, return_bps: float, report_bytes: int, share: float = 0.5) -> float:
    """What one report must answer for so that a thin return channel keeps up.

    ``share`` is the part of the return channel that reports may take.
    """
    return forward_bps / 8.0 / (reports_per_s(return_bps, report_bytes) * share)


class _Ladder:
    """Modes from fastest to slowest, without slower ones that need more; the last rung is none."""

    def __init__(self, modes: Sequence[Mode], control: Control) -> None:
        order = sorted(
            range(len(modes)), key=lambda each: (-modes[each].rate_bps, modes[each].sensitivity_dBm)
        )
        if control.adaptation is Adaptation.FIXED:
            order = order[-1:]
        need = np.array([modes[each].sensitivity_dBm for each in order]) + control.margin_dB
        useful = need < np.minimum.accumulate(np.concatenate([[np.inf], need]))[:-1]
        self._need_dBm = need[useful]
        self.names: Steps = np.array([*np.array(order, dtype=np.intp)[useful], -1], dtype=np.intp)
        self._control = control

    def _rung(self, power_dBm: Array, extra_dB: float) -> list[int]:
        """The fastest rung that closes with this much to spare, at each sample."""
        rising = self._need_dBm[::-1] + extra_dB  # slowest first
        closing = np.searchsorted(rising, power_dBm, side="right")
        return (len(rising) - closing).tolist()  # type: ignore[no-any-return]

    def walk(self, power_dBm: Array, dwell: int) -> Steps:
        """The rung at each sample; ``dwell`` samples must pass before a step up from a rung that closed."""
        none = len(self._need_dBm)
        entry, up, stay = (
            self._rung(power_dBm, extra)
            for extra in (0.0, self._control.step_up_dB, -self._control.step_down_dB)
        )
        rungs = []
        at, since = entry[0] if entry else none, 0
        for first, faster, slower in zip(entry, up, stay, strict=True):
            before = at
            if at < slower:  # not even with the step down
                at = first
            elif at > faster and (since >= dwell or at == none):
                at = faster
            since = since + 1 if at == before else 1
            rungs.append(at)
        return np.array(rungs, dtype=np.intp)
