"""The link budget of one direction, line by line: from the transmitter's power to the mean power received.

Each line has its source. Pointing jitter and fibre coupling enter as their means, so a process of mean 1 can
be put on top; scintillation has mean 1 and is no line. Wander of the uplink counts once: in the long-term
spread, or, when its deviation is given, with the jitter over the short-term spread. What happens to the
power afterwards is modem's and sensitivity's. All arrays are (n,) over the geometry's samples; elevations
are geometric, seen from the ground end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from linkemu.machine import Direction
from linkemu.optics import atmosphere, beam, coupling, pointing, turbulence
from linkemu.optics.beam import dB
from linkemu.optics.coupling import CorrectedFibre, Coupling, Detector

Array = NDArray[np.float64]


class Form(Enum):
    """How the way between the apertures is written: one line (never above 1), or gains and free space."""

    BUCKET = "bucket"
    GAIN = "gain"


@dataclass(frozen=True, slots=True)
class Transmitter:
    """The sending end of one direction."""

    wavelength_m: float
    power_W: float
    divergence_rad: float  # far field of the beam as it leaves, 1/e^2 half-angle
    jitter_rad: float  # standard deviation per axis
    loss_dB: float  # of the optics
    bias_rad: float = 0.0  # static pointing error, radial
    truncation: float = 0.0  # aperture radius over beam radius at the aperture; 0: the edge clips nothing
    obscuration: float = 0.0  # ratio of diameters, counts with truncation only


@dataclass(frozen=True, slots=True)
class Receiver:
    """The receiving end of one direction."""

    aperture_m: float  # diameter
    obscuration_m: float  # diameter of the central obscuration
    loss_dB: float  # of the optics
    coupling: Coupling = field(default_factory=Detector)


@dataclass(frozen=True, slots=True, eq=False)
class Air:
    """The air over the site, and what the weather puts into the line of sight; numbers, or arrays (n,)."""

    altitude_m: float
    visibility_km: float | Array = atmosphere.DEFAULT_VISIBILITY_km
    profile: turbulence.Profile = turbulence.HV57
    cloud_dB: float | Array = (
        0.0  # thin cloud along the line of sight; what blocks isn't a matter of decibels
    )
    rain_mmph: float | Array = 0.0
    snow_mmph: float | Array = 0.0
    melting_m: float = 3000.0  # height above the sea under which it rains or snows


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One gain (positive) or loss (negative) with its formula's source."""

    name: str
    gain_dB: Array
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """The lines in the order of the light's way."""

    transmitted_dBm: float
    lines: tuple[Line, ...]

    @property
    def power_dBm(self) -> Array:
        """Mean received power behind optics and coupling, shape (n,)."""
        total: Array = self.transmitted_dBm + np.sum([line.gain_dB for line in self.lines], axis=0)
        return total

    def gain_dB(self, name: str) -> Array:
        """The line of this name; KeyError without."""
        return {line.name: line.gain_dB for line in self.lines}[name]


def budget(
    direction: Direction,
    transmitter: Transmitter,
    receiver: Receiver,
    air: Air,
    range_m: Array,
    elevation_rad: Array,
    *,
    slew_radps: Array | None = None,
    wander_rad: Array | None = None,
    form: Form = Form.BUCKET,
) -> Budget:
    """The budget over a pass.

    ``wander_rad`` (n,) is the wander of an uplink per axis: given, the beam has its short-term radius and the
    wander counts with the jitter; not given, the long-term radius has it. The mean power is the same, as mean
    square radii add (Fante, Proc. IEEE 63:1669, 1975), so wander takes no more than the spread has. A
    downlink has none. ``slew_radps`` (n,) is the rate at which the line of sight turns; it hurries the
    adaptive optics.
    """
    slew = np.zeros_like(range_m) if slew_radps is None else slew_radps
    wavelength = transmitter.wavelength_m
    vacuum_m = beam.beam_radius_m(range_m, transmitter.divergence_rad, wavelength)
    moments = turbulence.moments(air.profile, air.altitude_m)
    fried_m = turbulence.fried_m(wavelength, elevation_rad, moments)
    spread_m, jitter_rad = vacuum_m, np.full_like(range_m, transmitter.jitter_rad)
    if direction is Direction.UP:
        spread_m = beam.spread_m(vacuum_m, beam.waist_m(transmitter.divergence_rad, wavelength), fried_m)
        if wander_rad is not None:
            drift_m2 = np.minimum((wander_rad * range_m) ** 2, (spread_m**2 - vacuum_m**2) / 4.0)
            spread_m = np.sqrt(spread_m**2 - 4.0 * drift_m2)
            jitter_rad = np.hypot(jitter_rad, np.sqrt(drift_m2) / range_m)
    lines = (
        *_sending(transmitter, len(range_m)),
        *_pointing(transmitter, receiver, range_m, spread_m, jitter_rad),
        *_way(transmitter, receiver, range_m, vacuum_m, form),
        *_spread(direction, receiver, vacuum_m, spread_m),
        *_air(air, wavelength, elevation_rad),
        Line("receiver optics", np.full_like(range_m, -receiver.loss_dB), "of the terminal"),
        *_coupling(direction, receiver, air, wavelength, elevation_rad, slew, fried_m),
    )
    return Budget(float(dB(transmitter.power_W * 1e3)), lines)


