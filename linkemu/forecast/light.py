"""Light of one contact in one direction: mean power under clear and real skies, modes, and erased slots.

Joins geometry and weather to optics/. Lock, faults and what blocks the light wholly are not known here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast import terminals
from linkemu.forecast.fades import Fades, absolute_slot, ends
from linkemu.forecast.geometry import Pair, View
from linkemu.forecast.overhead import attenuation_dB
from linkemu.forecast.scene import profiles
from linkemu.forecast.spans import Runs, Span
from linkemu.machine import Direction
from linkemu.optics import modem
from linkemu.optics.background import Sky
from linkemu.optics.budget import Air, budget
from linkemu.optics.driver import segments
from linkemu.optics.profile import Profile
from linkemu.scenario.model import Scenario, Terminal
from linkemu.weather.station import State

Array = NDArray[np.float64]

TRACKED_BELOW_dB = 6.0  # a beacon is followed with so much less than the slowest mode needs; assumed
_DARK_dB = 60.0  # of a block, for the meter that adaptive modes go by
_LOWEST_rad = math.radians(0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A mode (index, -1 for none) from each time on, in the sender's time; the first holds before it too."""

    t_s: Array
    index: NDArray[np.intp]

    def at(self, t_s: Array) -> NDArray[np.intp]:
        step = np.searchsorted(self.t_s, t_s, side="right") - 1
        return self.index[np.maximum(step, 0)]


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Slots that carry nothing: to fades, to dim weather, and those in which not even the beacon is seen."""

    fades: Runs
    dim: Runs
    untracked: Runs


@dataclass(frozen=True)
class Light:
    """One direction of one view. Samples are those of the view, shape (k,)."""

    scenario: Scenario
    pair: Pair
    view: View
    direction: Direction
    fading: Fades
    first_slot: int  # absolute number of the scenario's first slot
    weather: State  # at the view's whole seconds

    @cached_property
    def modes(self) -> tuple[modem.Mode, ...]:
        """What the receiving terminal can receive, in the dark or with the sky of the day in its view."""
        day = Sky.NORMAL if self._down else Sky.EARTH
        return terminals.modes_under(
            Sky.NIGHT if self.view.night.all() else day, *ends(self.pair, self.direction)
        )

    @property
    def radio_bps(self) -> int:
        """Rate of a direction that goes by radio, 0 where it goes by light."""
        return 0 if self._receiver.modes else self._receiver.radio_bps

    @property
    def control(self) -> modem.Control:
        return terminals.control(self._receiver)

    @property
    def _receiver(self) -> Terminal:
        return ends(self.pair, self.direction)[1]

    @property
    def interleaver_s(self) -> float:
        """Over which linear power is averaged, and by which everything comes later."""
        return self._receiver.modem.interleaver_s

    @cached_property
    def clear_dBm(self) -> Array:
        """Mean received power under a clear sky, as it can be known in advance.

        Quantised to 0.001 dB so that hashes don't hang on a CPU's last bit.
        """
        day, night = profiles(self.scenario.turbulence)
        dark = self.view.night
        if dark.all() or not dark.any():
            return self._mean_dBm(night if dark.all() else day)
        return np.where(dark, self._mean_dBm(night), self._mean_dBm(day))

    def _mean_dBm(self, profile: Profile) -> Array:
        sender, receiver = ends(self.pair, self.direction)
        view = self.view
        elevation = np.maximum(view.elevation_rad, _LOWEST_rad)
        result = budget(
            self.direction,
            terminals.transmitter(sender),
            terminals.receiver(receiver),
            Air(self.pair.station.altitude_m, profile=profile),
            view.range_m,
            elevation,
            slew_radps=view.slew_radps,
            wander_rad=self.fading.wander_rad(profile, elevation, view.range_m, view.point_ahead_rad),
        )
        power: Array = np.round(result.power_dBm, 3)
        return power

    @cached_property
    def power_dBm(self) -> Array:
        """Mean received power through the weather that is there; what blocks wholly isn't in it."""
        whole, sender = self.view.whole, ends(self.pair, self.direction)[0]
        elevation = np.maximum(self.view.elevation_rad[whole], _LOWEST_rad)
        loss_dB = attenuation_dB(self.weather, elevation, sender.wavelength_m, self.pair.station.altitude_m)
        power: Array = self.clear_dBm - np.interp(self.view.t_s, self.view.t_s[whole], loss_dB)
        return power.round(3)

    def weather_dB(self, t_s: float) -> float:
        """What the weather takes at a time."""
        return float(np.interp(t_s, self.view.t_s, self.clear_dBm - self.power_dBm))

    @cached_property
    def planned(self) -> Steps:
        """Modes by the clear sky's power, at whole seconds; held to the pass, from rising to setting."""
        t_s, power = self.view.t_s[self.view.whole], self.clear_dBm[self.view.whole]
        if not self.modes:
            return Steps(t_s[:1], np.array([-1], dtype=np.intp))
        return Steps(t_s, modem.choose(power, self.modes, self.control))

    def sensitivity_dBm(self, index: NDArray[np.intp]) -> Array:
        """Of modes by index, nan for none."""
        table = np.array([mode.sensitivity_dBm for mode in self.modes] + [np.nan])
        sensitivity: Array = table[index]  # -1 is the nan at the end
        return sensitivity

    def rates(self, steps: Steps, start_s: float, end_s: float) -> list[tuple[float, float, int]]:
        """Pieces (from, to, bit/s) of the rate in a window of the sender's time; 0 where no mode closes."""
        if self.radio_bps:
            return [(start_s, end_s, self.radio_bps)]
        rate = np.array([mode.rate_bps for mode in self.modes] + [0], dtype=np.int64)[steps.index]
        change = np.concatenate([[0], np.flatnonzero(np.diff(rate)) + 1])
        edges = [-math.inf, *steps.t_s[change[1:]].tolist(), math.inf]
        pieces = zip(edges[:-1], edges[1:], rate[change].tolist(), strict=True)
        clipped = ((max(low, start_s), min(high, end_s), int(value)) for low, high, value in pieces)
        return [piece for piece in clipped if piece[0] < piece[1]]

    def meter_dBm(self, start_s: float, count: int, step_s: float, blocks: Sequence[Span]) -> Array:
        """What the receiver measures over each of ``count`` steps of crossing time, blocks taken as dark."""
        slot_ns = self.fading.slot_ns
        edges = np.round((start_s + np.arange(count + 1) * step_s) * 1e9 / slot_ns).astype(np.int64)
        t_s = (np.arange(edges[0], edges[-1]) + 0.5) * slot_ns * 1e-9
        relative = self.fading.relative(int(edges[0]) + self.first_slot, int(edges[-1]) + self.first_slot)
        linear = relative * 10.0 ** (np.interp(t_s, self.view.t_s, self.power_dBm) / 10.0)
        for block in blocks:
            inside = slice(*np.searchsorted(t_s, (block.start_s, block.end_s)).tolist())
            linear[inside] *= 10.0 ** (-_DARK_dB / 10.0)
        means = np.add.reduceat(linear, edges[:-1] - edges[0]) / np.diff(edges)
        level: Array = 10.0 * np.log10(means)
        return level

    def losses(self, steps: Steps, start_s: float, end_s: float) -> Losses:
        """Slots lost within a window of crossing times, counted from the scenario's start."""
        slot_ns = self.fading.slot_ns
        first, stop = round(start_s * 1e9) // slot_ns, -(-round(end_s * 1e9) // slot_ns)
        parts: list[tuple[Runs, Runs, Runs]] = []
        if self.modes:
            for _, low, high in segments(first + self.first_slot, stop + self.first_slot, slot_ns):
                parts.append(self._lost(steps, low, high))
        columns = zip(*parts, strict=True) if parts else ([], [], [])
        return Losses(*(Runs.joined(list(column)) for column in columns))

    def _lost(self, steps: Steps, low: int, high: int) -> tuple[Runs, Runs, Runs]:
        """Of the absolute slots of one segment."""
        slot_s, begin = self.fading.slot_ns * 1e-9, low - self.first_slot
        t_s: Array = (np.arange(begin, high - self.first_slot, dtype=np.float64) + 0.5) * slot_s
        mean_dBm = np.interp(t_s, self.view.t_s, self.power_dBm)
        left_s = t_s - (self.view.delay_s(float(t_s[0]), Direction.DOWN) if self._down else 0.0)
        index = steps.at(left_s)
        spare_dB = mean_dBm - self.sensitivity_dBm(index)
        slopes = np.array([mode.slope_dB for mode in self.modes] + [self.modes[0].slope_dB])
        safe_dB = modem.never_fails_dBm(0.0, float(slopes.max()))
        nothing = Runs.none(), Runs.none(), Runs.none()
        if np.all(np.isnan(spare_dB)) or np.nanmin(spare_dB) - safe_dB >= self.fading.deepest_dB(low, high):
            return nothing
        power_dB = 10.0 * np.log10(self._averaged(low, high))
        excess_dB = spare_dB + power_dB
        doubtful = np.flatnonzero(excess_dB < safe_dB)
        lost = np.zeros(len(t_s), dtype=np.bool_)
        luck = self.fading.luck.uniform(low, high - low)[doubtful]
        for slope in np.unique(slopes).tolist():
            mine = slopes[index[doubtful]] == slope
            lost[doubtful[mine]] = luck[mine] < modem.failure(excess_dB[doubtful[mine]], 0.0, slope)
        dim = lost & (spare_dB < 0.0) & (mean_dBm < np.interp(t_s, self.view.t_s, self.clear_dBm))
        faint = self.sensitivity_dBm(np.array([-2]))[0] - TRACKED_BELOW_dB
        unseen = (mean_dBm + power_dB < faint) & (index >= 0)
        return Runs.of(lost & ~dim, begin), Runs.of(dim, begin), Runs.of(unseen, begin)

    @property
    def _down(self) -> bool:
        return self.direction is Direction.DOWN

    def _averaged(self, low: int, high: int) -> Array:
        """Relative power as the interleaver sees it: over the slots before a downlink's, after an uplink's.

        Both mean the codewords that come out at the slot's end: downlinks have their delay in the slot.
        """
        extra = round(self.interleaver_s * 1e9 / self.fading.slot_ns)
        if extra <= 1:
            return self.fading.relative(low, high)
        before = extra - 1 if self._down else 0
        power = self.fading.relative(low - before, high - before + extra - 1)
        total = np.concatenate([[0.0], np.cumsum(power)])
        mean: Array = (total[extra:] - total[:-extra]) / extra
        return mean


def light(
    scenario: Scenario, pair: Pair, view: View, direction: Direction, fading: Fades, weather: State
) -> Light:
    """The light of a direction, with the number of the scenario's first slot."""
    first = absolute_slot(pair.track.epoch, fading.slot_ns)
    return Light(scenario, pair, view, direction, fading, first, weather)
