"""The one door to all formats: bytes of a file to a sky, a sky to bytes, each with its notes.

Which options mean something to a format is told in docs/formats.md. What is wrong is an InputError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from linkemu.errors import InputError, TimelineError
from linkemu.exchange import ccm, czml, dates, extract, hdtn, ion, mahimahi, parquet, planned, table
from linkemu.exchange.blame import Note, Place
from linkemu.exchange.contactplan import ContactPlan, tally
from linkemu.exchange.places import Places
from linkemu.link.timeline import LinkTimeline, Sky
from linkemu.machine import Direction

Notes = tuple[Note, ...]


class Form(StrEnum):
    """Formats, by the names that the command line has for them."""

    ION = "ion"
    HDTN = "hdtn"
    CCM = "ccm"
    MAHIMAHI = "mahimahi"
    CSV = "csv"
    PARQUET = "parquet"
    CZML = "czml"
    PCAPNG = "pcapng"


_SUFFIXES = {
    **dict.fromkeys((".ionrc", ".rc", ".cp"), Form.ION),
    ".json": Form.HDTN,
    ".ccp": Form.CCM,
    **dict.fromkeys((".up", ".down", ".pps", ".trace"), Form.MAHIMAHI),
    ".csv": Form.CSV,
    ".parquet": Form.PARQUET,
    ".czml": Form.CZML,
    ".pcapng": Form.PCAPNG,
}


def guessed(path: Path) -> Form:
    """The format by the end of a file's name. InputError if that tells nothing."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InputError(str(path), f"its name tells no format: say --format ({', '.join(Form)})")
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file doesn't say. ``other`` is mahimahi's downlink: its bytes and name."""

    epoch: datetime | None = None
    link: tuple[str, str] = ("ground", "orbit")
    slot_ns: int = 10**6
    delay_ns: int = 0
    rounds: int = 1
    other: tuple[bytes, str] | None = None


def load(data: bytes, file: str, form: Form, reading: Reading) -> tuple[Sky, Notes]:
    """The sky of a file."""
    if form is Form.PCAPNG:
        raise InputError(file, "is a capture: it says what was sent, not what the sky was")
    dates.check(reading.epoch, "--epoch")
    try:
        if form is Form.PARQUET:
            sky, notes = parquet.read(data, file, reading.link, reading.slot_ns, reading.epoch)
        elif form is Form.CSV:
            sky, notes = table.read(_text(data, file), file, reading.link, reading.slot_ns, reading.epoch)
        elif form is Form.MAHIMAHI:
            return _traces(data, file, reading)
        else:
            return planned.sky_of(_plan(_text(data, file), file, form, reading.epoch), file)
    except TimelineError as error:
        raise InputError(file, str(error)) from error
    return sky, tally(notes)


def _plan(text: str, file: str, form: Form, epoch: datetime | None) -> ContactPlan:
    if form is Form.CZML:
        return czml.read(text, file)
    readers: dict[Form, Callable[[str, str, datetime | None], ContactPlan]] = {
        Form.ION: ion.read,
        Form.HDTN: hdtn.read,
        Form.CCM: ccm.read,
    }
    return readers[form](text, file, epoch)


def _traces(data: bytes, file: str, reading: Reading) -> tuple[Sky, Notes]:
    """Up, and down if there is one; without it, both are of the same trace."""
    notes: list[Note] = []
    timelines: list[LinkTimeline] = []
    for direction, (one, name) in zip(Direction, ((data, file), reading.other or (data, file)), strict=True):
        times = mahimahi.read(_text(one, name), name)
        found, said = mahimahi.timeline(times, reading.link, direction, reading.delay_ns, reading.rounds)
        timelines.append(found)
        notes += said
    header = dates.header(file, max(each.end_ns for each in timelines), reading.epoch)
    return Sky.of(*timelines, header=header), tally(notes)


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Place(file, line).error("not UTF-8 text") from None


@dataclass(frozen=True, slots=True)
class Writing:
    """How a sky is to be told. ``way`` is the direction of a mahimahi trace, None: the only one there is."""

    epoch: datetime | None = None
    planned: bool = False
    absolute: bool = False
    scale: Fraction = Fraction(1)
    step_ns: int = 10**9
    way: tuple[int, Direction] | None = None
    places: Places | None = None
    name: str = "linkemu"


def dump(sky: Sky, form: Form, writing: Writing) -> tuple[bytes, Notes]:
    """The file of a sky; captures aren't of a sky alone (capture.py)."""
    dates.check(writing.epoch, "--epoch")
    if form is Form.PARQUET:
        data, said = parquet.write(sky, writing.step_ns, writing.epoch)
        return data, tally(said)
    if form is Form.CSV:
        text, said = table.write(sky, writing.step_ns, writing.epoch)
        return text.encode(), tally(said)
    if form is Form.MAHIMAHI:
        text, said = mahimahi.write(_direction(sky, writing.way), writing.scale)
        return text.encode(), tally(said)
    return _dump_plan(sky, form, writing)


def _dump_plan(sky: Sky, form: Form, writing: Writing) -> tuple[bytes, Notes]:
    grains = {Form.ION: ion.GRAIN, Form.HDTN: hdtn.GRAIN, Form.CCM: ccm.GRAIN, Form.CZML: czml.GRAIN}
    plan = extract.plan_of(sky, grains[form], planned=writing.planned)
    if not plan.contacts:
        raise InputError(str(form), "nothing to export: no contact is long and fast enough for this format")
    notes = plan.notes
    if form is Form.ION:
        text = ion.write(plan, absolute=writing.absolute)
    elif form is Form.HDTN:
        text = hdtn.write(plan)
    elif form is Form.CCM:
        text, more = ccm.write(plan)
        notes = (*notes, *more)
    elif (epoch := writing.epoch or plan.epoch) is None:
        raise InputError("--epoch", "the date of this sky isn't known, and a picture needs one")
    else:
        text = czml.write(plan, writing.places or Places(), writing.name, epoch)
    return text.encode(), tally(notes)


def _direction(sky: Sky, way: tuple[int, Direction] | None) -> LinkTimeline:
    if way is None and len(sky.timelines) == 1:
        return next(iter(sky.timelines.values()))
    if way is None:
        told = "a trace is of one direction: say --link STATION:SATELLITE and --direction"
        raise InputError("--link", told)
    if way not in sky.timelines:
        raise InputError("--direction", f"this sky has no {way[1].value} of that link")
    return sky.timelines[way]
