"""Positions at evenly spaced times, and the polynomials between them: what makes the search fast.

SGP4 is asked every two minutes at most; between, each coordinate is the polynomial of degree 7 through the
eight nodes around. Only positions are interpolated: SDP4's velocity is not the derivative of its position
(off by 1 m/s for a Molniya orbit), so Hermite's formula would be worse. At 120 s the passes found differ
from those of SGP4 at every instant by microseconds (docs/geometry.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sgp4.api import SatrecArray

from linkemu.orbit.element_set import DAY_S, julian
from linkemu.orbit.frames import EarthOrientation, Floats, sidereal_angle, turn

STEP_S = 120.0
_BEFORE, _AFTER = 3, 4  # nodes of a polynomial before and after the start of its interval
_OFFSETS = np.arange(-_BEFORE, _AFTER + 1)
_TO_COEFFICIENTS = np.linalg.inv(np.vander(_OFFSETS - 0.5, increasing=True))
# Central difference of sixth order (Fornberg, Math. Comp. 51 (1988) 699, table 1).
_SLOPE = np.array([-1 / 60, 3 / 20, -3 / 4, 0.0, 3 / 4, -3 / 20, 1 / 60])
_NOWHERE_M = 1.0  # coordinates of a satellite without a position: deep below every horizon


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Earth-fixed (PEF) positions and slopes of some satellites at node 0 to ``count``, ``step_s`` apart."""

    step_s: float
    count: int  # intervals
    padded_m: Floats  # (3, satellites, count + 1 + 7), three nodes before the first
    position_m: Floats  # (3, satellites, count + 1), a view of it
    slope_m: Floats  # (3, satellites, count + 1), per step
    sound: NDArray[np.bool_]  # (satellites, count): SGP4 gave all positions on which an interval rests

    def polynomials(self, satellite: NDArray[np.intp], interval: NDArray[np.intp]) -> Floats:
        """Coefficients (8, 3, n) of the positions within intervals, over y = -1/2 (start) to 1/2 (end)."""
        index = interval + np.arange(_OFFSETS.size)[:, None]
        window = self.padded_m[:, satellite, index]
        coefficients: Floats = np.einsum("cj,djn->cdn", _TO_COEFFICIENTS, window)
        return coefficients


def nodes(satrecs: Sequence[Any], epoch: datetime, duration_s: float, earth: EarthOrientation) -> Nodes:
    """Nodes from the epoch to ``duration_s`` after it; the last falls on its end."""
    count = math.ceil(duration_s / STEP_S)
    step_s = duration_s / count
    t_s: Floats = np.arange(-_BEFORE, count + _AFTER).astype(np.float64) * step_s
    inertial_m, bad = _inertial_m(satrecs, epoch, t_s)
    padded_m = turn(inertial_m, sidereal_angle(epoch, t_s, earth))
    sound: NDArray[np.bool_] = np.all(sliding_window_view(~bad, _OFFSETS.size, axis=-1), axis=-1)
    kept = slice(_BEFORE, _BEFORE + count + 1)
    slope_m = sum(
        weight * padded_m[..., shift : shift + count + 1] for shift, weight in enumerate(_SLOPE) if weight
    )
    return Nodes(step_s, count, padded_m, padded_m[..., kept], np.asarray(slope_m), sound[:, :count])


def _inertial_m(satrecs: Sequence[Any], epoch: datetime, t_s: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """TEME positions (3, satellites, times), and where there is none: there, near the Earth's centre."""
    midnight, fraction = julian(epoch)
    day = fraction + t_s / DAY_S
    errors, position_km, _ = SatrecArray(list(satrecs)).sgp4(np.full(t_s.shape, midnight), day)
    position_m: Floats = np.moveaxis(position_km, -1, 0) * 1000.0
    bad = (errors != 0) | ~np.isfinite(position_m).all(axis=0)
    position_m[:, bad] = _NOWHERE_M
    return position_m, bad
