"""Between contact plans and skies: contacts become segments of rate, ranges become delay, and back.

``sky_of`` is canonical: the same contacts give the same sky, however they were cut or ordered. ``plan_of``
gives what a grid of whole ``grain`` can say of any sky, and notes what it can't: edges move inwards, so that
a plan never promises what the link doesn't hold. A sky that came from a plan goes back without a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import InputError
from linkemu.exchange.blame import Kind, Note
from linkemu.exchange.contactplan import Contact, ContactPlan, Range, S, tally
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
        raise InputError(name, "holds no contact between two nodes")
    notes = list(plan.notes)
    timelines = []
    for (source, dest), direction in known.items():
        contacts = [each for each in plan.contacts if (each.source, each.dest) == (source, dest)]
        ranges = [each for each in plan.ranges if (each.source, each.dest) == (source, dest)]
        pieces = list(_pieces(contacts, ranges, end_ns, notes))
        ends = (source, dest) if direction is Direction.UP else (dest, source)
        timelines.append(_timeline(ends, direction, pieces, end_ns))
    header: dict[str, object] = {"name": name, "duration_s": end_ns / 1e9, "numbers": dict(plan.numbers)}
    if plan.epoch is not None:
        header["epoch"] = plan.epoch.isoformat()
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
    for start_ns, stop_ns in zip(ordered, [*ordered[1:], end_ns], strict=True):
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


@dataclass(frozen=True, slots=True)
class Grain:
    """What a format can say: whole multiples of these; rates are rounded down, delays to the nearest."""

    time_ns: int
    rate_bps: int
    delay_ns: int


def plan_of(sky: Sky, grain: Grain, *, planned: bool = False) -> ContactPlan:
    """The contacts of a sky; ``planned``: as if nothing had come that no plan foresees (clouds, fades)."""
    notes: list[Note] = []
    contacts: list[Contact] = []
    ranges: list[Range] = []
    for timeline in sky.timelines.values():
        ends = (timeline.station, timeline.satellite)
        source, dest = ends if timeline.direction is Direction.UP else ends[::-1]
        if planned:
            notes.append(Note(Kind.LOST, "what no plan foresees (--planned): clouds, fades, acquisition"))
            timeline = _as_planned(timeline)
        else:
            _note_erasure(timeline, source, dest, notes)
        for start_ns, end_ns, rate_bps in _lit(timeline, grain, f"{source} to {dest}", notes):
            contacts.append(Contact(source, dest, start_ns, end_ns, rate_bps))
            ranges += _ranges(timeline, contacts[-1], grain, notes)
    return ContactPlan(
        tuple(sorted(contacts, key=lambda each: (each.start_ns, each.source, each.dest))),
        tuple(sorted(ranges, key=lambda each: (each.start_ns, each.source, each.dest))),
        tuple((link.station, link.satellite) for link in sky.links),
        _numbers(sky),
        max(each.end_ns for each in sky.timelines.values()) if sky.timelines else None,
        _epoch(sky),
        tally(notes),
    )


def _numbers(sky: Sky) -> tuple[tuple[str, int], ...]:
    told = sky.header.get("numbers")
    if not isinstance(told, Mapping):
        return ()
    return tuple((str(name), number) for name, number in told.items() if isinstance(number, int))


def _epoch(sky: Sky) -> datetime | None:
    told = sky.header.get("epoch")
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is not None and found.utcoffset() is not None else None


def _as_planned(timeline: LinkTimeline) -> LinkTimeline:
    """Rates as planned: darkness that isn't known in advance has the rate beside it, within its window."""
    rates = timeline.rate_bps.tolist()
    known = timeline.known.tolist()
    for order in (range(len(rates)), range(len(rates) - 1, -1, -1)):
        last = 0
        for i in order:
            if rates[i] == 0 and not known[i]:
                rates[i] = last
            last = rates[i]
    lit = np.array(rates, dtype=np.int64)
    return LinkTimeline(
        **{
            name: getattr(timeline, name)
            for name in LinkTimeline.__dataclass_fields__
            if name not in ("rate_bps", "cause")
        },
        rate_bps=lit,
        cause=np.where(lit > 0, Cause.NONE, timeline.cause).astype(np.uint8),
    )


