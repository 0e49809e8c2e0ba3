"""The Earth's shadow: conical, of an oblate Earth.

A spherical Earth would put a low satellite's entry wrong by up to a minute; here space is stretched along
the pole until the Earth is a sphere (worst difference to Orekit 0.5 s in low orbits, docs/geometry.md).
No refraction: the reddened light in the umbra's edge is not counted.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from linkemu.orbit import sun
from linkemu.orbit.frames import Floats
from linkemu.orbit.site import EQUATOR_M, POLE_M


class Illumination(IntEnum):
    """How much of the Sun a satellite sees."""

    UNKNOWN = -1  # SGP4 gives no position
    UMBRA = 0
    PENUMBRA = 1
    SUNLIT = 2


def illumination(satellite_m: Floats, sun_m: Floats) -> NDArray[np.int8]:
    """Illumination (...) of satellites at (3, ...); both positions in one equatorial frame, in metres."""
    umbra_rad, penumbra_rad = depths(satellite_m, sun_m)
    state = np.full(umbra_rad.shape, Illumination.SUNLIT, dtype=np.int8)
    state[np.isnan(penumbra_rad)] = Illumination.UNKNOWN
    state[penumbra_rad > 0.0] = Illumination.PENUMBRA
    state[umbra_rad > 0.0] = Illumination.UMBRA
    return state


def depths(satellite_m: Floats, sun_m: Floats) -> tuple[Floats, Floats]:
    """How deep (rad, positive inside) in umbra and penumbra: apparent discs of the Earth and the Sun.

    Montenbruck and Gill, Satellite Orbits, section 3.4.2, in stretched space.
    """
    stretch = np.array([1.0, 1.0, EQUATOR_M / POLE_M]).reshape(3, *[1] * (satellite_m.ndim - 1))
    to_earth = -satellite_m * stretch
    to_sun = sun_m * stretch + to_earth
    earth_m, sun_distance_m = np.linalg.norm(to_earth, axis=0), np.linalg.norm(to_sun, axis=0)
    earth_disc = np.arcsin(np.minimum(EQUATOR_M / earth_m, 1.0))
    sun_disc = np.arcsin(sun.RADIUS_M / sun_distance_m)
    apart = separation(to_earth, to_sun)
    return earth_disc - sun_disc - apart, earth_disc + sun_disc - apart


def separation(a: Floats, b: Floats) -> Floats:
    """Angle (rad) between vectors (3, ...), exact near 0 and pi.

    W. Kahan, How Futile are Mindless Assessments of Roundoff, section 12.
    """
    a, b = a / np.linalg.norm(a, axis=0), b / np.linalg.norm(b, axis=0)
    return np.asarray(2.0 * np.arctan2(np.linalg.norm(a - b, axis=0), np.linalg.norm(a + b, axis=0)))
