"""From SGP4's frame to the turning Earth: sidereal time, the Earth's orientation, polar motion.

TEME is SGP4's inertial frame, PEF turns with the Earth about its true pole, ITRF is the frame of maps.
Satellites are turned by sidereal time alone (TEME to PEF); polar motion, 12 m at most, is applied once, to
the sites (ITRF to PEF), not to every position. Skyfield gives UT1 from a table in its package: no downloads.

Time is seconds of SI since the epoch. UT1 is counted against the UTC of the epoch, so that a leap second
within a span is no jump.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skyfield.api import load

from linkemu.orbit.element_set import DAY_S, julian

Floats = NDArray[np.float64]

_ARCSECOND = math.pi / 648000.0
_J2000 = 2451545.0
_MARGIN_S = 2 * DAY_S


@dataclass(frozen=True, slots=True, eq=False)
class EarthOrientation:
    """UT1 - UTC (s) at knots (s since the epoch), linear between and held beyond; pole coordinates."""

    knot_s: Floats
    ut1_minus_utc_s: Floats
    pole_x_rad: float = 0.0
    pole_y_rad: float = 0.0

    @classmethod
    def measured(
        cls,
        ut1_minus_utc_s: tuple[float, float],
        span_s: float,
        pole_arcsec: tuple[float, float] = (0.0, 0.0),
    ) -> EarthOrientation:
        """From published values: UT1 - UTC at the start and the end of a span, and the pole."""
        x, y = pole_arcsec
        knots = np.array([0.0, span_s])
        return cls(knots, np.array(ut1_minus_utc_s), x * _ARCSECOND, y * _ARCSECOND)

    def polar_motion(self) -> Floats:
        """Matrix from ITRF to PEF, shape (3, 3) (Vallado et al., AIAA 2006-6753, appendix C)."""
        sin_x, cos_x = math.sin(self.pole_x_rad), math.cos(self.pole_x_rad)
        sin_y, cos_y = math.sin(self.pole_y_rad), math.cos(self.pole_y_rad)
        return np.array(
            [
                [cos_x, 0.0, -sin_x],
                [sin_x * sin_y, cos_y, cos_x * sin_y],
                [sin_x * cos_y, -sin_y, cos_x * cos_y],
            ]
        )


def orientation(epoch: datetime, span_s: float) -> EarthOrientation:
    """The Earth's orientation around a span from Skyfield's built-in table: daily UT1, no polar motion.

    Beyond its last measurement the table goes on by a long-term model; a few milliseconds are then unknown,
    which is about a metre at the equator.
    """
    days = math.ceil((max(span_s, 0.0) + 2 * _MARGIN_S) / DAY_S)
    return _tabulated(epoch, days)


@lru_cache(maxsize=64)
def _tabulated(epoch: datetime, days: int) -> EarthOrientation:
    scale = _timescale()
    start = scale.from_datetime(epoch)
    # Knots a day apart, as in the table: between them UT1 bends by 0.1 us, which is 0.06 mm.
    first = math.floor(start.tt - _MARGIN_S / DAY_S - 0.5) + 0.5
    table = scale.tt_jd(first + np.arange(days + 2))
    knot_s = (table.whole - start.whole + table.tt_fraction - start.tt_fraction) * DAY_S
    ut1_minus_utc_s = start.dut1 + start.delta_t - table.delta_t
    return EarthOrientation(np.asarray(knot_s), np.asarray(ut1_minus_utc_s))


@cache
def _timescale() -> Any:
    return load.timescale(builtin=True)


def sidereal_angle(epoch: datetime, t_s: Floats, earth: EarthOrientation) -> Floats:
    """Greenwich mean sidereal time (IAU 1982) in radians at ``t_s`` after the epoch, same shape.

    Aoki et al., Astron. Astrophys. 105 (1982) 359, eq. 14; the frame of SGP4 wants this model and no newer.
    """
    midnight, fraction = julian(epoch)
    ut1_s = t_s + np.interp(t_s, earth.knot_s, earth.ut1_minus_utc_s)
    day = fraction + ut1_s / DAY_S
    centuries = (midnight - _J2000 + day) / 36525.0
    extra_s = 67310.54841 + centuries * (8640184.812866 + centuries * (0.093104 - 6.2e-6 * centuries))
    turns = (midnight % 1.0 + day % 1.0 + extra_s / DAY_S) % 1.0
    return np.asarray(math.tau * turns)


def turn(vector: Floats, angle: Floats) -> Floats:
    """Coordinates of ``vector`` (3, ...) in axes turned by ``angle`` (...) about the third: TEME to PEF."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = vector
    return np.stack(np.broadcast_arrays(cos * x + sin * y, cos * y - sin * x, z))
