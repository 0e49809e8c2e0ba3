"""A link's budget to the end: lines, received power, background, every mode's margin, and the fades beside
them.

Joins scenario terminals to optics/ at given places in the sky, one or a pass of them. No time: what fades
here is a depth that is exceeded with a probability. Arrays are (n,) over the places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast import terminals
from linkemu.machine import Direction
from linkemu.optics import beam, coupling, margin, modem, profile, sensitivity, turbulence, wander
from linkemu.optics.background import Sky
from linkemu.optics.budget import Air, Budget, Form, budget
from linkemu.scenario.model import Terminal, Turbulence

Array = NDArray[np.float64]

USUAL = Turbulence()
EARTH_m = 6_378_137.0  # equatorial radius, WGS84
_GM = 3.986004418e14  # m^3/s^2, same
_TURN_radps = 7.292115e-5  # of the Earth, same


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the satellite stands, seen from the ground, and how the line of sight turns; all (n,)."""

    elevation_rad: Array
    range_m: Array
    slew_radps: Array
    point_ahead_rad: Array  # between light that comes and light that goes


def circular(elevation_rad: Array, orbit_m: float, altitude_m: float) -> Places:
    """Places on a pass through the zenith of a circular orbit, over a spherical Earth.

    Slant range by Liang et al. 2022 eq. 4; the line of sight turns as over the equator, eastbound.
    """
    ground_m, orbit_radius_m = EARTH_m + altitude_m, EARTH_m + orbit_m
    ratio = orbit_radius_m / ground_m
    range_m = ground_m * (np.sqrt(ratio**2 - np.cos(elevation_rad) ** 2) - np.sin(elevation_rad))
    speed = np.sqrt(_GM / orbit_radius_m) - _TURN_radps * orbit_radius_m
    across = speed * np.sqrt(1.0 - (np.cos(elevation_rad) / ratio) ** 2)  # of the line of sight
    across = np.abs(across)
    return Places(elevation_rad, range_m, across / range_m, turbulence.point_ahead_rad(across))


@dataclass(frozen=True, slots=True, eq=False)
class Margin:
    """One mode of the receiving terminal against the power that it gets."""

    name: str
    rate_bps: int
    sensitivity_dBm: float
    photons_per_bit: float  # at the sender's wavelength
    background_dB: float
    spare_dB: Array  # mean power over sensitivity and background; fades come off it


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """One direction: ``steps`` are the modes chosen, -1 where none closes."""

    budget: Budget
    index: Array  # of scintillation, behind the aperture
    fade_dB: Array  # below the mean, exceeded with the probability asked for
    background_W: float
    margins: tuple[Margin, ...]  # in the order of the terminal's modes
    steps: modem.Steps

    @property
    def rate_bps(self) -> NDArray[np.int64]:
        """Of the mode chosen, 0 where none closes."""
        table = np.array([*(each.rate_bps for each in self.margins), 0], dtype=np.int64)
        return table[self.steps]


def balance(
    direction: Direction,
    sender: Terminal,
    receiver: Terminal,
    places: Places,
    air: Air,
    sky: Sky,
    outage: float,
    *,
    settings: Turbulence = USUAL,
    form: Form = Form.BUCKET,
) -> Balance:
    """The budget of a direction at some places, each chosen for itself (no hysteresis between them)."""
    wander_rad = _wander_rad(direction, sender, places, air, settings)
    lines = budget(
        direction,
        terminals.transmitter(sender),
        terminals.receiver(receiver),
        air,
        places.range_m,
        places.elevation_rad,
        slew_radps=places.slew_radps,
        wander_rad=wander_rad,
        form=form,
    )
    causes = _causes(direction, sender, receiver, places, air, wander_rad)
    shining_W = terminals.background_W(sky, sender, receiver)
    margins = tuple(
        _margin(sender, receiver, place, lines.power_dBm, shining_W) for place in range(len(receiver.modes))
    )
    return Balance(
        lines,
        np.array([cause.index for cause in causes]),
        np.array([margin.fade_dB(cause, outage) for cause in causes]),
        shining_W,
        margins,
        _steps(receiver, lines.power_dBm, margins),
    )


