"""Orbit Mean-elements Messages as CelesTrak and Space-Track serve them: JSON or CSV, one object a record.

Keywords are those of CCSDS 502.0-B-3, section 4. Only what SGP4 needs is read; what would make SGP4 wrong
(another theory, frame or time scale) is refused. Numbers may be numbers or text.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sgp4.api import WGS72, Satrec

from linkemu.errors import ElementsError
from linkemu.orbit.element_set import DAY_S, Elements, refusal

_SGP4_ZERO = datetime(1949, 12, 31, tzinfo=UTC)  # the day from which sgp4init counts
_LARGEST_SATREC_ID = 339_999  # alpha-5 ends there; a larger id stays in ``Elements.norad_id`` only
_MINUTES_A_DAY = 1440.0
_EXPECTED = {"MEAN_ELEMENT_THEORY": "SGP4", "REF_FRAME": "TEME", "TIME_SYSTEM": "UTC", "CENTER_NAME": "EARTH"}


@dataclass(frozen=True, slots=True)
class _Record:
    """One message, with its place for error messages."""

    file: str
    line: int | None
    place: str
    fields: Mapping[str, object]

    def error(self, problem: str) -> ElementsError:
        return ElementsError(self.file, self.line, f"{self.place}{problem}")

    def text(self, key: str) -> str:
        value = self.fields.get(key)
        return "" if value is None else str(value).strip()

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        value = self.fields.get(key)
        if value is None or value == "":
            if default is None:
                raise self.error(f"{key} is missing")
            return default
        if not isinstance(value, int | float | str) or isinstance(value, bool):
            raise self.error(f"{key} is not a number")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise self.error(f"{key} is not a number: {str(value)[:20]!r}") from None
        if not (math.isfinite(number) and low <= number <= high):
            raise self.error(f"{key} is {number:g}, expected {low:g} to {high:g}")
        return number


def parse_json(text: str, file: str) -> list[Elements]:
    """All sets of a JSON text: a list of messages, or one."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ElementsError(file, error.lineno, f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise ElementsError(file, None, f"not JSON: {error}") from None
    messages = document if isinstance(document, list) else [document]
    return [_elements(record) for record in _json_records(messages, file)]


def parse_csv(text: str, file: str) -> list[Elements]:
    """All sets of a CSV text with a header line."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    found = []
    try:
        for row in rows:
            found.append(_elements(_Record(file, rows.line_num, "", row)))
    except csv.Error as error:
        raise ElementsError(file, rows.line_num, f"not CSV: {error}") from None
    return found


def _json_records(messages: list[object], file: str) -> Iterator[_Record]:
    for index, message in enumerate(messages):
        place = f"message {index + 1}: "
        if not isinstance(message, dict):
            raise ElementsError(file, None, f"{place}not an object with the keywords of an OMM")
        yield _Record(file, None, place, message)


def _elements(record: _Record) -> Elements:
    for key, expected in _EXPECTED.items():
        value = record.text(key).upper()
        if value not in ("", expected):
            raise record.error(f"{key} is {value}, only {expected} can be propagated")
    if record.number("EPHEMERIS_TYPE", 0, 9, default=0.0) not in (0.0, 2.0):
        raise record.error("EPHEMERIS_TYPE is not that of SGP4")
    norad_id, epoch = _norad_id(record), _epoch(record)
    satrec = _satrec(record, int(norad_id), epoch)
    problem = refusal(satrec, epoch)
    if problem:
        raise record.error(f"SGP4 refuses these elements: {problem}")
    source = record.file if record.line is None else f"{record.file}:{record.line}"
    return Elements(record.text("OBJECT_NAME") or f"NORAD {norad_id}", norad_id, epoch, satrec, source)


def _satrec(record: _Record, norad_id: int, epoch: datetime) -> Satrec:
    per_minute = math.tau / _MINUTES_A_DAY  # revolutions a day to radians a minute
    satrec = Satrec()
    satrec.sgp4init(
        WGS72,
        "i",
        norad_id if norad_id <= _LARGEST_SATREC_ID else 0,
        (epoch - _SGP4_ZERO).total_seconds() / DAY_S,
        record.number("BSTAR", -10.0, 10.0),
        record.number("MEAN_MOTION_DOT", -100.0, 100.0) * per_minute / _MINUTES_A_DAY,
        record.number("MEAN_MOTION_DDOT", -100.0, 100.0) * per_minute / _MINUTES_A_DAY**2,
        record.number("ECCENTRICITY", 0.0, 0.9999999),
        math.radians(record.number("ARG_OF_PERICENTER", -360.0, 360.0)),
        math.radians(record.number("INCLINATION", 0.0, 180.0)),
        math.radians(record.number("MEAN_ANOMALY", -360.0, 360.0)),
        record.number("MEAN_MOTION", 0.01, 20.0) * per_minute,
        math.radians(record.number("RA_OF_ASC_NODE", -360.0, 360.0)),
    )
    return satrec


def _norad_id(record: _Record) -> str:
    text = record.text("NORAD_CAT_ID")
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise record.error(f"NORAD_CAT_ID is {text[:20]!r}, expected a number of at most nine digits")
    return str(int(text))


def _epoch(record: _Record) -> datetime:
    text = record.text("EPOCH")
    try:
        epoch = datetime.fromisoformat(text)
    except ValueError:
        raise record.error(f"EPOCH is {text[:40]!r}, expected a date and time such as {_EXAMPLE}") from None
    epoch = epoch.replace(tzinfo=UTC) if epoch.tzinfo is None else epoch.astimezone(UTC)
    if not 1957 <= epoch.year <= 2056:
        raise record.error(f"EPOCH is in {epoch.year}, expected 1957 to 2056")
    return epoch


_EXAMPLE = "2024-05-09T08:48:19.938816"
