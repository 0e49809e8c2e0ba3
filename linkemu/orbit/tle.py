"""Two-line element sets, with or without a line for the name: text to sets, by column, nothing forgiven.

The columns are those of CelesTrak's description (celestrak.org/NORAD/documentation/tle-fmt.php); catalogue
numbers above 99999 are alpha-5 (space-track.org/documentation#tle-alpha5). A wrong checksum is an error:
a made-up element set is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sgp4.api import WGS72, Satrec

from linkemu.errors import ElementsError
from linkemu.orbit.element_set import Elements, refusal

_WIDTH = 69
_UNSIGNED = r"[ 0-9]{%d}\.[0-9]{%d}"
_ANGLE = _UNSIGNED % (3, 4)
_IMPLIED = r"[ +-][ 0-9]{5}[ +-][0-9]"  # 27777-3 is 0.27777e-3

# (what, first column counted from 1, pattern) of each field that SGP4 needs.
_LINE_1 = (
    ("catalogue number", 3, r"[A-HJ-NP-Z0-9 ][0-9 ]{3}[0-9]"),
    ("epoch year", 19, r"[0-9]{2}"),
    ("epoch day", 21, _UNSIGNED % (3, 8)),
    ("first derivative of mean motion", 34, r"[ +-]\.[0-9]{8}"),
    ("second derivative of mean motion", 45, _IMPLIED),
    ("drag term", 54, _IMPLIED),
)
_LINE_2 = (
    ("catalogue number", 3, r"[A-HJ-NP-Z0-9 ][0-9 ]{3}[0-9]"),
    ("inclination", 9, _ANGLE),
    ("right ascension of the node", 18, _ANGLE),
    ("eccentricity", 27, r"[ 0-9]{7}"),
    ("argument of perigee", 35, _ANGLE),
    ("mean anomaly", 44, _ANGLE),
    ("mean motion", 53, _UNSIGNED % (2, 8)),
)

Line = tuple[int, str]  # number in the file, text


def parse(text: str, file: str) -> list[Elements]:
    """All sets of a TLE or 3LE text. Raises ElementsError with the line that is wrong."""
    return [_elements(name, first, second, file) for name, first, second in _triples(text, file)]


def checksum(line: str) -> int:
    """Sum of the digits of the first 68 columns, a minus counting one, modulo ten."""
    return sum(int(c) if c.isdecimal() else c == "-" for c in line[: _WIDTH - 1]) % 10


def catalogue_number(field: str) -> str:
    """Five columns to a decimal number as text; A0000 is 100000, and I and O are not used."""
    letter = field[0]
    if not letter.isalpha():
        return str(int(field))
    tens = ord(letter) - ord("A") + 10 - (letter > "I") - (letter > "O")
    return str(tens * 10000 + int(_number(field[1:])))


def _triples(text: str, file: str) -> Iterator[tuple[str, Line, Line]]:
    """Each set's name, "" without one, and its two lines."""
    lines = _lines(text)
    for begin in lines:
        named = not begin[1].startswith(("1 ", "2 "))
        first = next(lines, None) if named else begin
        if first is None:
            raise ElementsError(file, begin[0], "a name without an element set, or not an element set at all")
        if first[1].startswith("2 "):
            raise ElementsError(file, first[0], "line 2 of an element set without its line 1")
        if not first[1].startswith("1 "):
            raise ElementsError(file, first[0], "expected line 1 of an element set after its name")
        second = next(lines, None)
        if second is None:
            raise ElementsError(file, first[0], "the file ends before line 2 of this element set")
        if not second[1].startswith("2 "):
            raise ElementsError(file, second[0], "expected line 2 of an element set after its line 1")
        yield begin[1].removeprefix("0 ").strip() if named else "", first, second


def _lines(text: str) -> Iterator[Line]:
    """All but empty lines and comments."""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip()
        if line and not line.startswith("#"):
            yield number, line


def _elements(name: str, first: Line, second: Line, file: str) -> Elements:
    _check(first, _LINE_1, file)
    _check(second, _LINE_2, file)
    (number, line_1), (number_2, line_2) = first, second
    if line_1[2:7] != line_2[2:7]:
        raise ElementsError(file, number_2, f"object {line_2[2:7]}, but line 1 is of {line_1[2:7]}")
    if line_1[62] not in " 02":
        raise ElementsError(file, number, f"ephemeris type {line_1[62]} is not SGP4")
    _check_ranges(line_2, number_2, file)
    epoch = _epoch(line_1, number, file)
    satrec = Satrec.twoline2rv(line_1, line_2, WGS72)
    problem = refusal(satrec, epoch)
    if problem:
        raise ElementsError(file, number, f"SGP4 refuses these elements: {problem}")
    norad_id = catalogue_number(line_1[2:7])
    return Elements(name or f"NORAD {norad_id}", norad_id, epoch, satrec, f"{file}:{number}")


def _check(line: Line, fields: tuple[tuple[str, int, str], ...], file: str) -> None:
    number, text = line
    if not text.isascii() or not text.isprintable():
        raise ElementsError(file, number, "not plain ASCII text")
    if len(text) != _WIDTH:
        raise ElementsError(file, number, f"{len(text)} characters, expected {_WIDTH}")
    if text[-1] != str(checksum(text)):
        raise ElementsError(file, number, f"checksum is {text[-1]}, but the line adds up to {checksum(text)}")
    for what, column, pattern in fields:
        match = re.compile(pattern).match(text, column - 1)
        if match is None or len(match.group().split()) != 1:
            raise ElementsError(file, number, f"column {column}: not a {what}: {text[column - 1 :][:12]!r}")


def _check_ranges(line_2: str, number: int, file: str) -> None:
    for what, column, value, limit in (
        ("inclination", 9, line_2[8:16], 180.0),
        ("right ascension of the node", 18, line_2[17:25], 360.0),
        ("argument of perigee", 35, line_2[34:42], 360.0),
        ("mean anomaly", 44, line_2[43:51], 360.0),
    ):
        if _number(value) > limit:
            raise ElementsError(
                file, number, f"column {column}: {what} {value.strip()} exceeds {limit:g} deg"
            )
    if not 0.01 <= _number(line_2[52:63]) <= 20.0:
        raise ElementsError(file, number, "column 53: mean motion outside 0.01 to 20 revolutions a day")


def _number(field: str) -> float:
    return float(field.replace(" ", "0"))


def _epoch(line_1: str, number: int, file: str) -> datetime:
    year, day = int(line_1[18:20]), _number(line_1[20:32])
    if not 1.0 <= day < 367.0:
        raise ElementsError(file, number, f"column 21: day {day:g} is not in a year")
    january = datetime(year + (1900 if year >= 57 else 2000), 1, 1, tzinfo=UTC)
    return january + timedelta(days=day - 1)
