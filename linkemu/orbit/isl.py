"""Sight between satellites: is the Earth in the way? Geometry of segments only."""

from __future__ import annotations

import numpy as np

from linkemu.orbit.frames import Floats
from linkemu.orbit.site import EQUATOR_M, POLE_M


def clearance_m(a_m: Floats, b_m: Floats, skimming_m: float = 80_000.0) -> Floats:
    """How far (m, (...)) the segment from ``a_m`` to ``b_m`` (3, ...) clears the Earth; sight if positive.

    The obstacle is the ellipsoid raised by ``skimming_m``, made a sphere by stretching along the pole; the
    sign is exact for it, the size is in stretched metres. The segment ends at the satellites, as sight does.
    """
    equator_m = EQUATOR_M + skimming_m
    stretch = np.array([1.0, 1.0, equator_m / (POLE_M + skimming_m)]).reshape(3, *[1] * (a_m.ndim - 1))
    start, along = a_m * stretch, (b_m - a_m) * stretch
    length2 = np.maximum((along * along).sum(axis=0), 1e-6)
    share = np.clip(-(start * along).sum(axis=0) / length2, 0.0, 1.0)
    return np.asarray(np.linalg.norm(start + share * along, axis=0) - equator_m)
