"""Air and what falls through it: how much light they absorb and scatter along a line of sight.

Elevations are geometric; ``apparent`` adds refraction where a formula asks for it. The fit
of ``clear_air_dB`` follows LOWTRAN7 (rural aerosol) within 0.12 dB at zenith for 1064 and 1550 nm, 5 to 60 km
of visibility and sites up to 3 km. What clouds there are, and how much rain, is weather's to say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEFAULT_VISIBILITY_km = 23.0  # standard clear atmosphere (Kim et al. 2001)

# Fit to LOWTRAN7 zenith transmittances, by wavelength in nm: molecular loss at sea level, its scale height,
# and the ratio of the aerosol column to that of 1550 nm.
_WAVELENGTH_nm = (550.0, 850.0, 1064.0, 1550.0)
_MOLECULAR_dB = (0.54, 0.13, 0.061, 0.070)
_MOLECULAR_HEIGHT_km = (8.0, 6.0, 5.2, 3.1)
_AEROSOL_RATIO = (1.24, 1.30, 1.16, 1.0)

# Equivalent height of the aerosol column by visibility, and how fast it thins out above the sea.
_VISIBILITY_km = (1.0, 2.0, 3.0, 5.0, 6.0, 8.0, 10.0)
_AEROSOL_COLUMN_km = (0.30, 0.625, 0.77, 1.14, 1.38, 1.44, 1.55)
_AEROSOL_HEIGHT_km = 1.7


def apparent(elevation_rad: Array) -> Array:
    """Elevation as refracted by the air (Saemundsson 1986; Meeus, Astronomical Algorithms, eq. 16.4)."""
    degrees = np.degrees(np.clip(elevation_rad, 0.0, None))
    arcminutes = 1.02 / np.tan(np.radians(degrees + 10.3 / (degrees + 5.11)))
    refracted: Array = elevation_rad + np.radians(arcminutes / 60.0)
    return refracted


def airmass(apparent_rad: Array) -> Array:
    """Relative optical air mass (Kasten and Young, Applied Optics 28:4735, 1989)."""
    degrees = np.degrees(apparent_rad)
    mass: Array = 1.0 / (np.sin(apparent_rad) + 0.50572 * (degrees + 6.07995) ** -1.6364)
    return mass


def kim_exponent(visibility_km: Array) -> Array:
    """Wavelength exponent of haze and fog (Kim, McArthur and Korevaar, SPIE 4214:26, 2001, eq. 9)."""
    v = visibility_km
    conditions = [v >= 50.0, v >= 6.0, v >= 1.0, v >= 0.5]
    exponent: Array = np.select(conditions, [1.6, 1.3, 0.16 * v + 0.34, v - 0.5], 0.0)
    return exponent


def kruse_exponent(visibility_km: Array) -> Array:
    """The older exponent, too kind to long wavelengths in fog (ITU-R P.1814 eq. 5)."""
    v = visibility_km
    exponent: Array = np.select([v >= 50.0, v >= 6.0], [1.6, 1.3], 0.585 * v ** (1 / 3))
    return exponent


def haze_dB_per_km(
    visibility_km: float | Array,
    wavelength_m: float,
    exponent: Callable[[Array], Array] = kim_exponent,
) -> Array:
    """Extinction by haze or fog at the ground, shape of ``visibility_km`` (Kim et al. 2001, eq. 8).

    ITU-R P.1814 eq. 4 prints the same without the factor from nepers to decibels.
    """
    visibility = np.asarray(visibility_km, dtype=np.float64)
    decay = (wavelength_m / 550e-9) ** -exponent(visibility)
    loss: Array = 10.0 / np.log(10.0) * 3.91 / visibility * decay
    return loss


def rayleigh_dB_per_km(
    wavelength_m: float, pressure_hPa: float = 1013.0, temperature_K: float = 273.15
) -> float:
    """Molecular scattering at the ground (ITU-R P.1817-1 eqs 3 and 4)."""
    per_km = 1.09e-3 * pressure_hPa / 1013.0 * 273.15 / temperature_K * (wavelength_m * 1e6) ** -4
    return float(10.0 / np.log(10.0) * per_km)


def scattering_dB(elevation_rad: Array, wavelength_m: float, altitude_m: float) -> Array:
    """Clear-air scattering by ITU-R P.1622 section 3.1, above 45 degrees and up to 5 km; to compare with.

    The coefficients are the consistent ones; the text of 2003 prints b with 0.00439, which turns the loss
    into a gain above 1.3 km.
    """
    u, h = wavelength_m * 1e6, altitude_m / 1e3
    a = np.polyval([0.000487, -0.002237, 0.003864, -0.004442], u)
    b = np.polyval([-0.00573, 0.02639, -0.04552, 0.05164], u)
    c = np.polyval([0.02565, -0.1191, 0.20385, -0.216], u)
    d = np.polyval([-0.0638, 0.3034, -0.5083, 0.425], u)
    loss: Array = 10.0 / np.log(10.0) * np.polyval([a, b, c, d], h) / np.sin(elevation_rad)
    return loss


def zenith_dB(
    wavelength_m: float, altitude_m: float, visibility_km: float | Array = DEFAULT_VISIBILITY_km
) -> Array:
    """Loss of clear air straight up from a site; wavelengths are clipped to 550 to 1550 nm."""
    nm, height_km = wavelength_m * 1e9, altitude_m / 1e3
    molecular = np.interp(nm, _WAVELENGTH_nm, _MOLECULAR_dB)
    molecular *= np.exp(-height_km / np.interp(nm, _WAVELENGTH_nm, _MOLECULAR_HEIGHT_km))
    column_km = np.interp(np.log(visibility_km), np.log(_VISIBILITY_km), _AEROSOL_COLUMN_km)
    column_km *= np.interp(nm, _WAVELENGTH_nm, _AEROSOL_RATIO) * np.exp(-height_km / _AEROSOL_HEIGHT_km)
    loss: Array = molecular + haze_dB_per_km(visibility_km, wavelength_m) * column_km
    return loss


def clear_air_dB(
    elevation_rad: Array,
    wavelength_m: float,
    altitude_m: float,
    visibility_km: float | Array = DEFAULT_VISIBILITY_km,
) -> Array:
    """Loss of clear air along a slant path from a site to space, positive, shape of ``elevation_rad``."""
    return zenith_dB(wavelength_m, altitude_m, visibility_km) * airmass(apparent(elevation_rad))


def rain_dB_per_km(rate_mmph: float | Array) -> Array:
    """Loss in rain, any optical wavelength (ITU-R P.1814 section 4.2.2, coefficients of France)."""
    loss: Array = 1.076 * np.asarray(rate_mmph, dtype=np.float64) ** 0.67
    return loss


def snow_dB_per_km(rate_mmph: float | Array, wavelength_m: float, *, wet: bool = True) -> Array:
    """Loss in snow (ITU-R P.1814 section 4.2.3)."""
    nm = wavelength_m * 1e9
    a, b = (1.023e-4 * nm + 3.7855466, 0.72) if wet else (5.42e-5 * nm + 5.4958776, 1.38)
    loss: Array = a * np.asarray(rate_mmph, dtype=np.float64) ** b
    return loss


def precipitation_dB(
    elevation_rad: Array,
    wavelength_m: float,
    altitude_m: float,
    rain_mmph: float | Array,
    snow_mmph: float | Array,
    top_m: float,
) -> Array:
    """Loss in rain and wet snow below ``top_m`` above the sea, positive, shape of ``elevation_rad``.

    Where rain lowers the visibility that was given too, take one of the two, not both.
    """
    path_km = max(0.0, top_m - altitude_m) / 1e3 / np.sin(np.maximum(elevation_rad, np.radians(1.0)))
    loss: Array = path_km * (rain_dB_per_km(rain_mmph) + snow_dB_per_km(snow_mmph, wavelength_m))
    return loss


def layer_dB(optical_depth: float | Array) -> Array:
    """Loss straight through a layer of this optical depth; times the air mass on a slant."""
    loss: Array = 10.0 / np.log(10.0) * np.asarray(optical_depth, dtype=np.float64)
    return loss


def water_depth(path_g_per_m2: float | Array, radius_um: float) -> Array:
    """Optical depth of a water cloud from its liquid water path, droplets large against the wavelength."""
    depth: Array = 3.0 * np.asarray(path_g_per_m2, dtype=np.float64) / (2.0 * radius_um)
    return depth


def cloud_visibility_km(water_g_per_m3: float, droplets_per_cm3: float) -> float:
    """Visibility within a cloud, to be used with an exponent (Awan et al. 2009; Liang et al. 2022 eq. 8)."""
    return float(1.002 / (water_g_per_m3 * droplets_per_cm3) ** 0.6473)
