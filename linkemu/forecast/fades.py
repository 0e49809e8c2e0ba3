"""The power of one direction over its mean, slot by slot: scintillation, pointing, wander and fibre coupling.

Every factor has mean 1, as the budget holds the means. Each is drawn on its own grid in operational time and
averaged over slots as linear power; the factors are independent, so their means multiply. Segments of 64 s of
UTC can be had alone and are kept for a while, as modes and erasures both ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast import terminals
from linkemu.forecast.geometry import Pair
from linkemu.forecast.scene import UNIX, Scene, profiles
from linkemu.machine import Direction
from linkemu.optics import beam, coupling, fading, pointing, profile, speckle, turbulence, wander
from linkemu.optics.driver import Driver, SEGMENT_s, segments, slot_means, step_for
from linkemu.rng import Stream
from linkemu.scenario.model import Scenario, Terminal

Array = NDArray[np.float64]

_KEPT = 40  # segments in memory: a pass of 40 minutes
_RARE = 6.0  # standard deviations that one slot in 10^9 exceeds


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """What the factors hang on, at the scene's seconds, (n,); rates w are in 1/s."""

    index: Array  # of scintillation behind the aperture
    rytov: Array
    scintillation_rate: Array
    width_rad: Array  # of the beam as the receiver finds it, wander not in it
    wander_rad: Array  # per axis
    wander_rate: Array
    coherent: Array  # steady share of what a fibre takes; 1 on a detector
    speckle_rate: Array


def ends(pair: Pair, direction: Direction) -> tuple[Terminal, Terminal]:
    """The sending and the receiving terminal of a direction."""
    up = direction is Direction.UP
    ground, orbit = pair.station.terminal, pair.satellite.terminal
    return (ground, orbit) if up else (orbit, ground)


