"""Quantities with their units: text to SI numbers at the doors, and numbers to text for people.

A quantity is a number and a unit, such as "1.2 Gbit/s" or "25 MB". A bare number is an error, and so is a
spelling that leaves bits and bytes open ("Mb/s", "Mbps"). Inside linkemu there are only SI floats, and ints
for bytes and bit/s. Decimal prefixes are SI (MB = 10^6 bytes), binary ones IEC 80000-13 (MiB = 2^20 bytes).
Arithmetic is decimal, so that "1.2 Gbit/s" is 1200000000 exactly.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from linkemu.errors import UnitError

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(\S(?:.*\S)?)?\s*", re.DOTALL)
_LONGEST_TEXT = 80
_LARGEST_EXPONENT = 30  # far above any quantity here, far below what costs time to turn into an int
_PI = Decimal("3.14159265358979323846264338328")

_SI = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12}
_SMALL = {"p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "": 0}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a quantity measures: its units as factors of the base unit, and an example for messages."""

    name: str
    example: str
    units: Mapping[str, Decimal]
    whole: bool = False  # only a whole number of base units makes sense

    @property
    def expectation(self) -> str:
        return f'{self.name} such as "{self.example}"'


def _prefixed(unit: str, prefixes: Mapping[str, int], factor: Decimal = Decimal(1)) -> dict[str, Decimal]:
    return {prefix + unit: factor.scaleb(power) for prefix, power in prefixes.items()}


def _binary(unit: str, factor: Decimal = Decimal(1)) -> dict[str, Decimal]:
    return {prefix + unit: factor * 2**power for prefix, power in _BINARY.items()}


_DEGREE = {"deg": Decimal(1), "°": Decimal(1), "arcmin": 1 / Decimal(60), "arcsec": 1 / Decimal(3600)}
_RADIAN = _prefixed("rad", _SMALL)

RATE = Dimension(
    "a data rate",
    "1.2 Gbit/s",
    _prefixed("bit/s", _SI)
    | _prefixed("B/s", _SI, Decimal(8))
    | _binary("bit/s")
    | _binary("B/s", Decimal(8)),
    whole=True,
)
SIZE = Dimension(
    "an amount of data",
    "25 MB",
    _prefixed("B", _SI)
    | _binary("B")
    | _prefixed("bit", _SI, Decimal("0.125"))
    | _binary("bit", Decimal("0.125")),
    whole=True,
)
DURATION = Dimension(
    "a duration",
    "75 s",
    _prefixed("s", _SMALL) | {"min": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)},
)
ANGLE = Dimension(
    "an angle", "15 urad", _RADIAN | {unit: factor * _PI / 180 for unit, factor in _DEGREE.items()}
)
DEGREES = Dimension(
    "an angle", "10 deg", _DEGREE | {unit: factor * 180 / _PI for unit, factor in _RADIAN.items()}
)
ANGULAR_RATE = Dimension(
    "an angular rate", "5 deg/s", {f"{unit}/s": factor for unit, factor in ANGLE.units.items()}
)
LENGTH = Dimension("a length", "1550 nm", _prefixed("m", _SMALL | {"c": -2, "k": 3}))
FREQUENCY = Dimension("a frequency", "100 Hz", _prefixed("Hz", {"": 0, "k": 3, "M": 6}))
SPEED = Dimension("a speed", "10 m/s", {"m/s": Decimal(1), "km/s": Decimal(1000), "km/h": 1 / Decimal("3.6")})
PRECIPITATION = Dimension("a rate of precipitation", "5 mm/h", {"mm/h": Decimal(1)})
POWER = Dimension("a power", "2.5 W", _prefixed("W", _SMALL | {"k": 3}))
LOSS = Dimension("a ratio in decibel", "3 dB", {"dB": Decimal(1)})
PHOTONS = Dimension(
    "a number of photons per bit", "60 photons/bit", dict.fromkeys(("photons/bit", "photon/bit"), Decimal(1))
)

