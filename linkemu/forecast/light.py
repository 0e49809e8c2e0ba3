"""Light of one contact in one direction: mean power, mode steps, and the slots that fades erase.

Joins geometry to optics/. Lock, clouds and faults are not known here: this is what a clear sky would carry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast.geometry import Pair, View
from linkemu.forecast.spans import Runs
from linkemu.machine import Direction
from linkemu.optics import modem, turbulence
from linkemu.optics.budget import Air, Receiver, Transmitter, budget
from linkemu.optics.fading import Process, Turbulence
from linkemu.scenario.model import Terminal

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """One direction of one view. Samples are those of the view, shape (k,)."""

    pair: Pair
    view: View
    direction: Direction

    @property
    def sender(self) -> Terminal:
        up = self.direction is Direction.UP
        return self.pair.station.terminal if up else self.pair.satellite.terminal

    @property
    def receiver(self) -> Terminal:
        up = self.direction is Direction.UP
        return self.pair.satellite.terminal if up else self.pair.station.terminal

    @cached_property
    def modes(self) -> tuple[modem.Mode, ...]:
        """What the receiving terminal can receive."""
        return tuple(
            modem.Mode(m.rate_bps, 10.0 * math.log10(m.sensitivity_W * 1e3)) for m in self.receiver.modes
        )

    @cached_property
    def power_dBm(self) -> Array:
        """Mean received power, quantised to 0.001 dB so that hashes don't hang on a CPU's last bit."""
        sender, receiver, view = self.sender, self.receiver, self.view
        result = budget(
            self.direction,
            Transmitter(
                wavelength_m=sender.wavelength_m,
                power_W=sender.power_W,
                divergence_rad=sender.divergence_rad,
                jitter_rad=sender.jitter_rad,
                loss_dB=sender.transmit_loss_dB,
            ),
            Receiver(receiver.aperture_m, receiver.obscuration_m, receiver.receive_loss_dB),
            Air(self.pair.station.altitude_m),
            view.range_m,
            np.maximum(view.elevation_rad, math.radians(0.5)),
        )
        power: Array = np.round(result.power_dBm, 3)
        return power

    @cached_property
    def mode(self) -> NDArray[np.intp]:
        """Mode in use from each sample on, -1 where none closes; held to the pass, from rising to setting."""
        return modem.choose(self.power_dBm, self.modes)

    @cached_property
    def sensitivity_dBm(self) -> Array:
        """Of the mode in use, nan where none is."""
        table = np.array([mode.sensitivity_dBm for mode in self.modes] + [np.nan])
        sensitivity: Array = table[self.mode]  # -1 is the nan at the end
        return sensitivity

    def rates(self, start_s: float, end_s: float) -> list[tuple[float, float, int]]:
        """Steps (from, to, bit/s) of the rate in a window of the sender's time; 0 where no mode closes."""
        rate = np.array([mode.rate_bps for mode in self.modes] + [0], dtype=np.int64)[self.mode]
        change = np.concatenate([[0], np.flatnonzero(np.diff(rate)) + 1])
        edges = [-math.inf, *self.view.t_s[change[1:]].tolist(), math.inf]
        steps = zip(edges[:-1], edges[1:], rate[change].tolist(), strict=True)
        clipped = ((max(low, start_s), min(high, end_s), int(value)) for low, high, value in steps)
        return [step for step in clipped if step[0] < step[1]]

    def _air(self, at_s: float) -> Turbulence:
        """Turbulence at a time of crossing; the index is rounded so that tables and hashes agree."""
        elevation = np.interp(at_s, self.view.t_s, self.view.elevation_rad)
        elevations = np.array([max(float(elevation), math.radians(5.0))])
        moments = turbulence.moments(Air(0.0).profile, self.pair.station.altitude_m)
        wavelength = self.sender.wavelength_m
        rytov = turbulence.rytov(wavelength, elevations, moments)
        index = turbulence.scintillation(rytov)
        aperture = 0.0  # no averaging in orbit: the speckle is wider than any aperture (ITU-R P.1622, 4.1.1)
        if self.direction is Direction.DOWN:
            aperture = self.receiver.aperture_m
            index = index * turbulence.averaging(aperture, wavelength, elevations, moments.height_m)
        slew = np.array([np.interp(at_s, self.view.t_s, self.view.slew_radps)])
        bandwidth = turbulence.bandwidth_Hz(aperture, wavelength, elevations, slew)
        return Turbulence(round(float(index[0]), 5), round(float(rytov[0]), 4), round(float(bandwidth[0]), 2))

    def fades(self, seed: int, slot_ns: int, epoch_slot: int, start_s: float, end_s: float) -> Runs:
        """Slots that fades erase within a window of crossing times, counted from the scenario's start.

        ``epoch_slot`` is the number of the scenario's first slot in absolute time.
        """
        process = Process(seed, *self.pair.names, self.direction.value, slot_ns)
        first, stop = round(start_s * 1e9) // slot_ns, -(-round(end_s * 1e9) // slot_ns)
        parts = []
        for block in range((first + epoch_slot) // process.slots, -(-(stop + epoch_slot) // process.slots)):
            begin = block * process.slots - epoch_slot
            t_s = (begin + np.arange(process.slots) + 0.5) * (slot_ns * 1e-9)
            left_s = t_s - (self._light_s(t_s[0]) if self.direction is Direction.DOWN else 0.0)
            power_dBm = np.interp(t_s, self.view.t_s, self.power_dBm)
            step = np.clip(np.searchsorted(self.view.t_s, left_s, side="right") - 1, 0, None)
            air = self._air(float(t_s[process.slots // 2]))
            lost = process.erased(block, air, power_dBm, self.sensitivity_dBm[step])
            lost[: max(0, first - begin)] = False
            lost[max(0, stop - begin) :] = False
            parts.append(Runs.of(lost, begin))
        return Runs.joined(parts)

    def _light_s(self, t_s: float) -> float:
        return self.view.delay_s(t_s, self.direction)
