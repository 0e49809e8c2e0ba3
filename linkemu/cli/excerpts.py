"""The options that choose a part of a recorded run: --from, --for, --slow, --loop, --shift, as an Excerpt.

Times are those of the recorded scenario: seconds or a duration since its start, a UTC time of day, or a date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import readers
from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.record.excerpt import Excerpt

_SECONDS = re.compile(r"[+-]?\d+(\.\d+)?")

From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Begin there: 754, 754s, 06:14:05 (UTC), or a UTC date."),
]
For = Annotated[
    str | None, typer.Option("--for", metavar="DURATION", help='Play only so much, such as "90 s".')
]
Shift = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help='The sky so much later, such as "30 s"; "-30 s": earlier.'),
]
Slow = Annotated[
    str | None, typer.Option(metavar="FACTOR", help="All lasts so much longer, at so much lower rates.")
]
Loop = Annotated[str | None, typer.Option(metavar="N", help="The sky N times in a row.")]


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say."""

    start: str | None = None
    length: str | None = None
    shift: str | None = None
    slow: str | None = None
    loop: str | None = None

    def excerpt(self, epoch: datetime | None) -> Excerpt:
        """InputError if an option can't be read; ``epoch`` is UTC of scenario time 0, None if unknown."""
        from linkemu.record.excerpt import Excerpt

        return Excerpt(
            0 if self.start is None else moment_ns(self.start, epoch),
            None if self.length is None else _length_ns(self.length),
            Fraction(1) if self.slow is None else _factor(self.slow),
            1 if self.loop is None else readers.rounds(self.loop),
            0 if self.shift is None else _duration_ns(self.shift, "--shift"),
        )


def moment_ns(text: str, epoch: datetime | None, where: str = "--from") -> int:
    """Scenario time in ns of a moment.

    A time of day is the first such one at or after ``epoch``; a date without zone is UTC.
    """
    if (clock := _time_of_day(text, where)) is not None:
        begin = _known(epoch, where)
        day = datetime.combine(begin.date(), clock, UTC)
        return _since(day if day >= begin else day + timedelta(days=1), begin)
    if re.match(r"\d{4}-\d\d-\d\d", text.strip()):
        found = _since(_date(text, where), begin := _known(epoch, where))
        if found < 0:
            raise InputError(
                where, f"{text} is before the run, which begins at {begin:%Y-%m-%d %H:%M:%S} UTC"
            )
        return found
    at_ns = _duration_ns(text, where)
    if at_ns < 0:
        raise InputError(where, f"{text!r} is before the run")
    return at_ns


def _since(moment: datetime, epoch: datetime) -> int:
    return (moment - epoch) // timedelta(microseconds=1) * 1000


def _known(epoch: datetime | None, where: str) -> datetime:
    if epoch is None:
        raise InputError(where, "nothing is known of the date of this run: expected seconds since its start")
    return epoch


def _time_of_day(text: str, where: str) -> time | None:
    if not re.fullmatch(r"\d\d?:\d\d(:\d\d(\.\d+)?)?Z?", text.strip()):
        return None
    hours, *rest = text.strip().rstrip("Z").split(":")
    try:
        return time.fromisoformat(":".join([hours.zfill(2), *rest]))
    except ValueError:
        raise InputError(where, f"{text!r} is no time of day") from None


def _date(text: str, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(where, f"{text!r} is not a time, such as 2024-05-10T18:51:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _duration_ns(text: str, where: str) -> int:
    from linkemu import units

    seconds = float(text) if _SECONDS.fullmatch(text.strip()) else units.duration_s(text, where)
    if abs(seconds) > 1e9:
        raise InputError(where, f"{text!r} is out of range")
    return round(seconds * 1e9)


def _length_ns(text: str) -> int:
    length_ns = _duration_ns(text, "--for")
    if length_ns <= 0:
        raise InputError("--for", f"{text!r} is no time at all")
    return length_ns


def _factor(text: str) -> Fraction:
    try:
        factor = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise InputError("--slow", f"{text!r} is not a factor, such as 2 or 0.5") from None
    if not Fraction(1, 1000) <= factor <= 1000:
        raise InputError("--slow", f"{text} is out of range, expected a factor from 0.001 to 1000")
    return factor
