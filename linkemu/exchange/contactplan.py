"""A contact plan as delay-tolerant networks write it: who can send to whom, when, how fast, how far away.

Between the formats (ion.py, hdtn.py, ccm.py) and skies (planned.py). Frozen words, exact: integer ns since
scenario time 0. A contact is of one direction; a link is a pair of nodes, of which one plays the ground.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, unquote

from linkemu.exchange import dates
from linkemu.exchange.blame import Kind, Note, Place

S = 10**9


@dataclass(frozen=True, slots=True)
class Contact:
    """``source`` can send to ``dest`` at ``rate_bps`` from ``start_ns`` to ``end_ns``."""

    source: str
    dest: str
    start_ns: int
    end_ns: int
    rate_bps: int


@dataclass(frozen=True, slots=True)
class Range:
    """Light from ``source`` takes ``delay_ns`` to ``dest``; for this time, or until a later range begins."""

    source: str
    dest: str
    start_ns: int
    end_ns: int
    delay_ns: int


_T = TypeVar("_T", Contact, Range)


@dataclass(frozen=True, slots=True)
class ContactPlan:
    """``links`` are (ground, orbit) pairs; empty: whoever sends first on a pair is its ground end.

    ``numbers`` are the node numbers by name, where they aren't the names themselves.
    """

    contacts: tuple[Contact, ...]
    ranges: tuple[Range, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    end_ns: int | None = None  # None: where the last contact or range ends
    epoch: datetime | None = None  # UTC of scenario time 0, if known
    notes: tuple[Note, ...] = ()

    def names(self) -> list[str]:
        """All nodes, in the order in which they come."""
        pairs = [
            *self.links,
            *((each.source, each.dest) for each in self.contacts),
            *((each.source, each.dest) for each in self.ranges),
        ]
        return list(dict.fromkeys(name for pair in pairs for name in pair))

    def ends_ns(self) -> list[int]:
        """When contacts and ranges end."""
        return [*(each.end_ns for each in self.contacts), *(each.end_ns for each in self.ranges)]

    def numbered(self) -> dict[str, int]:
        """A number for each node: that which it had, its name if that is one, else the next free one."""
        known = dict(self.numbers)
        for name in self.names():
            if name.isascii() and name.isdecimal() and str(int(name)) == name and 0 < int(name) < 2**63:
                known.setdefault(name, int(name))
        taken = set(known.values())
        free = (number for number in range(1, 2**63) if number not in taken)
        for name in self.names():
            if name not in known:
                known[name] = next(free)
        return known


def by_way(rows: Iterable[_T]) -> dict[tuple[str, str], list[_T]]:
    """Contacts or ranges of each (source, dest), in their order."""
    ways: dict[tuple[str, str], list[_T]] = {}
    for each in rows:
        ways.setdefault((each.source, each.dest), []).append(each)
    return ways


def stretches(plan: ContactPlan) -> Iterable[tuple[Contact, int]]:
    """Contacts, cut where a range of their own begins, with the light time (ns) of each."""
    ways = by_way(sorted(plan.ranges, key=lambda one: one.start_ns))
    for contact in plan.contacts:
        ranges = ways.get((contact.source, contact.dest), [])
        inner = [each for each in ranges if contact.start_ns < each.start_ns < contact.end_ns]
        before = [each for each in ranges if each.start_ns <= contact.start_ns]
        delays = [before[-1].delay_ns if before else 0, *(each.delay_ns for each in inner)]
        edges = [contact.start_ns, *(each.start_ns for each in inner), contact.end_ns]
        for start_ns, end_ns, delay_ns in zip(edges, edges[1:], delays, strict=False):
            yield replace(contact, start_ns=start_ns, end_ns=end_ns), delay_ns


@dataclass(frozen=True, slots=True)
class Preamble:
    """What our own comments in a foreign file say, so that it comes back as it went (docs/formats.md)."""

    names: dict[int, str]
    links: list[tuple[str, str]]
    end_ns: int | None = None
    epoch: datetime | None = None

    def name(self, number: int, place: Place) -> str:
        """That of a node. InputError if it has none, and its number is that of another."""
        if number not in self.names and str(number) in self.names.values():
            raise place.error(f"node {number} has no name of its own, and another is named so")
        return self.names.get(number, str(number))


def preamble(plan: ContactPlan) -> list[str]:
    """Comment lines, without the mark of a comment."""
    numbers = plan.numbered()
    named = sorted(numbers.items(), key=lambda item: item[1])
    lines = [f"linkemu node {number} {quote(name)}" for name, number in named if str(number) != name]
    lines += [f"linkemu link {numbers[ground]} {numbers[orbit]}" for ground, orbit in plan.links]
    if plan.end_ns is not None:
        lines.append(f"linkemu end {plan.end_ns} ns")
    if plan.epoch is not None:
        lines.append(f"linkemu epoch {plan.epoch.isoformat()}")
    return lines


def read_preamble(lines: Iterable[tuple[int, str]], file: str) -> Preamble:
    """From (line number, text after the mark of a comment); other comments are skipped."""
    names: dict[int, str] = {}
    pairs: list[tuple[int, int]] = []
    end_ns: int | None = None
    epoch: datetime | None = None
    for number, text in lines:
        place = Place(file, number)
        match text.split():
            case ["linkemu", "node", node, name]:
                names[place.whole(node, "node", 1, 2**63 - 1)] = place.name(unquote(name))
            case ["linkemu", "link", ground, orbit]:
                pairs.append(
                    (place.whole(ground, "node", 1, 2**63 - 1), place.whole(orbit, "node", 1, 2**63 - 1))
                )
            case ["linkemu", "end", time, "ns"]:
                end_ns = place.whole(time, "end", 1, 10**18)
            case ["linkemu", "epoch", moment]:
                epoch = _moment(moment, place)
            case ["linkemu", *_]:
                raise place.error(f"{text[:60]!r} is no note of linkemu's that this version reads")
    if len(set(names.values())) < len(names):
        raise Place(file).error("two nodes have one name in its linkemu notes")
    links = [tuple(names.get(node, str(node)) for node in pair) for pair in pairs]
    return Preamble(names, [(ground, orbit) for ground, orbit in links], end_ns, epoch)


def _moment(text: str, place: Place) -> datetime:
    if (found := dates.read(text)) is None:
        raise place.error(f"{text[:40]!r} is not a date with its zone, of the years 1000 to 9900")
    return found


def tally(plan_notes: Iterable[Note]) -> tuple[Note, ...]:
    """Equal notes as one, with their count, in the order in which they first came."""
    counts: dict[tuple[Kind, str], int] = {}
    for note in plan_notes:
        counts[note.kind, note.text] = counts.get((note.kind, note.text), 0) + note.count
    return tuple(Note(kind, text, count) for (kind, text), count in counts.items())