def _margin(sender: Terminal, receiver: Terminal, place: int, power_dBm: Array, shining_W: float) -> Margin:
    mode, wavelength = receiver.modes[place], sender.wavelength_m
    level_dBm = terminals.modes(receiver)[place].sensitivity_dBm
    photons = sensitivity.photons_per_bit(mode.sensitivity_W, mode.rate_bps, wavelength)
    cost_dB = terminals.background_dB(shining_W, sender, receiver, place)
    spare_dB = power_dBm - level_dBm - cost_dB
    return Margin(mode.name, mode.rate_bps, level_dBm, photons, cost_dB, spare_dB)


def _steps(receiver: Terminal, power_dBm: Array, margins: tuple[Margin, ...]) -> modem.Steps:
    shifted = [modem.Mode(each.rate_bps, each.sensitivity_dBm + each.background_dB) for each in margins]
    control = terminals.control(receiver)
    return np.concatenate(
        [modem.choose(power_dBm[k : k + 1], shifted, control) for k in range(len(power_dBm))]
    )


def _wander_rad(
    direction: Direction, sender: Terminal, places: Places, air: Air, settings: Turbulence
) -> Array | None:
    """Per axis, of an uplink; less what the tilt of the downlink corrects, if it is used."""
    if direction is Direction.DOWN:
        return None
    waist = beam.waist_m(sender.divergence_rad, sender.wavelength_m)
    constant = wander.BELMONTE if settings.wander == "belmonte" else wander.ANDREWS
    variance = wander.variance_rad2(
        air.profile, air.altitude_m, places.elevation_rad, places.range_m, waist, constant
    )
    if settings.precompensation:
        moments = profile.moments(air.profile, air.altitude_m)
        isoplanatic = turbulence.isoplanatic_rad(sender.wavelength_m, places.elevation_rad, moments)
        variance = wander.precompensated(variance, places.point_ahead_rad, isoplanatic)
    return np.asarray(np.sqrt(variance / 2.0))


def _causes(
    direction: Direction,
    sender: Terminal,
    receiver: Terminal,
    places: Places,
    air: Air,
    wander_rad: Array | None,
) -> list[margin.Fading]:
    wavelength, elevation = sender.wavelength_m, places.elevation_rad
    moments = profile.moments(air.profile, air.altitude_m)
    rytov = turbulence.rytov(wavelength, elevation, moments)
    index, coherent = turbulence.scintillation(rytov), np.ones_like(elevation)
    radius = beam.beam_radius_m(places.range_m, sender.divergence_rad, wavelength)
    jitter_rad = np.full_like(elevation, sender.jitter_rad)
    if direction is Direction.DOWN:
        index = index * turbulence.averaging(receiver.aperture_m, wavelength, elevation, moments.height_m)
        coherent = _coherent(wavelength, receiver, places, air)
    if wander_rad is not None:
        jitter_rad = np.hypot(jitter_rad, wander_rad)
        waist = beam.waist_m(sender.divergence_rad, wavelength)
        spread = beam.spread_m(radius, waist, turbulence.fried_m(wavelength, elevation, moments))
        variance_m2 = np.minimum(2.0 * (wander_rad * places.range_m) ** 2, spread**2 - radius**2)
        radius = wander.short_term_m(spread, variance_m2)
    width = np.sqrt(beam.equivalent2_m2(radius, receiver.aperture_m)) / places.range_m
    columns = zip(index, rytov, width, jitter_rad, coherent, strict=True)
    return [
        margin.Fading(float(i), float(r), float(w), float(j), sender.bias_rad, float(c))
        for i, r, w, j, c in columns
    ]


def _coherent(wavelength_m: float, receiver: Terminal, places: Places, air: Air) -> Array:
    """Steady share of what a fibre on the ground takes, 1 for a detector."""
    elevation = places.elevation_rad
    fried = turbulence.fried_m(wavelength_m, elevation, profile.moments(air.profile, air.altitude_m))
    speed = coupling.greenwood_Hz(wavelength_m, elevation, places.slew_radps, air.profile, air.altitude_m)
    kind = terminals.receiver(receiver).coupling
    return coupling.coherent(kind, receiver.aperture_m, fried, speed)
