"""ION's contact plans: the ``a contact`` and ``a range`` lines of an ionadmin file, or of a whole node (.rc).

Syntax and meaning are those of ionrc(5) of ION-DTN (nasa-jpl/ION-DTN, ici/doc/pod5/ionrc.pod): times
are yyyy/mm/dd-hh:mm:ss or +seconds since a reference time, rates are bytes per second, ranges whole light
seconds; a range from a lower to a higher node number holds the other way too unless that is said itself.
What isn't there is taken as ION 4.1 does: ``!``, ``b``, ``t``, ``@ 0`` (ici/utils/ionadmin.c), and
``## begin PROGRAM`` to ``## end PROGRAM`` (ionstart).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from linkemu.errors import InputError
from linkemu.exchange import blame, contactplan
from linkemu.exchange.blame import LARGEST_BPS, LATEST_S, Kind, Note, Place
from linkemu.exchange.contactplan import Contact, ContactPlan, Preamble, Range, S
from linkemu.exchange.extract import Grain

GRAIN = Grain(time_ns=S, rate_bps=8, delay_ns=S)
_ABSOLUTE = re.compile(r"(\d{4})/(\d\d)/(\d\d)-(\d\d):(\d\d):(\d\d)", re.ASCII)
_FARTHEST_S = 10**6
_MOST_NODES = 2**63 - 1
_SKIPPED = frozenset("?!1^abehilmqrstvx")  # commands that add no contact and no range
_TOLD = frozenset("m^a")  # of these, what changes how a plan is used

Time = int | datetime
"""Seconds since the reference time that nobody told, or UTC."""

_T = TypeVar("_T", Contact, Range)


@dataclass(slots=True)
class _Reading:
    """The state of a reader: reference time, and what has come so far, with its line."""

    file: str
    preamble: Preamble
    epoch: datetime | None
    reference: Time = 0
    contacts: list[tuple[Place, Time, Time, Contact]] = field(default_factory=list)
    ranges: list[tuple[Place, Time, Time, Range]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def read(text: str, file: str, epoch: datetime | None = None) -> ContactPlan:
    """The contacts and ranges of an ionadmin file; commands that tell of something else are skipped.

    Scenario time 0 is ``epoch``; else what our own comment says; else the reference time of relative times,
    or the earliest absolute one. InputError names the line.
    """
    lines = list(enumerate(map(str.strip, blame.lines(text)), start=1))
    comments = [(number, line[1:].strip()) for number, line in lines if line.startswith("#")]
    told = contactplan.read_preamble(comments, file)
    reading = _Reading(file, told, epoch or told.epoch)
    for number, line in _of_ionadmin(lines, reading.notes):
        _line(reading, Place(file, number), line.split())
    return _plan(reading)


def _of_ionadmin(lines: list[tuple[int, str]], notes: list[Note]) -> list[tuple[int, str]]:
    """What ionadmin gets of a file in sections, as ionstart takes it apart; all of one without."""
    own: list[tuple[int, str]] = []
    sections: dict[str, None] = {}
    inside: set[tuple[str, ...]] = set()
    for number, line in lines:
        match line.split():
            case ["##", "begin", *section] if section:
                inside.add(tuple(section))
                sections.setdefault(section[0])
            case ["##", "end", *section]:
                inside.discard(tuple(section))
            case _ if any(section[0] == "ionadmin" for section in inside):
                own.append((number, line))
    notes += [Note(Kind.LOST, f"section {name[:30]}") for name in sections if name != "ionadmin"]
    return own if sections else lines


def _line(reading: _Reading, place: Place, words: list[str]) -> None:
    match words:
        case []:
            return
        case [first, *_] if first.startswith("#"):
            return
        case ["a", "contact", start, stop, source, dest, rate, *more] if len(more) <= 2:
            _contact(reading, place, start, stop, (source, dest), rate, more)
        case ["a", "range", start, stop, one, other, distance]:
            _range(reading, place, start, stop, (one, other), distance)
        case ["a", "contact" | "range", *_]:
            raise place.error(f"expected 'a {words[1]} START STOP FROM TO {_LAST[words[1]]}'")
        case ["@", "0"]:  # the moment at which ionadmin reads it
            reading.reference = 0
        case ["@", time]:
            reading.reference = _time(place, time, reading.reference)
        case ["c" | "d" as verb, "contact" | "range" as what, *_]:
            raise place.error(f"'{verb} {what}' changes a plan that ION has: expected only 'a {what}' lines")
        case [verb, *_] if verb in _SKIPPED:
            if verb in _TOLD:
                reading.notes.append(Note(Kind.LOST, f"command '{' '.join(words[:2])[:30]}'"))
        case _:
            raise place.error(f"{words[0][:30]!r} is no command of ionadmin")


_LAST = {"contact": "RATE [CONFIDENCE]", "range": "DISTANCE"}


def _contact(
    reading: _Reading,
    place: Place,
    start: str,
    stop: str,
    ends: tuple[str, str],
    rate: str,
    more: list[str],
) -> None:
    if start == "-1" or stop == "0":
        kind = "registrations" if start == "-1" else "hypothetical contacts"
        reading.notes.append(Note(Kind.LOST, f"{kind}, which carry nothing"))
        return
    source, dest = (_node(reading, place, end) for end in ends)
    rate_bps = 8 * place.whole(rate, "rate", 0, LARGEST_BPS // 8)
    if more and place.number(more[0], "confidence", 0.0, 1.0) != 1.0:
        reading.notes.append(Note(Kind.LOST, "confidence below 1: the contact is played as if it came"))
    if source == dest:
        reading.notes.append(Note(Kind.LOST, "contacts of a node with itself"))
        return
    if rate_bps == 0:
        reading.notes.append(Note(Kind.LOST, "contacts of rate 0"))
        return
    times = _time(place, start, reading.reference), _time(place, stop, reading.reference)
    reading.contacts.append((place, *times, Contact(source, dest, 0, 0, rate_bps)))


def _range(
    reading: _Reading, place: Place, start: str, stop: str, ends: tuple[str, str], distance: str
) -> None:
    one, other = (_node(reading, place, end) for end in ends)
    delay_ns = S * place.whole(distance, "distance", 0, _FARTHEST_S)
    if one == other:
        reading.notes.append(Note(Kind.LOST, "ranges of a node to itself"))
        return
    times = _time(place, start, reading.reference), _time(place, stop, reading.reference)
    reading.ranges.append((place, *times, Range(one, other, 0, 0, delay_ns)))


def _node(reading: _Reading, place: Place, text: str) -> str:
    return reading.preamble.name(place.whole(text, "node", 1, _MOST_NODES), place)


def _time(place: Place, text: str, reference: Time) -> Time:
    if (found := _ABSOLUTE.fullmatch(text)) is not None:
        try:
            return datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
        except ValueError:
            raise place.error(f"{text!r} is no date") from None
    if not text.startswith("+"):
        raise place.error(f"time is {text[:40]!r}, expected +seconds or yyyy/mm/dd-hh:mm:ss")
    seconds = place.whole(text[1:], "time", 0, LATEST_S)
    try:
        return reference + (seconds if isinstance(reference, int) else timedelta(seconds=seconds))  # type: ignore[operator]
    except OverflowError:
        raise place.error(f"{text!r} is beyond the calendar") from None


def _plan(reading: _Reading) -> ContactPlan:
    rows = [*reading.contacts, *reading.ranges]
    dates = [time for _, *times, _ in rows for time in times if isinstance(time, datetime)]
    epoch = reading.epoch or min(dates, default=None)
    loose = [place for place, *times, _ in rows if any(isinstance(time, int) for time in times)]
    if reading.epoch is None and dates and loose:
        raise loose[0].error(
            "a relative time without a reference ('@ TIME'), where other times are absolute: say --epoch"
        )
    contacts = tuple(_timed(place, begin, end, each, epoch) for place, begin, end, each in reading.contacts)
    ranges = tuple(_timed(place, begin, end, each, epoch) for place, begin, end, each in reading.ranges)
    numbers = tuple((name, number) for number, name in reading.preamble.names.items())
    return ContactPlan(
        contacts,
        (*ranges, *_implied(ranges, dict(numbers))),
        tuple(reading.preamble.links),
        numbers,
        reading.preamble.end_ns,
        epoch,
        contactplan.tally(reading.notes),
    )


def _timed(place: Place, begin: Time, end: Time, each: _T, epoch: datetime | None) -> _T:
    start_ns, end_ns = (S * _seconds(place, time, epoch) for time in (begin, end))
    if end_ns <= start_ns:
        raise place.error("stops before it starts")
    return replace(each, start_ns=start_ns, end_ns=end_ns)


def _seconds(place: Place, time: Time, epoch: datetime | None) -> int:
    if isinstance(time, int):
        return place.whole(time, "time", 0, LATEST_S)
    assert epoch is not None  # min of all dates, if nobody told
    seconds = (time - epoch) // timedelta(seconds=1)
    if not 0 <= seconds <= LATEST_S:
        raise place.error(
            f"{time:%Y-%m-%d %H:%M:%S} isn't within thirty years after {epoch:%Y-%m-%d %H:%M:%S}"
        )
    return seconds


def _implied(ranges: tuple[Range, ...], numbers: dict[str, int]) -> Iterator[Range]:
    """The other way of ranges from a lower number to a higher one, where it isn't said itself."""
    said = contactplan.by_way(ranges)
    for each in ranges:
        one, other = (numbers.get(name) or int(name) for name in (each.source, each.dest))
        back = said.get((each.dest, each.source), [])
        if one < other and not any(x.start_ns < each.end_ns and each.start_ns < x.end_ns for x in back):
            yield replace(each, source=each.dest, dest=each.source)


