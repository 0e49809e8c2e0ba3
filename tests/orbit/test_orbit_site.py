"""Sites: positions on the ellipsoid, and places that are not on Earth."""

from __future__ import annotations

import numpy as np
import pytest
from skyfield.api import wgs84

from linkemu.errors import InputError
from linkemu.orbit.site import EQUATOR_M, POLE_M, Site


@pytest.mark.parametrize(
    "latitude,longitude,altitude", [(28.3, -16.5, 2393.0), (-89.99, 179.9, 0.0), (0, 0, 5)]
)
def test_position_is_that_of_skyfield(latitude: float, longitude: float, altitude: float) -> None:
    site = Site("a", latitude, longitude, altitude, 10.0)
    expected = wgs84.latlon(latitude, longitude, altitude).itrs_xyz.m
    assert np.abs(site.position_m() - expected).max() < 1e-6


def test_poles_and_equator() -> None:
    assert Site("n", 90, 0, 0, 0).position_m()[2] == pytest.approx(POLE_M, abs=1e-6)
    assert Site("e", 0, 90, 0, 0).position_m()[1] == pytest.approx(EQUATOR_M, abs=1e-6)


def test_axes_are_orthonormal_and_right_handed() -> None:
    axes = Site("a", 48.1, 11.3, 600, 10).axes()
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert axes[0, 2] == 0.0 and axes[1, 2] > 0.0 and axes[2, 2] > 0.0


@pytest.mark.parametrize(
    "change,word",
    [
        ({"latitude_deg": 95.0}, "latitude 95 deg, expected -90 to 90 deg"),
        ({"longitude_deg": 400.0}, "longitude"),
        ({"altitude_m": float("nan")}, "altitude"),
        ({"mask_deg": 90.0}, "mask"),
    ],
)
def test_impossible_places_are_refused(change: dict[str, float], word: str) -> None:
    place = {"latitude_deg": 0.0, "longitude_deg": 0.0, "altitude_m": 0.0, "mask_deg": 10.0}
    with pytest.raises(InputError, match=word):
        Site("a", **{**place, **change})
