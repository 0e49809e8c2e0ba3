"""The weather over each station as the forecast uses it: what blocks a view, and what dims it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast.geometry import View
from linkemu.forecast.spans import Span, positive
from linkemu.link.timeline import Cause
from linkemu.optics import atmosphere
from linkemu.weather.station import State, Weather

Array = NDArray[np.float64]


def along(weather: Weather, view: View) -> State:
    """What the line of sight meets at the view's whole seconds of UTC, whatever its step."""
    whole = view.whole
    return weather.along(view.t_s[whole], view.azimuth_rad[whole], view.elevation_rad[whole])


def blocked(state: State, view: View) -> list[Span]:
    """When water cloud, fog or an obscured sky blocks the view; edges to the microsecond."""
    spans = positive(view.t_s[view.whole], state.depth, Cause.CLOUD)
    return [Span(round(each.start_s, 6), round(each.end_s, 6), each.cause) for each in spans]


def attenuation_dB(state: State, elevation_rad: Array, wavelength_m: float, altitude_m: float) -> Array:
    """What the weather takes beyond a clear sky, (k,): cirrus, and the greater of haze or fog and of rain.

    Reports of rain have its dimness in their visibility already, so the two don't add. Fog lies in a layer of
    its own below the standard haze.
    """
    clear = atmosphere.clear_air_dB(elevation_rad, wavelength_m, altitude_m)
    visibility_km = state.visibility_m / 1e3
    hazy = atmosphere.clear_air_dB(elevation_rad, wavelength_m, altitude_m, visibility_km) - clear
    per_km = 1e-3 / np.sin(elevation_rad)
    fog = atmosphere.haze_dB_per_km(visibility_km, wavelength_m) * state.fog_top_m * per_km
    wet = atmosphere.rain_dB_per_km(state.rain_mmph) + atmosphere.snow_dB_per_km(
        state.snow_mmph, wavelength_m
    )
    dim = np.where(state.fog_top_m > 0.0, fog, hazy)
    total: Array = state.cloud_dB + np.maximum(dim, wet * state.precipitation_top_m * per_km)
    return total