def write(plan: ContactPlan, *, absolute: bool = False) -> str:
    """An ionadmin file of a plan on ``GRAIN``. InputError if absolute times can't be said."""
    if absolute and (plan.epoch is None or plan.epoch.microsecond):
        raise InputError("--absolute", "the date of this sky isn't known to the whole second")
    numbers = plan.numbered()
    lines = [f"# {line}" for line in contactplan.preamble(plan)]
    for contact in plan.contacts:
        times = " ".join(_said(time, plan.epoch, absolute) for time in (contact.start_ns, contact.end_ns))
        ends = f"{numbers[contact.source]} {numbers[contact.dest]}"
        lines.append(f"a contact {times} {ends} {contact.rate_bps // 8}")
    for each in plan.ranges:
        times = " ".join(_said(time, plan.epoch, absolute) for time in (each.start_ns, each.end_ns))
        lines.append(f"a range {times} {numbers[each.source]} {numbers[each.dest]} {each.delay_ns // S}")
    return "\n".join(lines) + "\n"


def _said(time_ns: int, epoch: datetime | None, absolute: bool) -> str:
    if not absolute or epoch is None:
        return f"+{time_ns // S}"
    return f"{epoch.astimezone(UTC) + timedelta(seconds=time_ns // S):%Y/%m/%d-%H:%M:%S}"
