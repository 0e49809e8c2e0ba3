"""What two recorded runs differ in: their skies, their traces, what was delivered, and when it was complete.

Traces are compared record by record where both runs were under the virtual clock; under the real one their
times never agree, but for the trace of the sky that doors have played: that one as far as both runs went.
``within_s`` is by how much times may differ and still count as the same. Pure but for the
reading of what Record gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from linkemu.link.outages import Outage, outages
from linkemu.link.timeline import LinkTimeline, Sky
from linkemu.machine import Direction
from linkemu.record.chain import Event, TraceFile
from linkemu.record.layout import SKY_TRACE
from linkemu.record.opening import Record

Way = tuple[str, str, str]
"""Station, satellite, direction."""


@dataclass(frozen=True, slots=True)
class RecordDifference:
    """The first record of a trace that isn't the same; None where one trace has ended."""

    trace: str
    record: int  # from 1
    first: Event | None
    second: Event | None


@dataclass(frozen=True, slots=True)
class OutageDifference:
    """An outage of one run that the other doesn't have."""

    way: Way
    run: int  # 1 or 2: which has it
    start_s: float
    end_s: float
    cause: str


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """A figure of ``subject`` (a link's way, a transfer), None where a run doesn't know the subject."""

    subject: str
    figure: str
    first: float | str | None
    second: float | str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs. ``compared_traces`` is empty if the clocks don't allow it."""

    sky_is_same: bool
    compared_traces: tuple[str, ...]
    records: tuple[RecordDifference, ...]
    outages: tuple[OutageDifference, ...]
    edges: tuple[FigureDifference, ...]  # first and last light of each stretch, as doors have played it
    delivered: tuple[FigureDifference, ...]
    transfers: tuple[FigureDifference, ...]

    @property
    def is_same(self) -> bool:
        """Nothing of what was compared differs."""
        figures = (*self.edges, *self.delivered, *self.transfers)
        return self.sky_is_same and not (self.records or self.outages or figures)


def compare(first: Record, second: Record, within_s: float = 0.0) -> Difference:
    """Compare two runs; RecordError if a trace or document of either can't be read."""
    names = _common_traces(first, second)
    found = (_first_difference(name, first.trace(name), second.trace(name)) for name in names)
    skies = first.played.sky, second.played.sky
    return Difference(
        skies[0].digest() == skies[1].digest(),
        names,
        tuple(each for each in found if each is not None),
        tuple(_outages(*skies, within_s)),
        tuple(_figures(_edges(first), _edges(second), within_s)),
        tuple(_figures(_delivered(first), _delivered(second), 0.0)),
        tuple(_figures(_transfers(first), _transfers(second), within_s)),
    )


def _common_traces(first: Record, second: Record) -> tuple[str, ...]:
    common = set(first.traces()) & set(second.traces())
    if any(each.manifest.clock.mode != "virtual" for each in (first, second)):
        common &= {SKY_TRACE}
    return tuple(sorted(common))


def _first_difference(name: str, first: TraceFile, second: TraceFile) -> RecordDifference | None:
    if first.digest == second.digest:
        return None
    together = zip if name == SKY_TRACE else zip_longest
    pairs = enumerate(together(first.events, second.events), start=1)
    return next((RecordDifference(name, n, one, other) for n, (one, other) in pairs if one != other), None)


def _outages(first: Sky, second: Sky, within_s: float) -> Iterator[OutageDifference]:
    ways = _ways(first), _ways(second)
    for way in dict.fromkeys((*ways[0], *ways[1])):
        lists = [outages(each[way]) if way in each else [] for each in ways]
        for run, outage in _unmatched(lists[0], lists[1], within_s):
            yield OutageDifference(way, run, outage.start_s, outage.end_s, outage.cause.name.lower())


def _ways(sky: Sky) -> dict[Way, LinkTimeline]:
    return {(each.station, each.satellite, each.direction.value): each for each in sky.timelines.values()}


def _unmatched(
    first: Sequence[Outage], second: Sequence[Outage], within_s: float
) -> Iterator[tuple[int, Outage]]:
    """(run, outage) of those without a like in the other list; both lists are sorted by start."""
    i = j = 0
    while i < len(first) and j < len(second):
        one, other = first[i], second[j]
        if one.cause is other.cause and _is_near(one, other, within_s):
            i, j = i + 1, j + 1
        elif (one.start_s, one.end_s) <= (other.start_s, other.end_s):
            yield 1, one
            i += 1
        else:
            yield 2, other
            j += 1
    yield from ((1, each) for each in first[i:])
    yield from ((2, each) for each in second[j:])


def _is_near(one: Outage, other: Outage, within_s: float) -> bool:
    return abs(one.start_s - other.start_s) <= within_s and abs(one.end_s - other.end_s) <= within_s


Figures = dict[str, dict[str, Any]]
"""Figures by their names, by subject."""


def _figures(first: Figures, second: Figures, within: float) -> Iterator[FigureDifference]:
    for subject in dict.fromkeys((*first, *second)):
        one, other = first.get(subject, {}), second.get(subject, {})
        for figure in dict.fromkeys((*one, *other)):
            values = one.get(figure), other.get(figure)
            if not _agree(*values, within):
                yield FigureDifference(subject, figure, *values)


def _agree(one: object, other: object, within: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= within
    return one == other


def _edges(record: Record) -> Figures:
    """When light began and ended to carry, of each stretch of it, by the reports of doors."""
    return {
        f"{report['name']} {way['direction']}, light from {edge['start_s']:.3f} s": {
            "first_s": edge["first_s"],
            "last_s": edge["last_s"],
        }
        for report in record.document("reports") or ()
        for way in report["ways"]
        for edge in way["edges"]
    }


def _delivered(record: Record) -> Figures:
    """What crossed each link, by the fidelity report."""
    fidelity = record.document("fidelity")
    links = fidelity.get("links", []) if isinstance(fidelity, dict) else []
    return {
        f"{each['station']} - {each['satellite']} {Direction(each['direction']).value}": {
            key: each[key] for key in ("delivered_bytes", "delivered_frames", "erased_frames")
        }
        for each in links
    }


def _transfers(record: Record) -> Figures:
    """State, bytes and completion of each file."""
    found: Figures = {}
    for each in record.document("transfers") or ():
        times = each["times"]
        complete = times.get("verified", times.get("failed"))
        found[f"{each['action']} {each['name']} ({each['node']})"] = {
            "state": each["state"],
            "done_bytes": each["done_bytes"],
            "completed_s": None if complete is None else float(complete),
        }
    return found