def _sending(transmitter: Transmitter, count: int) -> list[Line]:
    lines = [Line("transmitter optics", np.full(count, -transmitter.loss_dB), "of the terminal")]
    if transmitter.truncation > 0.0:
        clipped = dB(beam.clipped(transmitter.truncation, transmitter.obscuration))
        lines.append(Line("truncation", np.full(count, clipped), "Klein & Degnan 1974 eq. 4"))
    return lines


def _pointing(
    transmitter: Transmitter, receiver: Receiver, range_m: Array, beam_m: Array, jitter_rad: Array
) -> list[Line]:
    """Bias first, then what jitter costs more; together they are the exact mean."""
    width_rad = np.sqrt(beam.equivalent2_m2(beam_m, receiver.aperture_m)) / range_m
    bias = pointing.mean(width_rad, 0.0, transmitter.bias_rad)
    both = pointing.mean(width_rad, jitter_rad, transmitter.bias_rad)
    source = "Farid & Hranilovic 2007 eqs 9-11"
    return [
        Line("pointing bias", dB(bias), source),
        Line("pointing jitter, mean", dB(both / bias), source),
    ]


def _way(
    transmitter: Transmitter, receiver: Receiver, range_m: Array, beam_m: Array, form: Form
) -> list[Line]:
    wavelength, flat = transmitter.wavelength_m, np.ones_like(range_m)
    if form is Form.BUCKET:
        taken = beam.collected(beam_m, receiver.aperture_m, receiver.obscuration_m)
        return [Line("geometric collection", dB(taken), "Farid & Hranilovic 2007 eq. 8, annulus")]
    gain = beam.receiver_gain(receiver.aperture_m, wavelength, receiver.obscuration_m)
    return [
        Line("transmitter gain", dB(beam.transmitter_gain(transmitter.divergence_rad)) * flat, "8 / theta^2"),
        Line("free space", dB(beam.free_space(range_m, wavelength)), "Friis 1946; ITU-R P.525"),
        Line("receiver gain", dB(gain) * flat, "(pi D / lambda)^2 less obscuration"),
    ]


def _spread(direction: Direction, receiver: Receiver, vacuum_m: Array, spread_m: Array) -> list[Line]:
    if direction is Direction.DOWN:
        return []  # the beam is spread in the last kilometres, when all of it has grown anyhow
    taken, still = (
        beam.collected(radius, receiver.aperture_m, receiver.obscuration_m) for radius in (spread_m, vacuum_m)
    )
    return [Line("turbulent spread", dB(taken / still), "Andrews & Phillips 2005 ch. 12")]


def _air(air: Air, wavelength_m: float, elevation_rad: Array) -> list[Line]:
    flat = np.ones_like(elevation_rad)
    clear = atmosphere.clear_air_dB(elevation_rad, wavelength_m, air.altitude_m, air.visibility_km)
    wet = atmosphere.precipitation_dB(
        elevation_rad, wavelength_m, air.altitude_m, air.rain_mmph, air.snow_mmph, air.melting_m
    )
    haze = "Kim et al. 2001; Kasten & Young 1989; fit to LOWTRAN7"
    return [
        Line("clear air", -clear, haze),
        Line("thin cloud", -air.cloud_dB * flat, "4.343 tau, Sassen & Cho 1992 classes"),
        Line("precipitation", -wet, "ITU-R P.1814 section 4.2"),
    ]


def _coupling(
    direction: Direction,
    receiver: Receiver,
    air: Air,
    wavelength_m: float,
    elevation_rad: Array,
    slew_radps: Array,
    fried_m: Array,
) -> list[Line]:
    kind = receiver.coupling
    if isinstance(kind, Detector):
        return []
    greenwood: Array | float = 0.0
    if direction is Direction.UP:
        fried_m = np.full_like(fried_m, np.inf)  # in orbit the wave front is flat over any aperture
    elif isinstance(kind, CorrectedFibre):
        greenwood = coupling.greenwood_Hz(
            wavelength_m, elevation_rad, slew_radps, air.profile, air.altitude_m
        )
    part = coupling.efficiency(kind, receiver.aperture_m, fried_m, greenwood)
    return [Line("fibre coupling, mean", dB(part), kind.source)]
