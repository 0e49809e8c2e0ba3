"""Light that isn't the link's: the sky's radiance, and how much of it a receiver takes in.

Radiances are spectral, in W/(m2 um sr), looking up from the ground in daylight (ITU-R P.1621-2 Table 1), or
down on a sunlit Earth. The Sun itself in the field of view is excluded by tracking, not here.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

_WAVELENGTH_nm = (530.0, 850.0, 965.0, 1060.0, 1500.0)


class Sky(Enum):
    """What is behind the other terminal."""

    BRIGHT = "bright"
    NORMAL = "normal"
    OVERCAST = "overcast"
    NIGHT = "night"
    EARTH = "earth"  # the sunlit Earth, seen from orbit


_RADIANCE = {  # ITU-R P.1621-2 Table 1, zenith
    Sky.BRIGHT: (303.4, 122.3, 64.62, 54.45, 13.01),
    Sky.NORMAL: (101.6, 42.58, 25.12, 25.32, 6.00),
    Sky.OVERCAST: (71.75, 30.3, 18.63, 17.99, 4.44),
}
_NIGHT = 1.5e-5  # moonless at 1550 nm (Ntanos et al. 2021); ITU-R P.1621-2 has 1 to 2e-6
_ALBEDO = 0.3  # mean of the Earth (Stephens et al., Reviews of Geophysics 53:141, 2015)
_SUN_K, _SUN_sr = 5772.0, 6.794e-5  # effective temperature (IAU 2015), solid angle from 1 au


def radiance(sky: Sky, wavelength_m: float) -> float:
    """Spectral radiance in W/(m2 um sr); between the table's wavelengths log-linear, held beyond its ends."""
    if sky is Sky.NIGHT:
        return _NIGHT
    if sky is Sky.EARTH:
        return _ALBEDO * _sun_irradiance(wavelength_m) / np.pi
    logs = np.log(_RADIANCE[sky])
    return float(np.exp(np.interp(wavelength_m * 1e9, _WAVELENGTH_nm, logs)))


def _sun_irradiance(wavelength_m: float) -> float:
    """Of the Sun as a black body, outside the air, in W/(m2 um): a sixth too low at 1.5 um."""
    first, second = 1.191042972e-16, 1.438776877e-2  # 2 h c^2 and h c / k, CODATA 2018
    spectral = first / wavelength_m**5 / np.expm1(second / (wavelength_m * _SUN_K))
    return float(spectral * _SUN_sr * 1e-6)


def power_W(field_of_view_rad: float, aperture_m: float, filter_um: float, sky_radiance: float) -> float:
    """Background on the detector (ITU-R P.1621-2 eq. 1); the field of view is the full angle."""
    area = np.pi * aperture_m**2 / 4.0
    return float(np.pi * field_of_view_rad**2 * area * filter_um * sky_radiance / 4.0)
