"""Groups of METAR and TAF that matter to light, read strictly: visibility, sky, present weather.

Lower bounds ("10SM", "9999", "CAVOK", "P6SM"), upper bounds ("M1/4SM") and missing values ("////") stay
apart from numbers: the parsers on PyPI turn each of them into one. The texts' structure is for metar.py and
taf.py; what a group means is WMO No. 306, FM 15 and FM 51, and the US Federal Meteorological Handbook No.
1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

MILE_m = 1609.344
FOOT_m = 0.3048

Bound = Literal["exact", "at least", "less than"]

_METRES = re.compile(r"(\d{4})(NDV)?")
_WORST = re.compile(r"(\d{4})(?:N|NE|E|SE|S|SW|W|NW)")
_MILES = re.compile(r"([PM])?(\d{1,3}|\d{1,2}/\d{1,2})SM")
_KILOMETRES = re.compile(r"(\d{1,2})KM")
_UNSEEN = re.compile(r"/{2,4}(?:SM)?")
_SKY = re.compile(r"(FEW|SCT|BKN|OVC)(\d{3}|///)(CB|TCU|CU|SC|ST|NS|AC|AS|CI|CC|CS|///)?")
_HIDDEN = re.compile(r"VV(\d{3}|///)")
_NO_SKY = re.compile(r"/{6,9}|/{6}(?:CB|TCU)")
_CLEAR = ("SKC", "CLR", "NSC", "NCD")
_PHENOMENA = "DZ|RA|SN|SG|IC|PL|GR|GS|UP|BR|FG|FU|VA|DU|SA|HZ|PY|PO|SQ|FC|SS|DS"
_WEATHER = re.compile(rf"([-+]|VC)?(MI|BC|PR|DR|BL|SH|TS|FZ)?((?:{_PHENOMENA}){{0,4}})")
_RAIN_mmph = {"-": 1.0, "": 5.0, "+": 20.0}
_DRIZZLE_mmph = {"-": 0.2, "": 0.5, "+": 1.0}
_SNOW_mmph = {"-": 0.5, "": 1.5, "+": 4.0}
_MOST_MILES = 100  # farther than observers have marks for; ours


@dataclass(frozen=True, slots=True)
class Visibility:
    """Prevailing visibility; ``distance_m`` None where the report has "////" in its place."""

    distance_m: float | None
    bound: Bound = "exact"


@dataclass(frozen=True, slots=True)
class Layer:
    """One sky group: the cover up to and with this layer, as reports add it up, and its height."""

    cover: str  # FEW, SCT, BKN, OVC or VV
    height_m: float | None  # above ground; None: "///"
    kind: str  # CB, TCU, CU …, or ""


@dataclass(slots=True)
class Groups:
    """What a text says; None or empty where it says nothing. ``clear``: SKC, CLR, NSC, NCD or CAVOK."""

    visibility: Visibility | None = None
    lowest_visibility_m: float | None = None
    layers: list[Layer] = field(default_factory=list)
    clear: str | None = None
    sky_missing: bool = False
    weather: list[str] = field(default_factory=list)
    no_weather: bool = False  # NSW
    rest: list[str] = field(default_factory=list)

    @property
    def tells_sky(self) -> bool:
        return bool(self.layers) or self.clear is not None or self.sky_missing

    @property
    def tells_weather(self) -> bool:
        return bool(self.weather) or self.no_weather or self.clear == "CAVOK"


def read(tokens: Sequence[str]) -> Groups:
    """Sort the tokens of one report or one part of a forecast; what isn't known here is left in ``rest``."""
    found = Groups()
    waiting: str | None = None  # the whole miles of "1 1/2SM"
    for token in tokens:
        if re.fullmatch(r"\d{1,2}", token) and waiting is None:
            waiting = token
            continue
        _take(found, token, waiting)
        waiting = None
    if waiting is not None:
        found.rest.append(waiting)
    return found


