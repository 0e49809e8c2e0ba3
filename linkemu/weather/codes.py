"""Present weather by number: WMO code table 4677, as TMY3 and Open-Meteo carry it."""

from __future__ import annotations

_LIGHT_mmph = {"drizzle": 0.2, "rain": 1.0, "snow": 0.5}
_MODERATE_mmph = {"drizzle": 0.5, "rain": 5.0, "snow": 1.5}
_HEAVY_mmph = {"drizzle": 1.0, "rain": 20.0, "snow": 4.0}
# Slight, moderate, heavy (0 to 2). From x6 on kinds are their own, "slight" or "moderate or heavy" alone.
_BY_CODE = {
    **{50: ("drizzle", 0), 51: ("drizzle", 0), 52: ("drizzle", 1), 53: ("drizzle", 1), 54: ("drizzle", 2)},
    **{55: ("drizzle", 2), 56: ("drizzle", 0), 57: ("drizzle", 1), 58: ("rain", 0), 59: ("rain", 1)},
    **{60: ("rain", 0), 61: ("rain", 0), 62: ("rain", 1), 63: ("rain", 1), 64: ("rain", 2), 65: ("rain", 2)},
    **{66: ("rain", 0), 67: ("rain", 1), 68: ("snow", 0), 69: ("snow", 1)},
    **{70: ("snow", 0), 71: ("snow", 0), 72: ("snow", 1), 73: ("snow", 1), 74: ("snow", 2), 75: ("snow", 2)},
    **{76: ("snow", 0), 77: ("snow", 0), 78: ("snow", 0), 79: ("snow", 0)},
    **{80: ("rain", 0), 81: ("rain", 1), 82: ("rain", 2), 85: ("snow", 0), 86: ("snow", 1)},
    **{83: ("rain", 0), 84: ("rain", 1), 87: ("snow", 0), 88: ("snow", 1), 89: ("rain", 0), 90: ("rain", 1)},
    **{91: ("rain", 0), 92: ("rain", 1), 93: ("snow", 0), 94: ("snow", 1)},
    **{95: ("rain", 1), 96: ("rain", 1), 97: ("rain", 2), 99: ("rain", 2)},
}
_RATES = (_LIGHT_mmph, _MODERATE_mmph, _HEAVY_mmph)


def precipitation_mmph(code: int) -> tuple[float, float]:
    """Typical rates of rain and of snow (water equivalent) of a code from 0 to 99."""
    if code not in _BY_CODE:
        return 0.0, 0.0
    kind, strength = _BY_CODE[code]
    rate = _RATES[strength][kind]
    return (0.0, rate) if kind == "snow" else (rate, 0.0)


def fog(code: int) -> bool:
    """Fog at the station: 42 to 49; 40 and 41 are at a distance and in patches."""
    return 42 <= code <= 49
