"""Skies of contact plans: contacts become segments of rate, ranges become delay; and plans for our nodes.

Canonical: the same contacts give the same sky, however they were cut or ordered. The way back: extract.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from linkemu.errors import InputError
from linkemu.exchange import dates
from linkemu.exchange.blame import Kind, Note
from linkemu.exchange.contactplan import Contact, ContactPlan, Range, S, by_way, tally
from linkemu.exchange.extract import Grain, merged
from linkemu.link.outages import delay_s
from linkemu.link.timeline import Cause, LinkTimeline, Sky, check, no_samples
from linkemu.machine import Direction
from linkemu.plan import Plan, Window

SLOT_NS = 10**6
_AFTER_NS = 10 * S  # light may still be asked for after the end
_HIGHEST_DEG = 90.0  # a contact plan says nothing of elevations


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one rate and one delay."""

    start_ns: int
    end_ns: int
    rate_bps: int
    delay_ns: int


def sky_of(plan: ContactPlan, name: str) -> tuple[Sky, tuple[Note, ...]]:
    """The sky that plays ``plan``, and what had to be assumed. InputError if there is nothing to play."""
    pairs = _links(plan)
    known = dict.fromkeys(pairs, Direction.UP)
    known |= {(orbit, ground): Direction.DOWN for ground, orbit in pairs}
    end_ns = plan.end_ns or max(plan.ends_ns(), default=0)
    if not pairs or not end_ns:
        raise InputError(name, "holds no contact between two nodes (those of a node with itself are no link)")
    notes = list(plan.notes)
    if late := sum(each.end_ns > end_ns for each in plan.contacts):
        notes.append(Note(Kind.LOST, "contacts beyond the end that the file tells: cut there", late))
    timelines = []
    contacts, ranges = by_way(plan.contacts), by_way(plan.ranges)
    for (source, dest), direction in known.items():
        way = (source, dest)
        pieces = list(_pieces(contacts.get(way, []), ranges.get(way, []), end_ns, notes))
        ends = (source, dest) if direction is Direction.UP else (dest, source)
        timelines.append(_timeline(ends, direction, pieces, end_ns))
    header = dates.header(name, end_ns, plan.epoch) | {"numbers": dict(plan.numbers)}
    return Sky.of(*timelines, header=header), tally(notes)


def _links(plan: ContactPlan) -> list[tuple[str, str]]:
    links = dict.fromkeys(plan.links)
    for each in plan.contacts:
        if each.source != each.dest and (each.dest, each.source) not in links:
            links.setdefault((each.source, each.dest))
    for ground, orbit in links:
        if ground == orbit or (orbit, ground) in links:
            raise InputError(
                f"link {ground} - {orbit}", "has the same node at both ends, or stands there twice"
            )
    return list(links)


def _pieces(contacts: list[Contact], ranges: list[Range], end_ns: int, notes: list[Note]) -> Iterator[Piece]:
    """Lit pieces in order; where contacts overlap the fastest holds, of ranges that which began last."""
    edges = {edge for each in contacts for edge in (each.start_ns, each.end_ns)}
    edges |= {each.start_ns for each in ranges}
    ordered = sorted(edge for edge in edges if 0 <= edge < end_ns)
    ranges = sorted(ranges, key=lambda each: (each.start_ns, each.end_ns))
    for start_ns, stop_ns in pairwise([*ordered, end_ns]):
        lit = [each for each in contacts if each.start_ns <= start_ns < each.end_ns]
        if not lit:
            continue
        way = f"{lit[0].source} to {lit[0].dest}"
        if len(lit) > 1:
            notes.append(Note(Kind.ASSUMED, f"contacts {way} overlap: the fastest holds"))
        begun = [each for each in ranges if each.start_ns <= start_ns]
        if not begun:
            notes.append(Note(Kind.ASSUMED, f"no range says how far it is {way} in a contact: no delay"))
        delay_ns = begun[-1].delay_ns if begun else 0
        stop_ns = min(stop_ns, max(each.end_ns for each in lit))
        yield Piece(start_ns, stop_ns, max(each.rate_bps for each in lit), delay_ns)


def _timeline(ends: tuple[str, str], direction: Direction, pieces: list[Piece], end_ns: int) -> LinkTimeline:
    edges, rates = [0], list[int]()
    delays: list[tuple[int, int]] = []
    for piece in pieces:
        _extend(edges, rates, piece.start_ns, 0)
        _extend(edges, rates, piece.end_ns, piece.rate_bps)
        if not delays or delays[-1][1] != piece.delay_ns:
            delays.append((piece.start_ns, piece.delay_ns))
    _extend(edges, rates, end_ns, 0)
    coefficients = np.zeros((len(delays), 8))
    coefficients[:, 0] = [delay_ns / 1e9 for _, delay_ns in delays]
    lit = np.array(rates, dtype=np.int64) > 0
    timeline = LinkTimeline(
        *ends,
        direction,
        SLOT_NS,
        np.array(edges, dtype=np.int64),
        np.array(rates, dtype=np.int64),
        np.where(lit, Cause.NONE, Cause.UNASSIGNED).astype(np.uint8),
        ~lit,
        np.array([start_ns for start_ns, _ in delays], dtype=np.int64),
        end_ns + _AFTER_NS,
        coefficients,
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.uint8),
        **no_samples(),
    )
    check(timeline)
    return timeline


def _extend(edges: list[int], rates: list[int], until_ns: int, rate_bps: int) -> None:
    if until_ns <= edges[-1]:
        return
    if rates and rates[-1] == rate_bps:
        edges[-1] = until_ns
    else:
        edges.append(until_ns)
        rates.append(rate_bps)


def plans_of(sky: Sky) -> dict[str, Plan]:
    """What each node may know of a sky in advance: its lit stretches, as if they stood in a plan."""
    windows: dict[str, list[Window]] = {
        name: [] for link in sky.links for name in (link.station, link.satellite)
    }
    for (number, direction), timeline in sky.timelines.items():
        ends = (timeline.station, timeline.satellite)
        node, peer = ends if direction is Direction.UP else ends[::-1]
        windows[node] += (_window(number, peer, timeline, rows) for rows in _contiguous(timeline))
    return {
        node: Plan(node, 1, tuple(sorted(own, key=lambda each: (each.start_s, each.link))))
        for node, own in windows.items()
    }


def _contiguous(timeline: LinkTimeline) -> Iterable[list[tuple[int, int, int]]]:
    groups: list[list[tuple[int, int, int]]] = []
    for row in merged(timeline, Grain(1, 1, 1)):
        if groups and groups[-1][-1][1] == row[0]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _window(number: int, peer: str, timeline: LinkTimeline, rows: list[tuple[int, int, int]]) -> Window:
    start_ns, end_ns = rows[0][0], rows[-1][1]
    times = np.unique(np.append(np.arange(start_ns, end_ns, 10 * S, dtype=np.int64), end_ns))
    light = np.nan_to_num(delay_s(timeline, times)).tolist()
    return Window(
        number,
        peer,
        start_ns / 1e9,
        end_ns / 1e9,
        tuple((start / 1e9, rate) for start, _, rate in rows),
        tuple((time / 1e9, delay) for time, delay in zip(times.tolist(), light, strict=True)),
        _HIGHEST_DEG,
    )