_LONG = ((86400, 3600, ("d", "h")), (3600, 60, ("h", "min")), (60, 1, ("min", "s")))  # largest first
_FINE = (("", 1.0), ("m", 1e3), ("µ", 1e6), ("n", 1e9))
_LEVELS = {"dBm": -30.0, "dBW": 0.0}  # logarithmic units of power, relative to 1 W in dB
_ALL_UNITS = set(_LEVELS).union(
    *(
        kind.units
        for kind in (
            *(RATE, SIZE, DURATION, DEGREES, ANGULAR_RATE, LENGTH),
            *(FREQUENCY, SPEED, PRECIPITATION, POWER, LOSS, PHOTONS),
        )
    )
)
_BITS_OR_BYTES = re.compile(r"([kKMGT]?)i?(?:[bB]/s|[bB]ps|[bB])")


def rate_bps(text: str, where: str = "rate") -> int:
    """A data rate in bit/s."""
    return int(_exact(text, RATE, where))


def size_bytes(text: str, where: str = "size") -> int:
    """An amount of data in bytes."""
    return int(_exact(text, SIZE, where))


def duration_s(text: str, where: str = "duration") -> float:
    """A duration in seconds."""
    return parse(text, DURATION, where)


def angle_rad(text: str, where: str = "angle") -> float:
    """An angle in radians."""
    return parse(text, ANGLE, where)


def angle_deg(text: str, where: str = "angle") -> float:
    """An angle in degrees: "35.7068 deg" gives 35.7068 to the last bit."""
    return parse(text, DEGREES, where)


def angular_rate_radps(text: str, where: str = "angular rate") -> float:
    """An angular rate in rad/s."""
    return parse(text, ANGULAR_RATE, where)


def length_m(text: str, where: str = "length") -> float:
    """A length in metres."""
    return parse(text, LENGTH, where)


def frequency_Hz(text: str, where: str = "frequency") -> float:
    """A frequency in hertz."""
    return parse(text, FREQUENCY, where)


def speed_mps(text: str, where: str = "speed") -> float:
    """A speed in m/s."""
    return parse(text, SPEED, where)


def precipitation_mmph(text: str, where: str = "precipitation") -> float:
    """A rate of precipitation in mm/h."""
    return parse(text, PRECIPITATION, where)


def loss_dB(text: str, where: str = "loss") -> float:
    """A ratio in dB."""
    return parse(text, LOSS, where)


def photons_per_bit(text: str, where: str = "sensitivity") -> float:
    """A sensitivity in photons per bit."""
    return parse(text, PHOTONS, where)


def power_W(text: str, where: str = "power") -> float:
    """A power in watts, from watts ("2.5 W") or from a level ("-40 dBm")."""
    number, unit = _split(text, POWER, where)
    if unit not in _LEVELS:
        return parse(text, POWER, where)
    level_dBW = float(number) + _LEVELS[unit]
    if abs(level_dBW) > 10 * _LARGEST_EXPONENT:
        raise UnitError(where, f"{_shown(text)} is out of any range")
    return float(10.0 ** (level_dBW / 10.0))


def power_dBm(text: str, where: str = "power") -> float:
    """A power as a level in dBm. Zero watts has no level and is an error."""
    number, unit = _split(text, POWER, where)
    if unit in _LEVELS:
        return float(number) + _LEVELS[unit] - _LEVELS["dBm"]
    watts = parse(text, POWER, where)
    if watts <= 0.0:
        raise UnitError(where, f"{_shown(text)} has no level in dBm")
    return 10.0 * math.log10(watts) + 30.0


def parse(text: str, dimension: Dimension, where: str = "value") -> float:
    """The quantity in base units of ``dimension``; UnitError with ``where`` and an example otherwise."""
    return float(_exact(text, dimension, where))


def _exact(text: str, dimension: Dimension, where: str) -> Decimal:
    number, unit = _split(text, dimension, where)
    factor = dimension.units.get(unit)
    if factor is None:
        raise UnitError(where, f"{_shown(text)}: {_wrong_unit(unit, dimension)}")
    value = number * factor
    if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise UnitError(where, f"{_shown(text)} is out of any range")
    if dimension.whole and value != value.to_integral_value():
        base = "bytes" if dimension is SIZE else "bit/s"
        raise UnitError(where, f"{_shown(text)} is not a whole number of {base}")
    return value