class Fades:
    """The fading of one direction of one contact; a pure function of seed, identities and UTC."""

    def __init__(self, scenario: Scenario, pair: Pair, direction: Direction, scene: Scene) -> None:
        self.slot_ns = round(scenario.slot_s * 1e9)
        self._scenario, self._pair, self._direction, self._scene = scenario, pair, direction, scene
        self._sender, self._receiver = ends(pair, direction)
        names = (*pair.names, direction.value)
        self._scintillation = Driver(1, scenario.seed, "fade", *names)
        self._jitter = Driver(2, scenario.seed, "pointing", *names)
        self._wander = Driver(2, scenario.seed, "wander", *names)
        self._speckle = Driver(2, scenario.seed, "coupling", *names)
        self.luck = Stream(scenario.seed, "codeword", *names)
        self._kept: dict[int, Array] = {}

    @cached_property
    def conditions(self) -> Conditions:
        """By day and by night, joined."""
        day, night = profiles(self._scenario.turbulence)
        scene = self._scene
        if scene.night.all():
            return self._under(night)
        if not scene.night.any():
            return self._under(day)
        one, other = self._under(day), self._under(night)
        names = Conditions.__dataclass_fields__
        return Conditions(*(np.where(scene.night, getattr(other, n), getattr(one, n)) for n in names))

    def _under(self, air: profile.Profile) -> Conditions:
        scene, wavelength = self._scene, self._sender.wavelength_m
        altitude_m = self._pair.station.altitude_m
        moments = profile.moments(air, altitude_m)
        rytov = turbulence.rytov(wavelength, scene.elevation_rad, moments)
        index, aperture_m = turbulence.scintillation(rytov), 0.0  # a point, seen from orbit
        if self._direction is Direction.DOWN:
            aperture_m = self._receiver.aperture_m
            index = index * turbulence.averaging(
                aperture_m, wavelength, scene.elevation_rad, moments.height_m
            )
        drift = profile.drift_mps(air, altitude_m, scene.elevation_rad, scene.slew_radps)
        rate_Hz = turbulence.bandwidth_Hz(
            aperture_m,
            wavelength,
            scene.elevation_rad,
            scene.slew_radps,
            self._scenario.turbulence.wind_mps,
        )
        fried = turbulence.fried_m(wavelength, scene.elevation_rad, moments)
        waist = beam.waist_m(self._sender.divergence_rad, wavelength)
        wandering = self.wander_rad(air, scene.elevation_rad, scene.range_m, scene.point_ahead_rad)
        width, wandering = self._beam(fried, wandering)
        return Conditions(
            index=index.round(5),
            rytov=rytov.round(4),
            scintillation_rate=(2.0 * np.pi * rate_Hz).round(1),
            width_rad=width,
            wander_rad=wandering,
            wander_rate=wander.rate(drift, waist).round(1),
            coherent=self._coherent(air, fried),
            speckle_rate=speckle.rate(drift, self._receiver.aperture_m).round(1),
        )

    def wander_rad(
        self, air: profile.Profile, elevation_rad: Array, range_m: Array, point_ahead_rad: Array
    ) -> Array:
        """Wander of the uplink per axis, what the downlink's tilt corrects taken off."""
        if self._direction is Direction.DOWN:
            return np.zeros_like(range_m)
        settings, altitude_m = self._scenario.turbulence, self._pair.station.altitude_m
        wavelength = self._sender.wavelength_m
        waist = beam.waist_m(self._sender.divergence_rad, wavelength)
        constant = wander.BELMONTE if settings.wander == "belmonte" else wander.ANDREWS
        variance = wander.variance_rad2(air, altitude_m, elevation_rad, range_m, waist, constant)
        if settings.precompensation:
            isoplanatic = turbulence.isoplanatic_rad(
                wavelength, elevation_rad, profile.moments(air, altitude_m)
            )
            variance = wander.precompensated(variance, point_ahead_rad, isoplanatic)
        return np.asarray(np.sqrt(variance / 2.0))

    def _beam(self, fried: Array, wandering: Array) -> tuple[Array, Array]:
        """Width of the beam as the receiver finds it and its wander per axis, both as angles."""
        sender, range_m = self._sender, self._scene.range_m
        radius = beam.beam_radius_m(range_m, sender.divergence_rad, sender.wavelength_m)
        if self._direction is Direction.UP:
            waist = beam.waist_m(sender.divergence_rad, sender.wavelength_m)
            long_term = beam.spread_m(radius, waist, fried)
            radius, drift_m = wander.divided(long_term, radius, wandering * range_m)
            wandering = drift_m / range_m
        width: Array = np.sqrt(beam.equivalent2_m2(radius, self._receiver.aperture_m)) / range_m
        return width, wandering

    def _coherent(self, air: profile.Profile, fried: Array) -> Array:
        kind = terminals.receiver(self._receiver).coupling
        if isinstance(kind, coupling.Detector) or self._direction is Direction.UP:
            return np.ones_like(fried)  # in orbit the wave front is flat
        greenwood: Array | float = 0.0
        if isinstance(kind, coupling.CorrectedFibre):
            scene, altitude_m = self._scene, self._pair.station.altitude_m
            greenwood = coupling.greenwood_Hz(
                self._sender.wavelength_m, scene.elevation_rad, scene.slew_radps, air, altitude_m
            )
        aperture_m = self._receiver.aperture_m
        core = coupling.core(kind, aperture_m, fried, greenwood)
        if isinstance(kind, coupling.Fibre):
            core = speckle.uncorrected(aperture_m, fried)
        return speckle.coherence(core, coupling.halo(aperture_m, fried))

    def relative(self, first: int, stop: int) -> Array:
        """Power over its mean in absolute slots, averaged over each, (stop - first,)."""
        parts = []
        for number, low, high in segments(first, stop, self.slot_ns):
            begin = -(-number * SEGMENT_s * 10**9 // self.slot_ns)
            parts.append(self._segment(number)[low - begin : high - begin])
        return np.concatenate(parts) if parts else np.zeros(0)

    def _segment(self, number: int) -> Array:
        if number not in self._kept:
            if len(self._kept) >= _KEPT:
                del self._kept[min(self._kept)]
            self._kept[number] = self._draw(number)
        return self._kept[number]

    def _draw(self, number: int) -> Array:
        begin_ns, end_ns = number * SEGMENT_s * 10**9, (number + 1) * SEGMENT_s * 10**9
        slots = np.arange(-(-begin_ns // self.slot_ns), -(-end_ns // self.slot_ns) + 1)
        edges: Array = (slots * self.slot_ns - begin_ns).astype(np.float64) * 1e-9
        power: Array = self._pointing(number, edges)
        power = power * slot_means(*self.scintillation(number), edges)
        coherent = self.conditions.coherent[self._scene.rows(number)]
        if np.any(coherent < 1.0):
            times, axes = self._drive(self._speckle, number, self.conditions.speckle_rate)
            power = power * slot_means(times, speckle.relative(axes, coherent[_second(times)]), edges)
        return power

    def scintillation(self, number: int) -> tuple[Array, Array]:
        """Irradiance over its mean in one segment, as drawn: times from its start, (m,), and values."""
        times, (driver,) = self._drive(self._scintillation, number, self.conditions.scintillation_rate)
        here, c = self._scene.rows(number), self.conditions
        return times, fading.irradiance(driver, _second(times), c.index[here], c.rytov[here])

    def at(self, number: int, second: int) -> tuple[float, float]:
        """Scintillation index and Rytov variance in a second of a segment."""
        row = self._scene.rows(number).start + second + 1
        return float(self.conditions.index[row]), float(self.conditions.rytov[row])

    def _drive(self, driver: Driver, number: int, rate: Array) -> tuple[Array, Array]:
        here, after = rate[self._scene.rows(number)], rate[self._scene.rows(number + 1)]
        slot_s = self.slot_ns * 1e-9
        step = step_for(float(here.max()), slot_s)
        return driver.joined(number, here, after, SEGMENT_s + slot_s, step)

    def _pointing(self, number: int, edges: Array) -> Array:
        """Jitter and wander displace the beam together."""
        now = self._scene.rows(number)
        jitter_rad, bias_rad = self._sender.jitter_rad, self._sender.bias_rad
        wandering = self.conditions.wander_rad[now]
        if jitter_rad == 0.0 and bias_rad == 0.0 and not wandering.any():
            return np.ones(len(edges) - 1)
        slow = np.full(len(self._scene.range_m), 2.0 * np.pi * self._sender.jitter_bandwidth_Hz)
        times, axes = self._drive(self._jitter, number, slow)
        offset = axes * jitter_rad
        if wandering.any():
            other_s, fast = self._drive(self._wander, number, self.conditions.wander_rate)
            finer = max(times, other_s, key=len)
            offset = _at(finer, times, offset) + _at(finer, other_s, fast) * wandering[_second(finer)]
            times = finer
        piece = _second(times)
        width, spread = self.conditions.width_rad[now], np.hypot(jitter_rad, wandering)
        mean = pointing.mean(width, spread, bias_rad)
        power = pointing.loss(offset[0] + bias_rad, offset[1], width[piece]) / mean[piece]
        return slot_means(times, power, edges)

    def deepest_dB(self, first: int, stop: int) -> float:
        """A fade that less than one slot in 10^9 exceeds, each factor at its worst; no bound in a fibre."""
        bounds = [0.0]
        for number, _, _ in segments(first, stop, self.slot_ns):
            here = self._scene.rows(number)
            c = self.conditions
            if np.any(c.coherent[here] < 1.0):
                return float("inf")
            worst = here.start + int(np.argmax(c.index[here]))
            fade = -fading.log_quantile(-_RARE, float(c.index[worst]), float(c.rytov[worst]))
            spread = np.hypot(self._sender.jitter_rad, c.wander_rad[here])
            away = _RARE * spread + self._sender.bias_rad
            fade += float(np.max(2.0 * (away / c.width_rad[here]) ** 2))
            bounds.append(10.0 / np.log(10.0) * fade)
        return max(bounds)


def _second(times: Array) -> NDArray[np.intp]:
    """Which of a segment's conditions holds at times from the segment's start: second -1 is the first."""
    return (times + 1.0).astype(np.intp)


def _at(wanted_s: Array, times: Array, axes: Array) -> Array:
    """Axes (2, m) at other times, linear."""
    return axes if wanted_s is times else np.stack([np.interp(wanted_s, times, axis) for axis in axes])


def absolute_slot(epoch: datetime, slot_ns: int) -> int:
    """Number of the scenario's first slot, counted from 1970."""
    return round((epoch - UNIX).total_seconds() * 1e6) * 1000 // slot_ns