def _take(found: Groups, token: str, whole: str | None) -> None:
    if (miles := _MILES.fullmatch(token)) and found.visibility is None:
        distance = _miles(miles, whole)
        if distance is not None:
            found.visibility = distance
            return
    if whole is not None:
        found.rest.append(whole)
    if (known := _distance(token)) is not None and found.visibility is None:
        found.visibility = known
        if token == "CAVOK":
            found.clear = "CAVOK"
    elif worst := _WORST.fullmatch(token):
        found.lowest_visibility_m = float(worst[1])
    elif not (_sky(found, token) or _weather(found, token)):
        found.rest.append(token)


def _distance(token: str) -> Visibility | None:
    if token in ("CAVOK", "9999", "9999NDV"):
        return Visibility(10_000.0, "at least")
    if metres := _METRES.fullmatch(token):
        return Visibility(50.0, "less than") if metres[1] == "0000" else Visibility(float(metres[1]))
    if kilometres := _KILOMETRES.fullmatch(token):
        return Visibility(float(kilometres[1]) * 1000.0)
    return Visibility(None) if _UNSEEN.fullmatch(token) else None


def _miles(match: re.Match[str], whole: str | None) -> Visibility | None:
    """Statute miles; None for a fraction that is none, such as 1/0SM or 2 3SM, or for a slip: 110SM."""
    sign, text = match[1], match[2]
    if "/" in text and text.endswith(("/0", "/00")):
        return None
    number = Fraction(text)
    if whole is not None:
        if "/" not in text or number >= 1:
            return None
        number += int(whole)
    if number > _MOST_MILES:
        return None
    distance_m = float(number) * MILE_m
    if sign == "M":
        return Visibility(distance_m, "less than")
    # Automatic stations of the US end at 10 miles (Federal Meteorological Handbook No. 1, 2019, table 6-1).
    return Visibility(distance_m, "at least" if sign == "P" or number >= 10 else "exact")


def _sky(found: Groups, token: str) -> bool:
    if token in _CLEAR:
        found.clear = token
    elif layer := _SKY.fullmatch(token):
        kind = "" if layer[3] in (None, "///") else layer[3]
        found.layers.append(Layer(layer[1], _height_m(layer[2]), kind))
    elif hidden := _HIDDEN.fullmatch(token):
        found.layers.append(Layer("VV", _height_m(hidden[1]), ""))
    elif _NO_SKY.fullmatch(token):
        found.sky_missing = True
    else:
        return False
    return True


def _height_m(text: str) -> float | None:
    return None if text == "///" else float(text) * 100.0 * FOOT_m


def _weather(found: Groups, token: str) -> bool:
    if token == "NSW":
        found.no_weather = True
        return True
    match = _WEATHER.fullmatch(token)
    if match is None or not (match[2] or match[3]):
        return False
    if match[1] != "VC":  # in the vicinity is not here
        found.weather.append(token)
    return True


def precipitation_mmph(weather: Sequence[str]) -> tuple[float, float]:
    """Rates of rain and of snow (water equivalent): typical ones of light, moderate and heavy."""
    rain = snow = 0.0
    for token in weather:
        sign, rest = (token[0], token[1:]) if token[0] in "+-" else ("", token)
        if "RA" in rest or "GR" in rest or "UP" in rest:
            rain = max(rain, _RAIN_mmph[sign])
        elif "DZ" in rest:
            rain = max(rain, _DRIZZLE_mmph[sign])
        if any(kind in rest for kind in ("SN", "SG", "PL", "GS", "IC")):
            snow = max(snow, _SNOW_mmph[sign])
    return rain, snow


def fog(weather: Sequence[str]) -> bool:
    """Fog over the whole place; shallow fog, patches and partial fog aren't."""
    return any("FG" in token and not token.lstrip("+-").startswith(("MI", "BC", "PR")) for token in weather)


def thunder(weather: Sequence[str]) -> bool:
    return any("TS" in token for token in weather)