def _split(text: str, dimension: Dimension, where: str) -> tuple[Decimal, str]:
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise UnitError(where, f"{_shown(text)} is not a quantity, {_expected(dimension)}")
    number, unit = match.groups()
    if unit is None:
        raise UnitError(where, f"{_shown(text)} has no unit, {_expected(dimension)}")
    return Decimal(number), unit


def _wrong_unit(unit: str, dimension: Dimension) -> str:
    """Say what is wrong with a unit: of another dimension, bits or bytes left open, or a slip of the pen."""
    measure = dimension.name.split(" ", 1)[1]
    if unit in _ALL_UNITS:
        return f"{_shown(unit)} is no unit of {measure}, {_expected(dimension)}"
    if dimension in (RATE, SIZE) and (left_open := _BITS_OR_BYTES.fullmatch(unit)):
        prefix = left_open[1].replace("K", "k")
        per = "/s" if dimension is RATE else ""
        return f"bits or bytes? write {prefix}bit{per} or {prefix}B{per}"
    folded = {known.lower(): known for known in reversed(list(dimension.units))}
    near = difflib.get_close_matches(unit.lower(), folded, n=1, cutoff=0.75)
    if near:
        return f'unknown unit {_shown(unit)}, did you mean "{folded[near[0]]}"?'
    return f"{_shown(unit)} is no unit of {measure}, {_expected(dimension)}"


def _expected(dimension: Dimension) -> str:
    return f"expected {dimension.expectation}"


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…", ensure_ascii=False)


def format_rate(bps: float) -> str:
    """ "1.244 Gbit/s": a data rate to four digits."""
    return _scaled(bps, "bit/s", ("", "k", "M", "G", "T"))


def format_bytes(size: float) -> str:
    """ "67.11 MB": an amount of data to four digits, decimal prefixes."""
    return _scaled(size, "B", ("", "k", "M", "G", "T"))


def format_length(metres: float) -> str:
    """ "521.3 km": a distance to four digits."""
    return _scaled(metres, "m", ("", "k")) if abs(metres) >= 1.0 else _fine(metres, "m")


def format_duration(seconds: float) -> str:
    """ "1.740 ms", "75.2 s", "2 min 05 s", "1 h 02 min" or "3 d 04 h", by size."""
    size = abs(seconds)
    if size < 1.0:
        return _fine(seconds, "s")
    if size < 99.95:
        return f"{seconds:.1f} s"
    sign = "-" if seconds < 0 else ""
    parts = [(divmod(round(size / low), high // low), names) for high, low, names in _LONG]
    (whole, rest), (unit, rest_unit) = next(part for part in parts if part[0][0])
    return f"{sign}{whole} {unit} {rest:02d} {rest_unit}"


def format_dBm(watts: float) -> str:
    """ "-38.2 dBm", or "dark" for no power at all."""
    return f"{10.0 * math.log10(watts) + 30.0:.1f} dBm" if watts > 0.0 else "dark"


def _scaled(value: float, unit: str, prefixes: tuple[str, ...]) -> str:
    step = 0
    while step + 1 < len(prefixes) and abs(float(f"{value:.4g}")) >= 1000.0:
        value /= 1000.0
        step += 1
    whole = step == 0 and float(value).is_integer()
    return f"{value:.0f} {unit}" if whole else f"{_four_digits(value)} {prefixes[step]}{unit}"


def _fine(value: float, unit: str) -> str:
    if value == 0.0:
        return f"0 {unit}"
    prefix, factor = next((step for step in _FINE if abs(value) * step[1] >= 0.99995), _FINE[-1])
    return f"{_four_digits(value * factor)} {prefix}{unit}"


def _four_digits(value: float) -> str:
    """Four significant digits, trailing zeros kept, never in exponential notation."""
    before = len(f"{int(abs(float(f'{value:.4g}')))}")
    return f"{value:.{max(0, 4 - before)}f}"
