"""Readers of arguments: text of the command line to numbers, each with its range.

Pure. Whatever is wrong becomes an InputError that names the option, so that one line tells all. Quantities
with units are read by linkemu.units; here are the plain numbers, whose unit stands in the help.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from linkemu import units
from linkemu.errors import InputError

LONGEST_SEARCH_H = 24.0 * 366


def latitude(text: str) -> float:
    return _within("--lat", text, -90.0, 90.0, "a latitude in degrees")


def longitude(text: str) -> float:
    return _within("--lon", text, -360.0, 360.0, "a longitude in degrees")


def altitude(text: str) -> float:
    return _within("--alt", text, -1000.0, 100_000.0, "an altitude in metres")


def mask(text: str) -> float:
    return _within("--mask", text, -5.0, 89.9, "an elevation in degrees")


def elevation(text: str) -> float:
    return _within("--elevation", text, 1.0, 90.0, "an elevation in degrees")


def orbit(text: str) -> float:
    """Metres, from a quantity such as "530 km"."""
    value = units.length_m(text, "--orbit")
    if not 1e5 <= value <= 4e8:
        raise InputError("--orbit", f"{text!r} is no height of an orbit, expected 100 km to 400000 km")
    return value


def visibility(text: str) -> float:
    """Metres, from a quantity such as "23 km"."""
    value = units.length_m(text, "--visibility")
    if not 50.0 <= value <= 2e5:
        raise InputError("--visibility", f"{text!r} is out of range, expected 50 m to 200 km")
    return value


def depth(text: str) -> float:
    return _within("--cirrus", text, 0.0, 20.0, "an optical depth")


def rain(text: str) -> float:
    return _within("--rain", text, 0.0, 300.0, "millimetres in an hour")


def probability(text: str) -> float:
    value = _within("--outage", text, 0.0, 0.5, "a probability")
    if value < 2e-4:
        raise InputError("--outage", f"{text} is out of range, expected a probability of 0.0002 or more")
    return value


def hours(text: str) -> float:
    value = _within("--hours", text, 0.0, LONGEST_SEARCH_H, "a number of hours")
    if value == 0.0:
        raise InputError("--hours", "0 hours hold no pass, expected a number of hours above 0")
    return value


def cover(text: str) -> float:
    return _within("--cover", text, 0.0, 1.0, "a share")


def margin(text: str) -> float:
    return _within("--margin", text, 0.0, 100.0, "a number of dB")


def days(text: str) -> float:
    value = _within("--days", text, 0.0, 3660.0, "a number of days")
    if value == 0.0:
        raise InputError("--days", "0 days hold no pass, expected a number of days above 0")
    return value


def year(text: str) -> int:
    return _whole("--year", text, 1957, 2099, "a year")


def seeds(text: str) -> int:
    return _whole("--seeds", text, 1, 100_000_000, "a number of seeds")


def first_seed(text: str) -> int:
    return _whole("--first-seed", text, 0, 1 << 53, "a seed")


def minutes(text: str) -> float:
    return _within("--minutes", text, 0.0, 100_000.0, "a number of minutes")


def jobs(text: str) -> int:
    return _whole("--jobs", text, 1, 1024, "a number of processes")


def rate(text: str) -> float:
    value = _within("--rate", text, 0.0, 1e6, "a factor, scenario seconds in a second")
    if value == 0.0:
        raise InputError("--rate", "at rate 0 nothing would ever happen, expected a factor above 0")
    return value


def rounds(text: str) -> int:
    return _whole("--loop", text, 1, 1_000_000, "a number of rounds")


def priority(text: str) -> int:
    return _whole("--priority", text, 0, 255, "a whole number, 0 first")


def timeout(text: str) -> float:
    return _within("--timeout", text, 0.0, 1e7, "a number of seconds")


def size(text: str) -> int:
    """Bytes, from a quantity such as "64 MiB"."""
    value = units.size_bytes(text, "--size")
    if value <= 0:
        raise InputError("--size", f"{text!r} is no file, expected at least 1 B")
    return value


def queue(text: str) -> int:
    """Bytes, from a quantity such as "2 MiB"; a packet must fit."""
    value = units.size_bytes(text, "--queue")
    if value < 1500:
        raise InputError("--queue", f"{text!r} holds no packet, expected at least 1500 B")
    return value


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


def _whole(option: str, text: str, lowest: int, highest: int, what: str) -> int:
    value = _within(option, text, lowest, highest, what)
    if not value.is_integer():
        raise InputError(option, f"{text!r} is not a whole number")
    return int(value)


def _within(option: str, text: str, lowest: float, highest: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(option, f"{text!r} is not a number, expected {what}") from None
    if not (math.isfinite(value) and lowest <= value <= highest):
        raise InputError(option, f"{text} is out of range, expected {what} from {lowest:g} to {highest:g}")
    return value
