"""CCM's contact plans (.ccp): links of the network emulator CORE, set up and torn down by a plan.

CCM is the Core Contact Manager (github.com/gh0st42/ccm), whose plans the simulator PONS reads too. A line is
``a contact BEGIN END NODE NODE BANDWIDTH [LOSS% [DELAY [JITTER]]]``, times in whole seconds. CCM hands the
rest to CORE as it is: bandwidth in bit/s, delay and jitter in microseconds. A contact is of both directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from urllib.parse import quote, unquote

from linkemu.exchange import blame, contactplan
from linkemu.exchange.blame import LARGEST_BPS, LATEST_S, Kind, Note, Place
from linkemu.exchange.contactplan import Contact, ContactPlan, Range, S
from linkemu.exchange.extract import Grain

GRAIN = Grain(time_ns=S, rate_bps=1, delay_ns=1000)
_FARTHEST_US = 10**12


def read(text: str, file: str, epoch: datetime | None = None) -> ContactPlan:
    """The contacts of a CCM plan, each in both directions. InputError names the line."""
    lines = list(enumerate(map(str.strip, blame.lines(text)), start=1))
    comments = [(number, line[1:].strip()) for number, line in lines if line.startswith("#")]
    told = contactplan.read_preamble(comments, file)
    contacts: list[Contact] = []
    ranges: list[Range] = []
    notes: list[Note] = []
    for number, line in lines:
        if not line or line.startswith(("#", "//")):
            continue
        place = Place(file, number)
        match line.split():
            case ["s", "loop", "0" | "false"]:
                continue
            case ["s", "loop", "1" | "true"]:
                notes.append(Note(Kind.LOST, "the plan's loop: play it with --loop N"))
            case ["a", "contact", *words] if 5 <= len(words) <= 8:
                contact, delay_ns = _contact(place, words, notes)
                for one in (contact, replace(contact, source=contact.dest, dest=contact.source)):
                    contacts.append(one)
                    ranges.append(Range(one.source, one.dest, one.start_ns, one.end_ns, delay_ns))
            case _:
                raise place.error(
                    "expected 's loop 0' or "
                    "'a contact BEGIN END NODE NODE BANDWIDTH [LOSS% [DELAY [JITTER]]]'"
                )
    numbers = tuple((name, number) for number, name in told.names.items())
    return ContactPlan(
        tuple(contacts),
        tuple(ranges),
        tuple(told.links),
        numbers,
        told.end_ns,
        epoch or told.epoch,
        contactplan.tally(notes),
    )


def _contact(place: Place, words: list[str], notes: list[Note]) -> tuple[Contact, int]:
    begin, end, one, other, bandwidth, *more = words
    start_s, end_s = (place.whole(time, "time", 0, LATEST_S) for time in (begin, end))
    if end_s <= start_s:
        raise place.error("ends before it begins")
    one, other = (place.name(unquote(name)) for name in (one, other))
    if one == other:
        raise place.error(f"{one[:40]!r} has a contact with itself")
    rate_bps = place.whole(bandwidth, "bandwidth", 1, LARGEST_BPS)
    loss, delay, jitter = [*more, "0", "0", "0"][:3]
    if place.number(loss, "loss", 0.0, 100.0):
        notes.append(Note(Kind.LOST, f"loss of {loss} %: impose it as a fault (erase_slots)"))
    delay_us = place.whole(delay, "delay", 0, _FARTHEST_US)
    if place.number(jitter, "jitter", 0.0, _FARTHEST_US):
        notes.append(Note(Kind.LOST, "jitter: light has none"))
    if delay_us:
        notes.append(Note(Kind.ASSUMED, "delays are in microseconds, as CORE takes them"))
    return Contact(one, other, start_s * S, end_s * S, rate_bps), delay_us * 1000


def write(plan: ContactPlan) -> tuple[str, tuple[Note, ...]]:
    """A plan on ``GRAIN``; where the directions differ, what both can do, with a note."""
    notes: list[Note] = []
    lines = [*(f"# {line}" for line in contactplan.preamble(plan)), "s loop 0"]
    for start_ns, end_ns, (one, other), rate_bps, delay_ns in sorted(_both_ways(plan, notes)):
        times = f"+{start_ns // S} +{end_ns // S}"
        ends = f"{quote(one)} {quote(other)}"
        lines.append(f"a contact {times} {ends} {rate_bps} 0 {delay_ns // 1000} 0")
    return "\n".join(lines) + "\n", contactplan.tally(notes)


def _both_ways(plan: ContactPlan, notes: list[Note]) -> Iterator[tuple[int, int, tuple[str, str], int, int]]:
    """(start, end, pair, rate, delay) where both directions work, or the only one that there is."""
    ways: dict[tuple[str, str], list[tuple[Contact, int]]] = {}
    for contact, delay_ns in contactplan.stretches(plan):
        ways.setdefault((contact.source, contact.dest), []).append((contact, delay_ns))
    for pair in plan.links:
        directions = [ways[way] for way in (pair, pair[::-1]) if way in ways]
        if len(directions) == 1:
            notes.append(Note(Kind.ASSUMED, f"{pair[0]} - {pair[1]} has one direction: CORE has both"))
        edges = {edge for rows in directions for one, _ in rows for edge in (one.start_ns, one.end_ns)}
        for start_ns, end_ns in pairwise(sorted(edges)):
            lit = [row for rows in directions for row in rows if row[0].start_ns <= start_ns < row[0].end_ns]
            if len({row[0].rate_bps for row in lit}) > 1 or len({row[1] for row in lit}) > 1:
                notes.append(
                    Note(
                        Kind.LOST, f"{pair[0]} - {pair[1]}: directions differ, the slower and the later holds"
                    )
                )
            if lit and len(lit) == len(directions):
                yield (
                    start_ns,
                    end_ns,
                    pair,
                    min(one.rate_bps for one, _ in lit),
                    max(delay for _, delay in lit),
                )
            elif lit:
                notes.append(Note(Kind.LOST, f"{pair[0]} - {pair[1]}: light in one direction only"))
