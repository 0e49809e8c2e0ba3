"""A place on the ground: geodetic position on WGS84, its Earth-fixed vector and its horizon.

Nothing here moves. Vectors are Earth-fixed (ITRF), in metres; polar motion is frames.py's affair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import InputError

EQUATOR_M = 6378137.0  # WGS84 semi-major axis (NGA.STND.0036, table 3.1)
FLATTENING = 1 / 298.257223563  # same table
POLE_M = EQUATOR_M * (1 - FLATTENING)
_ECCENTRICITY2 = FLATTENING * (2 - FLATTENING)


@dataclass(frozen=True, slots=True)
class Site:
    """A ground terminal's place: ``altitude_m`` above the ellipsoid, ``mask_deg`` the lowest elevation."""

    id: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    mask_deg: float

    def __post_init__(self) -> None:
        _expect(self.id, "latitude", self.latitude_deg, -90.0, 90.0, "deg")
        _expect(self.id, "longitude", self.longitude_deg, -360.0, 360.0, "deg")
        _expect(self.id, "altitude", self.altitude_m, -1000.0, 100_000.0, "m")
        _expect(self.id, "mask", self.mask_deg, -5.0, 89.9, "deg")

    @property
    def mask_rad(self) -> float:
        return math.radians(self.mask_deg)

    def position_m(self) -> NDArray[np.float64]:
        """Earth-fixed position, shape (3,)."""
        latitude, longitude = math.radians(self.latitude_deg), math.radians(self.longitude_deg)
        normal_m = EQUATOR_M / math.sqrt(1 - _ECCENTRICITY2 * math.sin(latitude) ** 2)
        equatorial_m = (normal_m + self.altitude_m) * math.cos(latitude)
        axial_m = (normal_m * (1 - _ECCENTRICITY2) + self.altitude_m) * math.sin(latitude)
        x_m, y_m = equatorial_m * math.cos(longitude), equatorial_m * math.sin(longitude)
        return np.array([x_m, y_m, axial_m])

    def axes(self) -> NDArray[np.float64]:
        """Rows east, north, up as Earth-fixed unit vectors, shape (3, 3)."""
        latitude, longitude = math.radians(self.latitude_deg), math.radians(self.longitude_deg)
        sin_lat, cos_lat = math.sin(latitude), math.cos(latitude)
        sin_lon, cos_lon = math.sin(longitude), math.cos(longitude)
        return np.array(
            [
                [-sin_lon, cos_lon, 0.0],
                [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
                [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
            ]
        )


def _expect(site: str, what: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:  # also refuses nan
        raise InputError(f"site {site}", f"{what} {value:g} {unit}, expected {low:g} to {high:g} {unit}")
