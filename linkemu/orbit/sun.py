"""The Sun from a formula: no ephemeris file, good to 0.01 degree from 1950 to 2050.

Jean Meeus, Astronomical Algorithms, 2nd edition, chapter 25 (low accuracy), apparent place. Directions are
turned into SGP4's TEME frame, whose equinox is a mean one.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from linkemu.orbit.element_set import DAY_S, julian
from linkemu.orbit.frames import Floats

ASTRONOMICAL_UNIT_M = 149_597_870_700.0  # IAU 2012 resolution B2
RADIUS_M = 695_700_000.0  # IAU 2015 resolution B3
_TT_MINUS_UTC_S = 69.184  # since 2017; in the century before 2017 at most 40 s less, 0.0005 degree


def position_m(epoch: datetime, t_s: Floats) -> Floats:
    """Geocentric position of the Sun in TEME, shape (3, ...) for times (...)."""
    midnight, fraction = julian(epoch)
    days = midnight - 2451545.0 + fraction + (t_s + _TT_MINUS_UTC_S) / DAY_S
    t = days / 36525.0
    longitude, distance_m = _apparent(t)
    node = np.radians(125.04 - 1934.136 * t)
    obliquity = np.radians(23.439291 - 0.0130042 * t + 0.00256 * np.cos(node))
    x = np.cos(longitude)
    y = np.cos(obliquity) * np.sin(longitude)
    z = np.sin(obliquity) * np.sin(longitude)
    # From the true equinox to the mean one of TEME: the equation of the equinoxes, leading term.
    shift = math.radians(-0.00478) * np.sin(node) * np.cos(obliquity)
    return np.asarray(distance_m * np.stack([x + shift * y, y - shift * x, z]))


def _apparent(t: Floats) -> tuple[Floats, Floats]:
    """Apparent longitude (rad) and distance (m) at ``t`` Julian centuries of TT after J2000."""
    anomaly = np.radians(357.52911 + t * (35999.05029 - 0.0001537 * t))
    eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t)
    centre_deg = (
        (1.914602 - t * (0.004817 + 0.000014 * t)) * np.sin(anomaly)
        + (0.019993 - 0.000101 * t) * np.sin(2 * anomaly)
        + 0.000289 * np.sin(3 * anomaly)
    )
    mean_deg = 280.46646 + t * (36000.76983 + 0.0003032 * t)
    node = np.radians(125.04 - 1934.136 * t)
    longitude = np.radians(mean_deg + centre_deg - 0.00569 - 0.00478 * np.sin(node))
    true_anomaly = anomaly + np.radians(centre_deg)
    ratio = 1.000001018 * (1 - eccentricity**2) / (1 + eccentricity * np.cos(true_anomaly))
    return np.asarray(longitude), np.asarray(ratio * ASTRONOMICAL_UNIT_M)
