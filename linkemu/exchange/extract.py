"""The contact plan of a sky, on the grid of a format: what a plan of whole seconds and bytes can say of it.

Edges move inwards, and rates down, so that a plan never promises what the link doesn't hold. What the grid
can't say is noted; a sky that came from such a plan (planned.py) goes back without a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.exchange import dates
from linkemu.exchange.blame import Kind, Note
from linkemu.exchange.contactplan import Contact, ContactPlan, Range, S, tally
from linkemu.link.outages import delay_s
from linkemu.link.timeline import Cause, LinkTimeline, Sky
from linkemu.machine import Direction


@dataclass(frozen=True, slots=True)
class Grain:
    """What a format can say: whole multiples of these; rates are rounded down, delays to the nearest."""

    time_ns: int
    rate_bps: int
    delay_ns: int
    step_ns: int = S  # moving light time is told so often


def plan_of(sky: Sky, grain: Grain, *, planned: bool = False) -> ContactPlan:
    """The contacts of a sky; ``planned``: as if nothing had come that no plan foresees (clouds, fades)."""
    notes: list[Note] = []
    contacts: list[Contact] = []
    ranges: list[Range] = []
    for timeline in sky.timelines.values():
        ends = (timeline.station, timeline.satellite)
        source, dest = ends if timeline.direction is Direction.UP else ends[::-1]
        light = _Light()
        if planned:
            notes.append(Note(Kind.LOST, "what no plan foresees (--planned): clouds, fades, acquisition"))
            timeline = _as_planned(timeline)
        else:
            _note_erasure(timeline, source, dest, notes)
        for start_ns, end_ns, rate_bps in _lit(timeline, grain, f"{source} to {dest}", notes):
            contacts.append(Contact(source, dest, start_ns, end_ns, rate_bps))
            ranges += _ranges(timeline, contacts[-1], grain, light)
        light.tell(f"{source} to {dest}", notes)
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
    return dates.read(told) if isinstance(told, str) else None


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
    return replace(
        timeline, rate_bps=lit, cause=np.where(lit > 0, Cause.NONE, timeline.cause).astype(np.uint8)
    )


def _note_erasure(timeline: LinkTimeline, source: str, dest: str, notes: list[Note]) -> None:
    if len(timeline.erased_count):
        total_s = int(timeline.erased_count.sum()) * timeline.slot_ns / 1e9
        text = f"fades and clouds that erase frames {source} to {dest}: {total_s:.3f} s in all"
        notes.append(Note(Kind.LOST, text, len(timeline.erased_count)))


def _lit(timeline: LinkTimeline, grain: Grain, way: str, notes: list[Note]) -> Iterator[tuple[int, int, int]]:
    """(start, end, rate) on the grid, neighbours of equal rate as one."""
    rows = merged(timeline, grain)
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


def merged(timeline: LinkTimeline, grain: Grain) -> list[tuple[int, int, int]]:
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


@dataclass(slots=True)
class _Light:
    """Light times (ns) of a direction as they are, and how far from them a plan is."""

    least_ns: int = 2**62
    most_ns: int = 0
    error_ns: int = 0

    def see(self, said_ns: NDArray[np.int64], exact_ns: NDArray[np.int64]) -> None:
        self.least_ns = min(int(exact_ns.min()), self.least_ns)
        self.most_ns = max(int(exact_ns.max()), self.most_ns)
        self.error_ns = max(int(np.abs(said_ns - exact_ns).max()), self.error_ns)

    def tell(self, way: str, notes: list[Note]) -> None:
        if self.error_ns:
            span = f"{self.least_ns / 1e6:.6f} to {self.most_ns / 1e6:.6f} ms"
            text = f"light time {way} ({span}) is off by up to {self.error_ns / 1e6:.6f} ms"
            notes.append(Note(Kind.ROUNDED, text))


def _ranges(timeline: LinkTimeline, contact: Contact, grain: Grain, light: _Light) -> Iterator[Range]:
    """The light time within a contact as steps on the grid."""
    times = _moments(timeline, contact, grain)
    exact_ns = _light_ns(timeline, times)
    steps = (exact_ns + grain.delay_ns // 2) // grain.delay_ns * grain.delay_ns
    later_ns = _light_ns(timeline, np.append(times[1:], contact.end_ns) - 1)  # as each step ends
    light.see(steps, exact_ns)
    light.see(steps, later_ns)
    starts = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist()]
    stops = [*(int(times[i]) for i in starts[1:]), contact.end_ns]
    for i, end_ns in zip(starts, stops, strict=True):
        yield Range(contact.source, contact.dest, int(times[i]), end_ns, int(steps[i]))


def _light_ns(timeline: LinkTimeline, times: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.rint(np.nan_to_num(delay_s(timeline, times)) * 1e9).astype(np.int64)


def _moments(timeline: LinkTimeline, contact: Contact, grain: Grain) -> NDArray[np.int64]:
    """When to ask for the light time: where it steps, or at each grain if it moves."""
    if timeline.delay_s[:, 1:].any():
        return np.arange(contact.start_ns, contact.end_ns, grain.step_ns, dtype=np.int64)
    steps = -(-timeline.delay_start_ns // grain.time_ns) * grain.time_ns
    inside = steps[(steps > contact.start_ns) & (steps < contact.end_ns)]
    return np.unique(np.append(inside, contact.start_ns))
