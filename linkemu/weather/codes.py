"""Present weather by number: WMO code table 4677, as TMY3 and Open-Meteo carry it."""

from __future__ import annotations

_LIGHT_mmph = {"drizzle": 0.2, "rain": 1.0, "snow": 0.5}
_MODERATE_mmph = {"drizzle": 0.5, "rain": 5.0, "snow": 1.5}
_HEAVY_mmph = {"drizzle": 1.0, "rain": 20.0, "snow": 4.0}
_CONTINUOUS = {5: "drizzle", 6: "rain", 7: "snow"}
_SHOWERS = {
    **{80: ("rain", 0), 81: ("rain", 1), 82: ("rain", 2), 85: ("snow", 0), 86: ("snow", 1)},
    **{83: ("rain", 0), 84: ("rain", 1), 87: ("snow", 0), 88: ("snow", 1), 89: ("rain", 0), 90: ("rain", 1)},
    **{91: ("rain", 0), 92: ("rain", 1), 93: ("snow", 0), 94: ("snow", 1)},
    **{95: ("rain", 1), 96: ("rain", 1), 97: ("rain", 2), 99: ("rain", 2)},
}
_RATES = (_LIGHT_mmph, _MODERATE_mmph, _HEAVY_mmph)


def precipitation_mmph(code: int) -> tuple[float, float]:
    """Typical rates of rain and of snow (water equivalent) of a code from 0 to 99."""
    if code in _SHOWERS:
        kind, strength = _SHOWERS[code]
    elif code // 10 in _CONTINUOUS:
        kind = _CONTINUOUS[code // 10]
        if code in (68, 69):
            kind = "snow"
        strength = min(code % 10 // 2, 2)
    else:
        return 0.0, 0.0
    rate = _RATES[strength][kind]
    return (0.0, rate) if kind == "snow" else (rate, 0.0)


def fog(code: int) -> bool:
    """Fog at the station: 42 to 49; 40 and 41 are at a distance and in patches."""
    return 42 <= code <= 49
