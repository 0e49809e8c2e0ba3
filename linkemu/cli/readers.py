"""Readers of arguments: text of the command line to numbers, each with its range.

Pure. Whatever is wrong becomes an InputError that names the option, so that one line tells all. Quantities
with units are read by linkemu.units; here are the plain numbers, whose unit stands in the help.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from linkemu import units
from linkemu.errors import InputError

Number = TypeVar("Number", int, float)

LONGEST_SEARCH_H = 24.0 * 366


def instant(text: str, option: str = "--start") -> datetime:
    """An aware UTC datetime from ISO 8601; a time without zone is UTC, another zone is an error."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(
            option, f"{text!r} is not a time, expected UTC such as 2024-05-10T18:50:00Z"
        ) from None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    if moment.utcoffset():
        raise InputError(option, f"{text!r} is not UTC, write it with Z")
    return moment.astimezone(UTC)


def one_of(option: str, *choices: str) -> Callable[[str], str]:
    """A reader of one of ``choices``."""

    def read(text: str) -> str:
        if text not in choices:
            raise InputError(option, f"{text!r} is not one of {', '.join(choices)}")
        return text

    return read


def _number(
    option: str, lowest: float, highest: float, what: str, zero: str | None = None
) -> Callable[[str], float]:
    """A reader of a number in this range; ``zero``: what is wrong with 0."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise InputError(option, f"{text!r} is not a number, expected {what}") from None
        if not (math.isfinite(value) and lowest <= value <= highest):
            raise InputError(
                option, f"{text} is out of range, expected {what} from {lowest:g} to {highest:g}"
            )
        if value == 0.0 and zero is not None:
            raise InputError(option, f"{zero}, expected {what} above 0")
        return value

    return read


def _whole(option: str, lowest: int, highest: int, what: str) -> Callable[[str], int]:
    """A reader of a whole number in this range."""
    number = _number(option, lowest, highest, what)

    def read(text: str) -> int:
        value = number(text)
        if not value.is_integer():
            raise InputError(option, f"{text!r} is not a whole number")
        return int(value)

    return read


def _quantity(
    option: str, of: Callable[[str, str], Number], lowest: float, highest: float, problem: str
) -> Callable[[str], Number]:
    """A reader of a quantity with a unit, such as "530 km"; ``problem``: what is said outside the range."""

    def read(text: str) -> Number:
        value = of(text, option)
        if not lowest <= value <= highest:
            raise InputError(option, f"{text!r} {problem}")
        return value

    return read


latitude = _number("--lat", -90.0, 90.0, "a latitude in degrees")
longitude = _number("--lon", -360.0, 360.0, "a longitude in degrees")
altitude = _number("--alt", -1000.0, 100_000.0, "an altitude in metres")
mask = _number("--mask", -5.0, 89.9, "an elevation in degrees")
elevation = _number("--elevation", 1.0, 90.0, "an elevation in degrees")
hours = _number("--hours", 0.0, LONGEST_SEARCH_H, "a number of hours", "0 hours hold no pass")
days = _number("--days", 0.0, 3660.0, "a number of days", "0 days hold no pass")
minutes = _number("--minutes", 0.0, 100_000.0, "a number of minutes")
timeout = _number("--timeout", 0.0, 1e7, "a number of seconds")
rate = _number(
    "--rate", 0.0, 1e6, "a factor, scenario seconds in a second", "at rate 0 nothing would ever happen"
)

depth = _number("--cirrus", 0.0, 20.0, "an optical depth")
rain = _number("--rain", 0.0, 300.0, "millimetres in an hour")
cover = _number("--cover", 0.0, 1.0, "a share")
margin = _number("--margin", 0.0, 100.0, "a number of dB")
probability = _number("--outage", 2e-4, 0.5, "a probability")

year = _whole("--year", 1957, 2099, "a year")
seeds = _whole("--seeds", 1, 100_000_000, "a number of seeds")
first_seed = _whole("--first-seed", 0, 1 << 53, "a seed")
jobs = _whole("--jobs", 1, 1024, "a number of processes")
rounds = _whole("--loop", 1, 1_000_000, "a number of rounds")
priority = _whole("--priority", 0, 255, "a whole number, 0 first")

orbit = _quantity(
    "--orbit", units.length_m, 1e5, 4e8, "is no height of an orbit, expected 100 km to 400000 km"
)
visibility = _quantity("--visibility", units.length_m, 50.0, 2e5, "is out of range, expected 50 m to 200 km")
size = _quantity("--size", units.size_bytes, 1, math.inf, "is no file, expected at least 1 B")
queue = _quantity("--queue", units.size_bytes, 1500, math.inf, "holds no packet, expected at least 1500 B")
snap = _quantity("--snap", units.size_bytes, 0, 65535, "is out of range, expected 0 B to 65535 B")
step = _quantity("--step", units.duration_s, 1e-3, math.inf, "is below 1 ms")
