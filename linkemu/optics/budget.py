"""The link budget of one direction, line by line: mean power at the receiver's detector side.

Collection is power in the bucket of a Gaussian beam, which never exceeds 1 at any range. Jitter is per axis
and enters as its mean; scintillation isn't here but in fading. The uplink beam takes its long-term spread by
turbulence, so its wander counts once. All arrays are (n,) over the geometry's samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from linkemu.machine import Direction
from linkemu.optics import atmosphere, turbulence

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Transmitter:
    """The sending end of one direction."""

    wavelength_m: float
    power_W: float
    divergence_rad: float  # 1/e^2 half-angle
    jitter_rad: float  # standard deviation per axis
    loss_dB: float


@dataclass(frozen=True, slots=True)
class Receiver:
    """The receiving end of one direction."""

    aperture_m: float  # diameter
    obscuration_m: float  # diameter of the central obscuration
    loss_dB: float


@dataclass(frozen=True, slots=True)
class Air:
    """The air over the site."""

    altitude_m: float
    visibility_km: float = atmosphere.DEFAULT_VISIBILITY_km
    profile: turbulence.Profile = turbulence.HV57


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """Gains (positive) and losses (negative) in dB, each (n,), in the order of the light's way."""

    transmitted_dBm: float
    lines: tuple[tuple[str, Array], ...]

    @property
    def power_dBm(self) -> Array:
        """Mean received power, shape (n,)."""
        total: Array = self.transmitted_dBm + np.sum([gain_dB for _, gain_dB in self.lines], axis=0)
        return total


def dB(ratio: Array) -> Array:
    """Ten times the decimal logarithm."""
    level: Array = 10.0 * np.log10(ratio)
    return level


def waist_m(divergence_rad: float, wavelength_m: float) -> float:
    """1/e^2 radius at the waist of the Gaussian beam of this far-field half-angle."""
    return wavelength_m / (np.pi * divergence_rad)


def beam_radius_m(range_m: Array, divergence_rad: float, wavelength_m: float) -> Array:
    """1/e^2 radius of the beam at a range."""
    radius: Array = np.hypot(waist_m(divergence_rad, wavelength_m), divergence_rad * range_m)
    return radius


def collected(beam_m: Array, aperture_m: float, obscuration_m: float = 0.0) -> Array:
    """Fraction of a centred Gaussian beam that an annulus takes (Farid and Hranilovic 2007, eq. 8)."""
    outer, inner = aperture_m / 2.0, obscuration_m / 2.0
    fraction: Array = np.exp(-2.0 * inner**2 / beam_m**2) - np.exp(-2.0 * outer**2 / beam_m**2)
    return fraction


def pointing_gamma2(beam_m: Array, aperture_m: float, jitter_m: Array) -> Array:
    """Square of equivalent beam radius over twice the jitter (Farid and Hranilovic 2007, eqs 9-11)."""
    v = np.sqrt(np.pi / 2.0) * (aperture_m / 2.0) / beam_m
    equivalent2 = beam_m**2 * np.sqrt(np.pi) * erf(v) / (2.0 * v * np.exp(-(v**2)))
    gamma2: Array = equivalent2 / (4.0 * jitter_m**2)
    return gamma2


def spread_m(beam_m: Array, waist: float, fried_m: Array) -> Array:
    """Long-term radius of an uplink beam in weak turbulence, wander included (A&P chapter 12)."""
    ratio = 2.0 * np.sqrt(2.0) * waist / fried_m
    radius: Array = beam_m * np.sqrt(1.0 + ratio ** (5 / 3))
    return radius


def budget(
    direction: Direction,
    transmitter: Transmitter,
    receiver: Receiver,
    air: Air,
    range_m: Array,
    elevation_rad: Array,
) -> Budget:
    """The budget over a pass; ``elevation_rad`` is geometric, as seen from the ground end."""
    wavelength = transmitter.wavelength_m
    beam = beam_radius_m(range_m, transmitter.divergence_rad, wavelength)
    still = collected(beam, receiver.aperture_m, receiver.obscuration_m)
    spread = beam
    if direction is Direction.UP:
        moments = turbulence.moments(air.profile, air.altitude_m)
        fried = turbulence.fried_m(wavelength, elevation_rad, moments)
        spread = spread_m(beam, waist_m(transmitter.divergence_rad, wavelength), fried)
    turbulent = collected(spread, receiver.aperture_m, receiver.obscuration_m)
    clear = atmosphere.clear_air_dB(elevation_rad, wavelength, air.altitude_m, air.visibility_km)
    flat = np.ones_like(range_m)
    lines = (
        ("transmitter optics", -transmitter.loss_dB * flat),
        ("pointing jitter, mean", dB(_mean_pointing(spread, receiver, transmitter.jitter_rad * range_m))),
        ("geometric collection", dB(still)),
        ("turbulent spread", dB(turbulent / still)),
        ("clear air", -clear),
        ("receiver optics", -receiver.loss_dB * flat),
    )
    return Budget(float(10.0 * np.log10(transmitter.power_W * 1e3)), lines)


def _mean_pointing(beam_m: Array, receiver: Receiver, jitter_m: Array) -> Array:
    """Mean of the pointing loss relative to a still beam: gamma^2 / (gamma^2 + 1)."""
    if not np.any(jitter_m > 0.0):
        return np.ones_like(beam_m)
    gamma2 = pointing_gamma2(beam_m, receiver.aperture_m, jitter_m)
    mean: Array = gamma2 / (gamma2 + 1.0)
    return mean
