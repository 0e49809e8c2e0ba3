"""METAR and SPECI: a file of observations of one aerodrome to a History.

The package metar (BSD) checks each report against the whole syntax, strictly; values are read by groups.py,
which keeps bounds and missing values apart. Whatever it can't read is an InputError with the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from metar.Metar import Metar, ParserError

from linkemu.errors import InputError
from linkemu.weather import groups
from linkemu.weather.decode import Place, report
from linkemu.weather.moments import nearest, on_line
from linkemu.weather.report import History, Report, seconds

LONGEST = 1000  # characters of a report
_HEAD = re.compile(
    r"(?:(?:METAR|SPECI) )?(?:COR )?([A-Z][A-Z0-9]{3}) (\d{2})(\d{2})(\d{2})Z"
    r"((?: (?:AUTO|COR|CC[A-Z]|NIL))*)(?: (.*))?"
)
_END = re.compile(r" (?:RMK|NOSIG|TEMPO|BECMG|INTER|FCST)(?: |$)")


def read(text: str, where: str, ground_m: float, near: datetime) -> History:
    """The History of a file's text, one report a line; empty lines and those with "#" don't count.

    Months are those nearest to ``near``, unless a line begins with a date ("2024-05-10T18:51Z METAR …") or
    follows one ("2024/05/10 18:51", as NOAA's files have it).

    Raises:
        InputError: a line that is no METAR, reports of two aerodromes, or no report at all.
    """
    reports: dict[float, Report] = {}
    first: str | None = None
    for place, line, date in _lines(text, where):
        aerodrome, one = parse(line, place, ground_m, date or near)
        if first is not None and aerodrome != first:
            raise InputError(
                place, f"is of {aerodrome}, but the file began with {first}: one aerodrome a file"
            )
        first = aerodrome
        if one is not None:
            reports[one.time_s] = one  # a correction comes later and wins
    if not reports:
        raise InputError(where, "holds no METAR")
    if all(one.decks is None for one in reports.values()):
        raise InputError(where, "no report in it tells the sky")
    return History(list(reports.values()))


def parse(text: str, where: str, ground_m: float, near: datetime) -> tuple[str, Report | None]:
    """Aerodrome and Report of one METAR; None for NIL. InputError if it isn't one."""
    text = " ".join(text.rstrip("= \t\r\n").split())
    head = _HEAD.fullmatch(text) if len(text) <= LONGEST and text.isascii() else None
    if head is None:
        raise InputError(where, f'"{text[:60]}" is no METAR, such as "METAR KGSO 101854Z 20008KT 10SM CLR"')
    aerodrome, flags, body = head[1], head[5].split(), head[6] or ""
    moment = nearest(int(head[2]), int(head[3]), int(head[4]), near)
    if moment is None or int(head[3]) == 24:
        raise InputError(where, f"{head[2]}{head[3]}{head[4]}Z is no day and time around {near:%Y-%m}")
    if "NIL" in flags:
        return aerodrome, None
    _check(text, moment, where)
    body = _END.split(body, maxsplit=1)[0]
    found = groups.read(body.split())
    if found.visibility is None and not found.tells_sky and not found.weather:
        raise InputError(where, f'"{text[:60]}" tells neither visibility nor sky')
    place = Place(ground_m, automatic="AUTO" in flags)
    return aerodrome, report(seconds(moment), found, place)


def _check(text: str, moment: datetime, where: str) -> None:
    """The whole syntax, by the package: what it doesn't know is refused."""
    try:
        Metar(text, month=moment.month, year=moment.year, strict=True)
    except ParserError as error:
        raise InputError(where, f"is no METAR: {' '.join(str(error).split())[:120]}") from error
    except Exception as error:  # its regular expressions let some nonsense through to int() and the like
        raise InputError(
            where, f"is no METAR: {type(error).__name__} in the group that follows the time"
        ) from error


def _lines(text: str, where: str) -> Iterator[tuple[str, str, datetime | None]]:
    """(place, report, date) of each line that counts."""
    pending: datetime | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        if (date := on_line(line)) is not None:
            pending = date
            continue
        head, _, rest = line.partition(" ")
        own = on_line(head)
        near = own or pending
        yield f"{where}:{number}", rest if own else line, near
        pending = None