def _note_erasure(timeline: LinkTimeline, source: str, dest: str, notes: list[Note]) -> None:
    if len(timeline.erased_count):
        total_s = int(timeline.erased_count.sum()) * timeline.slot_ns / 1e9
        text = f"fades and clouds that erase frames {source} to {dest}: {total_s:.3f} s in all"
        notes.append(Note(Kind.LOST, text, len(timeline.erased_count)))


def _lit(timeline: LinkTimeline, grain: Grain, way: str, notes: list[Note]) -> Iterator[tuple[int, int, int]]:
    """(start, end, rate) on the grid, neighbours of equal rate as one."""
    rows = _merged(timeline, grain)
    for start_ns, end_ns, exact_bps in rows:
        first_ns = -(-start_ns // grain.time_ns) * grain.time_ns
        last_ns = end_ns // grain.time_ns * grain.time_ns
        rate_bps = exact_bps // grain.rate_bps * grain.rate_bps
        if rate_bps == 0 or last_ns <= first_ns:
            why = f"contact of {(end_ns - start_ns) / 1e9:.3f} s at {exact_bps} bit/s"
            notes.append(Note(Kind.LOST, f"{why} {way}, too short or too slow to be said"))
            continue
        if (first_ns, last_ns) != (start_ns, end_ns):
            notes.append(
                Note(Kind.ROUNDED, f"edges of contacts {way}, inwards to whole {grain.time_ns / 1e9:g} s")
            )
        if rate_bps != exact_bps:
            notes.append(
                Note(Kind.ROUNDED, f"rate {exact_bps} bit/s {way} is {rate_bps} (steps of {grain.rate_bps})")
            )
        yield first_ns, last_ns, rate_bps


def _merged(timeline: LinkTimeline, grain: Grain) -> list[tuple[int, int, int]]:
    """Lit segments; those that differ by less than a step of the rate aren't kept apart."""
    rows: list[tuple[int, int, int]] = []
    edges, rates = timeline.edge_ns.tolist(), timeline.rate_bps.tolist()
    for start_ns, end_ns, rate in zip(edges, edges[1:], rates, strict=False):
        if rate == 0:
            continue
        last = rows[-1] if rows else None
        if last and last[1] == start_ns and last[2] // grain.rate_bps == rate // grain.rate_bps:
            rows[-1] = (last[0], end_ns, min(last[2], rate))
        else:
            rows.append((start_ns, end_ns, rate))
    return rows


def _ranges(timeline: LinkTimeline, contact: Contact, grain: Grain, notes: list[Note]) -> Iterator[Range]:
    """The light time within a contact as steps on the grid."""
    way = f"{contact.source} to {contact.dest}"
    times = _moments(timeline, contact, grain)
    exact_ns = np.rint(np.nan_to_num(delay_s(timeline, times)) * 1e9).astype(np.int64)
    steps = (exact_ns + grain.delay_ns // 2) // grain.delay_ns * grain.delay_ns
    error_ns = int(np.abs(steps - exact_ns).max())
    if error_ns:
        notes.append(
            Note(
                Kind.ROUNDED,
                f"light time {way} ({exact_ns.min() / 1e6:.6f} to {exact_ns.max() / 1e6:.6f} ms) "
                f"is whole {grain.delay_ns / 1e9:g} s, off by up to {error_ns / 1e6:.6f} ms",
            )
        )
    starts = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist()]
    ends = [*(int(times[i]) for i in starts[1:]), contact.end_ns]
    for i, end_ns in zip(starts, ends, strict=True):
        yield Range(contact.source, contact.dest, int(times[i]), end_ns, int(steps[i]))


def _moments(timeline: LinkTimeline, contact: Contact, grain: Grain) -> NDArray[np.int64]:
    """When to ask for the light time: where it steps, or at each grain if it moves."""
    if timeline.delay_s[:, 1:].any():
        return np.arange(contact.start_ns, contact.end_ns, grain.time_ns, dtype=np.int64)
    steps = -(-timeline.delay_start_ns // grain.time_ns) * grain.time_ns
    inside = steps[(steps > contact.start_ns) & (steps < contact.end_ns)]
    return np.unique(np.append(inside, contact.start_ns))


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
    for row in _merged(timeline, Grain(1, 1, 1)):
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
