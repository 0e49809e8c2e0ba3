"""HDTN's contact plans: a JSON object with a list ``contacts``.

Keys and units as NASA's HDTN reads them (nasa/HDTN, module/router: ``startTime``, ``endTime`` in whole
seconds, ``rateBitsPerSec``, or the older ``rate`` in Mbit/s, ``owlt`` in whole seconds). HDTN skips keys
that it doesn't know, so our notes go under ``linkemu``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from linkemu.exchange import contactplan
from linkemu.exchange.blame import LARGEST_BPS, LATEST_S, Kind, Note, Place
from linkemu.exchange.contactplan import Contact, ContactPlan, Preamble, Range, S
from linkemu.exchange.extract import Grain

GRAIN = Grain(time_ns=S, rate_bps=1, delay_ns=S)
_UNIX_S = LATEST_S  # 2001-09-09 as a Unix time: what starts later counts from 1970
_LAST_UNIX_S = 253_402_300_799  # the year 9999
_FARTHEST_S = 10**6
_MOST_NODES = 2**63 - 1


def read(text: str, file: str, epoch: datetime | None = None) -> ContactPlan:
    """The contacts of a HDTN plan. InputError names the line, or the contact by its number."""
    document = _document(text, file)
    told = _preamble(document, file)
    rows = document["contacts"]
    notes: list[Note] = []
    found = [_row(told, Place(file, f"contacts[{i}]"), row, notes) for i, row in enumerate(rows)]
    starts = [contact.start_ns for contact, _ in found]
    if starts and min(starts) >= _UNIX_S * S:
        epoch, found = _since(epoch, found, file)
        notes.append(Note(Kind.ASSUMED, "times are Unix times"))
    for number, (contact, _) in enumerate(found):
        Place(file, f"contacts[{number}]").number(contact.end_ns / 1e9, "endTime", 0, LATEST_S)
    kept = [(contact, delay_ns) for contact, delay_ns in found if contact.source != contact.dest]
    if len(kept) < len(found):
        notes.append(Note(Kind.LOST, "contacts of a node with itself", len(found) - len(kept)))
    return ContactPlan(
        tuple(contact for contact, _ in kept),
        tuple(Range(one.source, one.dest, one.start_ns, one.end_ns, delay) for one, delay in kept),
        tuple(told.links),
        tuple((name, number) for number, name in told.names.items()),
        told.end_ns,
        epoch or told.epoch,
        contactplan.tally(notes),
    )


def _document(text: str, file: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Place(file, error.lineno).error(f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Place(file).error(f"not JSON that can be read ({error})") from None
    if not isinstance(document, dict) or not isinstance(document.get("contacts"), list):
        raise Place(file, 1).error("expected an object with a list 'contacts'")
    return document


def _preamble(document: dict[str, Any], file: str) -> Preamble:
    lines = document.get("linkemu", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Place(file, "linkemu").error("expected a list of texts")
    return contactplan.read_preamble(enumerate((f"linkemu {line}" for line in lines), start=1), file)


def _row(told: Preamble, place: Place, row: object, notes: list[Note]) -> tuple[Contact, int]:
    if not isinstance(row, dict):
        raise place.error("expected an object")
    for key in ("source", "dest", "startTime", "endTime"):
        if key not in row:
            raise place.error(f"{key} is missing")
    nodes = [place.whole(row[key], key, 1, _MOST_NODES) for key in ("source", "dest")]
    source, dest = (told.name(node, place) for node in nodes)
    start_s, end_s = (place.whole(row[key], key, 0, _LAST_UNIX_S) for key in ("startTime", "endTime"))
    if end_s <= start_s:
        raise place.error("ends before it starts")
    if "finalDestination" in row:
        notes.append(Note(Kind.LOST, "finalDestination: routes aren't the link's"))
    owlt_s = place.number(row.get("owlt", 0), "owlt", 0, _FARTHEST_S)
    if "owlt" not in row:
        notes.append(Note(Kind.ASSUMED, "no owlt: no delay"))
    contact = Contact(source, dest, start_s * S, end_s * S, _rate(row, place, notes))
    return contact, round(owlt_s * 1e9)


def _rate(row: dict[str, Any], place: Place, notes: list[Note]) -> int:
    if row.get("rateBitsPerSec", row.get("rate")) in (0, "0"):
        raise place.error("its rate is 0, with which HDTN doesn't limit it: a link needs one, in bit/s")
    if "rateBitsPerSec" in row:
        return place.whole(row["rateBitsPerSec"], "rateBitsPerSec", 1, LARGEST_BPS)
    if "rate" in row:
        notes.append(Note(Kind.ASSUMED, "'rate' is in Mbit/s, as HDTN's router reads it"))
        return 10**6 * place.whole(row["rate"], "rate", 1, LARGEST_BPS // 10**6)
    raise place.error("rateBitsPerSec is missing")


def _since(
    epoch: datetime | None, rows: list[tuple[Contact, int]], file: str
) -> tuple[datetime, list[tuple[Contact, int]]]:
    """The rows in scenario time, which begins at ``epoch`` or with the first contact."""
    first_ns = min(contact.start_ns for contact, _ in rows)
    zero_ns = (
        first_ns
        if epoch is None
        else (epoch - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000
    )
    if zero_ns > first_ns:
        raise Place(file).error(f"begins before the epoch that is given ({epoch})")
    moved = [
        (Contact(one.source, one.dest, one.start_ns - zero_ns, one.end_ns - zero_ns, one.rate_bps), delay)
        for one, delay in rows
    ]
    return epoch or datetime.fromtimestamp(zero_ns // S, UTC), moved


def write(plan: ContactPlan) -> str:
    """A plan on ``GRAIN`` as JSON, a line for each contact."""
    numbers = plan.numbered()
    rows = [
        {
            "contact": number,
            "source": numbers[contact.source],
            "dest": numbers[contact.dest],
            "startTime": contact.start_ns // S,
            "endTime": contact.end_ns // S,
            "rateBitsPerSec": contact.rate_bps,
            "owlt": delay_ns // S,
        }
        for number, (contact, delay_ns) in enumerate(contactplan.stretches(plan))
    ]
    notes = json.dumps([line.removeprefix("linkemu ") for line in contactplan.preamble(plan)])
    contacts = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    return f'{{\n  "contacts": [\n{contacts}\n  ],\n  "linkemu": {notes}\n}}\n'
