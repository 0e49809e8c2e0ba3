"""One satellite as seen from one site, at any times: look angles, light time, Sun, shadow.

Every position is SGP4's own at that instant; nothing is cached or interpolated. Times are seconds since the
track's epoch, of any shape; answers have the same shape, nan where SGP4 gives no position. Angles are
geometric: no refraction, no aberration. Range rate is the derivative of the range, not SGP4's velocity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from linkemu.machine import Direction
from linkemu.orbit import light, shadow, sun
from linkemu.orbit.element_set import DAY_S, Elements, julian
from linkemu.orbit.frames import EarthOrientation, Floats, orientation, sidereal_angle, turn
from linkemu.orbit.site import Site

_TABLE_S = 400 * DAY_S  # how far the default table of UT1 reaches
_DIFFERENCE_S = 0.05  # half the base of numerical derivatives: truncation and rounding are below 1 mm/s


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Where to point, arrays of the shape of the times; azimuth from north over east."""

    azimuth_rad: Floats
    elevation_rad: Floats
    range_m: Floats
    range_rate_mps: Floats


class Track:
    """Geometry between one satellite and one site; ``epoch`` (aware) is time zero."""

    def __init__(
        self, elements: Elements, site: Site, epoch: datetime, eop: EarthOrientation | None = None
    ) -> None:
        self.elements = elements
        self.site = site
        self.epoch = epoch
        self._earth = eop if eop is not None else orientation(epoch, _TABLE_S)
        self._julian = julian(epoch)
        motion = self._earth.polar_motion()
        self._site_m = motion @ site.position_m()
        self._axes = site.axes() @ motion.T

    def look(self, t_s: ArrayLike) -> Look:
        """Azimuth, elevation, range and range rate."""
        t = np.asarray(t_s, dtype=np.float64)
        east, north, up = np.tensordot(self._axes, self._line_m(t), 1)
        before, after = (self._range_m(t + shift) for shift in (-_DIFFERENCE_S, _DIFFERENCE_S))
        return Look(
            np.asarray(np.arctan2(east, north) % math.tau),
            np.asarray(np.arctan2(up, np.hypot(east, north))),
            np.asarray(np.sqrt(east**2 + north**2 + up**2)),
            np.asarray((after - before) / (2 * _DIFFERENCE_S)),
        )

    def light_time(self, t_s: ArrayLike, direction: Direction) -> Floats:
        """One-way seconds of light that leaves its sender (ground: UP, satellite: DOWN) at ``t_s``."""
        t = np.asarray(t_s, dtype=np.float64)
        ends = self._ground_inertial_m, self.satellite_inertial_m
        leaves, arrives = ends if direction is Direction.UP else ends[::-1]
        return light.light_time(leaves, arrives, t.ravel()).reshape(t.shape)

    def delay_polynomials(
        self, start_s: float, end_s: float, direction: Direction, length_s: float = 10.0
    ) -> tuple[NDArray[np.int64], Floats]:
        """Light time as a LinkTimeline holds it: starts (m,) in ns, coefficients (m, 8) over u in [0, 1].

        Good to 0.1 ps at the default length in low orbits; the last segment may reach past ``end_s``.
        """
        return light.polynomials(lambda t: self.light_time(t, direction), start_s, end_s, length_s)

    def slew_rate_radps(self, t_s: ArrayLike) -> Floats:
        """How fast the line of sight turns, as seen by a mount that stands on the ground."""
        t = np.asarray(t_s, dtype=np.float64)
        apart = shadow.separation(self._line_m(t - _DIFFERENCE_S), self._line_m(t + _DIFFERENCE_S))
        return apart / (2 * _DIFFERENCE_S)

    def point_ahead_rad(self, t_s: ArrayLike) -> Floats:
        """Angle between received and sent light: twice the transverse speed over c, both ends moving."""
        t = np.asarray(t_s, dtype=np.float64)
        line = self.satellite_inertial_m(t) - self._ground_inertial_m(t)
        before, after = (
            self.satellite_inertial_m(t + shift) - self._ground_inertial_m(t + shift)
            for shift in (-_DIFFERENCE_S, _DIFFERENCE_S)
        )
        velocity_mps = (after - before) / (2 * _DIFFERENCE_S)
        unit = line / np.linalg.norm(line, axis=0)
        across = velocity_mps - (velocity_mps * unit).sum(axis=0) * unit
        return np.asarray(2.0 * np.linalg.norm(across, axis=0) / light.SPEED_OF_LIGHT_MPS)

    def sun_separation_rad(self, t_s: ArrayLike) -> Floats:
        """Angle between satellite and Sun at the site; between site and Sun at the satellite: pi less it."""
        t = np.asarray(t_s, dtype=np.float64)
        return shadow.separation(self._line_m(t), self._sun_line_m(t))

    def sun_elevation_rad(self, t_s: ArrayLike) -> Floats:
        """The Sun's geometric elevation at the site."""
        east, north, up = np.tensordot(self._axes, self._sun_line_m(np.asarray(t_s, dtype=np.float64)), 1)
        return np.asarray(np.arctan2(up, np.hypot(east, north)))

    def sunlit(self, t_s: ArrayLike) -> NDArray[np.int8]:
        """The satellite's shadow.Illumination (umbra, penumbra, sunlit, or unknown)."""
        t = np.asarray(t_s, dtype=np.float64)
        return shadow.illumination(self.satellite_inertial_m(t), sun.position_m(self.epoch, t))

    def satellite_inertial_m(self, t_s: Floats) -> Floats:
        """The satellite in TEME, shape (3, ...)."""
        midnight, fraction = self._julian
        t = np.asarray(t_s, dtype=np.float64)
        day = (fraction + t / DAY_S).ravel()
        errors, position_km, _ = self.elements.satrec.sgp4_array(np.full(day.shape, midnight), day)
        position_m = position_km.T * 1000.0
        position_m[:, errors != 0] = np.nan
        return np.asarray(position_m.reshape(3, *t.shape))

    def satellite_fixed_m(self, t_s: Floats) -> Floats:
        """The satellite in axes that turn with the Earth (PEF), shape (3, ...)."""
        return turn(self.satellite_inertial_m(t_s), sidereal_angle(self.epoch, t_s, self._earth))

    def _line_m(self, t: Floats) -> Floats:
        """Earth-fixed vector from the site to the satellite, (3, ...)."""
        return self.satellite_fixed_m(t) - self._site_m.reshape(3, *[1] * t.ndim)

    def _range_m(self, t: Floats) -> Floats:
        return np.asarray(np.linalg.norm(self._line_m(t), axis=0))

    def _ground_inertial_m(self, t: Floats) -> Floats:
        angle = sidereal_angle(self.epoch, t, self._earth)
        return turn(self._site_m.reshape(3, *[1] * t.ndim), -angle)

    def _sun_line_m(self, t: Floats) -> Floats:
        sun_m = turn(sun.position_m(self.epoch, t), sidereal_angle(self.epoch, t, self._earth))
        return sun_m - self._site_m.reshape(3, *[1] * t.ndim)
