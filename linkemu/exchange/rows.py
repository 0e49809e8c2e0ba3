"""A sky as rows of a table: what holds from a moment on, for each link and direction, and back.

Each row holds until the next one of its direction; the last one says only when the sky ends. Rates, causes,
erased slots and samples come back exactly, and so does light time that moves in steps; light time that
moves as in an orbit becomes steps, with a note. CSV and Parquet (table.py, parquet.py) hold these rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu.exchange.blame import Kind, Note, Place
from linkemu.link.invariants import ARRAYS
from linkemu.link.outages import delay_s
from linkemu.link.timeline import PLANNED, Cause, LinkTimeline, Sky, check
from linkemu.machine import Direction

FIGURES = tuple(name for name, _, axis in ARRAYS if axis == "samples" and name != "sample_ns")
_TYPES = {name: dtype for name, dtype, _ in ARRAYS}
_AFTER_NS = 10**10  # light may still be asked for after the end


@dataclass(frozen=True, slots=True)
class Row:
    """What holds from ``time_ns`` on. ``erased`` is of the slots, the rest of the sender's time."""

    station: str
    satellite: str
    direction: Direction
    time_ns: int
    rate_bps: int
    cause: Cause  # of rate 0
    known: bool
    delay_s: float | None  # None: as before
    erased: Cause
    figures: tuple[float | None, ...]  # FIGURES at this moment, None: no sample


def of_sky(sky: Sky, step_ns: int, notes: list[Note]) -> Iterator[Row]:
    """The rows of all directions, one after the other; moving light time at least every ``step_ns``."""
    for timeline in sky.timelines.values():
        yield from _of_timeline(timeline, step_ns, notes)


def _of_timeline(t: LinkTimeline, step_ns: int, notes: list[Note]) -> Iterator[Row]:
    runs = np.stack([t.erased_slot, t.erased_slot + t.erased_count], axis=1) * t.slot_ns
    inside = runs.clip(0, t.end_ns)
    way = f"{t.station} - {t.satellite} {t.direction.value}"
    if (runs > -(-t.end_ns // t.slot_ns) * t.slot_ns).any():  # the slot in which it ends comes back whole
        notes.append(Note(Kind.LOST, f"erased slots of {way} after its end"))
    moves = bool(t.delay_s[:, 1:].any())
    grid = np.arange(0, t.end_ns, step_ns, dtype=np.int64) if moves else np.zeros(0, dtype=np.int64)
    grid = grid[~np.isnan(delay_s(t, grid))]
    steps = t.delay_start_ns.clip(0)
    times = np.unique(np.concatenate([t.edge_ns, steps, inside.ravel(), t.sample_ns, grid]))
    times = times[(times >= 0) & (times <= t.end_ns)]
    light = delay_s(t, times)
    if moves:
        _note_steps(t, times, light, way, notes)
    segment = (np.searchsorted(t.edge_ns, times, side="right") - 1).clip(0, len(t.rate_bps) - 1)
    erased = _erased(inside, t.erased_cause, times)
    figures = _figures(t, times)
    for i, time_ns in enumerate(times.tolist()):
        at = int(segment[i])
        yield Row(
            t.station,
            t.satellite,
            t.direction,
            time_ns,
            int(t.rate_bps[at]),
            Cause(int(t.cause[at])),
            bool(t.known[at]),
            None if math.isnan(light[i]) or time_ns == t.end_ns else float(light[i]),
            Cause(int(erased[i])),
            figures.get(time_ns, (None,) * len(FIGURES)),
        )


def _note_steps(
    t: LinkTimeline, times: NDArray[np.int64], light: NDArray[np.float64], way: str, notes: list[Note]
) -> None:
    ahead = delay_s(t, (times[1:] - 1).clip(0))
    error = np.nanmax(np.abs(ahead - light[:-1]), initial=0.0)
    if error > 0.0:
        notes.append(Note(Kind.ROUNDED, f"light time {way} moves in steps of up to {error * 1e6:.3f} µs"))


def _erased(
    spans: NDArray[np.int64], causes: NDArray[np.uint8], times: NDArray[np.int64]
) -> NDArray[np.uint8]:
    found = np.zeros(len(times), dtype=np.uint8)
    run = np.searchsorted(spans[:, 0], times, side="right") - 1
    within = run >= 0
    within[within] = times[within] < spans[run[within], 1]
    found[within] = causes[run[within]]
    return found


def _figures(t: LinkTimeline, times: NDArray[np.int64]) -> dict[int, tuple[float | None, ...]]:
    columns = zip(*(getattr(t, name) for name in FIGURES), strict=True)
    values = (tuple(None if math.isnan(each) else float(str(each)) for each in row) for row in columns)
    return dict(zip(t.sample_ns.tolist(), values, strict=True))


def to_sky(
    rows: Sequence[tuple[Place, Row]], slot_ns: int, header: dict[str, object], notes: list[Note]
) -> Sky:
    """The sky of these rows, which may come in any order of directions. InputError names the row."""
    ways: dict[tuple[str, str, Direction], list[tuple[Place, Row]]] = {}
    for place, row in rows:
        ways.setdefault((row.station, row.satellite, row.direction), []).append((place, row))
    return Sky.of(*(_timeline(each, slot_ns, notes) for each in ways.values()), header=header)


def _timeline(rows: list[tuple[Place, Row]], slot_ns: int, notes: list[Note]) -> LinkTimeline:
    first, last = rows[0][1], rows[-1][1]
    if first.time_ns != 0:
        raise rows[0][0].error("the first row of a direction must be at time 0")
    for (_, before), (place, row) in pairwise(rows):
        if row.time_ns <= before.time_ns:
            raise place.error("times of a direction must increase")
    if last.time_ns == 0:
        raise rows[0][0].error("a direction needs a second row, which says when it ends")
    held = [row for _, row in rows[:-1]]
    runs = _runs(held, last.time_ns, slot_ns, notes)
    timeline = LinkTimeline(
        station=first.station,
        satellite=first.satellite,
        direction=first.direction,
        slot_ns=slot_ns,
        delay_length_ns=last.time_ns + _AFTER_NS,
        erased_slot=np.array([start for start, _, _ in runs], dtype=np.int64),
        erased_count=np.array([stop - start for start, stop, _ in runs], dtype=np.int64),
        erased_cause=np.array([cause for _, _, cause in runs], dtype=np.uint8),
        **_segments(held, last.time_ns),
        **_delays(held, notes),
        **_samples([row for _, row in rows]),
    )
    check(timeline)
    return timeline


def _segments(rows: list[Row], end_ns: int) -> dict[str, Any]:
    states = [(row.rate_bps, row.cause, row.known) for row in rows]
    changes = [i for i, state in enumerate(states) if i == 0 or state != states[i - 1]]
    return {
        "edge_ns": np.array([*(rows[i].time_ns for i in changes), end_ns], dtype=np.int64),
        "rate_bps": np.array([rows[i].rate_bps for i in changes], dtype=np.int64),
        "cause": np.array([rows[i].cause for i in changes], dtype=np.uint8),
        "known": np.array([rows[i].known for i in changes], dtype=np.bool_),
    }


def _delays(rows: list[Row], notes: list[Note]) -> dict[str, Any]:
    starts: list[int] = []
    values: list[float] = []
    for row in rows:
        if row.delay_s is not None and (not values or values[-1] != row.delay_s):
            starts.append(row.time_ns)
            values.append(row.delay_s)
    lit = next((row.time_ns for row in rows if row.rate_bps), None)
    if lit is not None and (not starts or starts[0] > lit):
        notes.append(Note(Kind.ASSUMED, "no delay_s where a link has light: no delay"))
        if values[:1] == [0.0]:
            starts[0] = lit
        else:
            starts.insert(0, lit)
            values.insert(0, 0.0)
    coefficients = np.zeros((len(values), 8))
    coefficients[:, 0] = values
    return {"delay_start_ns": np.array(starts, dtype=np.int64), "delay_s": coefficients}


def _runs(rows: list[Row], end_ns: int, slot_ns: int, notes: list[Note]) -> list[tuple[int, int, Cause]]:
    """(first slot, slot after the last, cause); a slot of which a part is erased is erased."""
    stretches: list[tuple[int, int, Cause]] = []
    stops = [*(row.time_ns for row in rows[1:]), end_ns]
    for row, stop_ns in zip(rows, stops, strict=True):
        if stretches and stretches[-1][1:] == (row.time_ns, row.erased):
            stretches[-1] = (stretches[-1][0], stop_ns, row.erased)
        elif row.erased is not Cause.NONE:
            stretches.append((row.time_ns, stop_ns, row.erased))
    runs: list[tuple[int, int, Cause]] = []
    for start_ns, stop_ns, cause in stretches:
        if start_ns % slot_ns or (stop_ns % slot_ns and stop_ns != end_ns):
            notes.append(Note(Kind.ROUNDED, "edges of erased stretches, outwards to whole slots"))
        first, stop = start_ns // slot_ns, -(-stop_ns // slot_ns)
        if runs and runs[-1][1] >= first and runs[-1][2] is cause:
            runs[-1] = (runs[-1][0], stop, cause)
        elif stop > (first := max(first, runs[-1][1] if runs else 0)):
            runs.append((first, stop, cause))
    return runs


def _samples(rows: Iterable[Row]) -> dict[str, Any]:
    sampled = [row for row in rows if any(figure is not None for figure in row.figures)]
    columns = {
        name: np.array(
            [math.nan if row.figures[i] is None else row.figures[i] for row in sampled], dtype=_TYPES[name]
        )
        for i, name in enumerate(FIGURES)
    }
    return {"sample_ns": np.array([row.time_ns for row in sampled], dtype=np.int64), **columns}


def cause_of(text: str, place: Place, what: str) -> Cause:
    """A cause by its name in small letters, as in the output of commands; empty: none."""
    if not text:
        return Cause.NONE
    try:
        return Cause[text.upper().replace(" ", "_")]
    except KeyError:
        raise place.error(f"{what} is {text[:30]!r}, expected one of {', '.join(CAUSES)}") from None


def darkness(rate_bps: int, told: Cause, known: bool | None, place: Place) -> tuple[Cause, bool]:
    """Cause and foreknowledge of a row: planned, where a rate of 0 is told without a cause."""
    if rate_bps:
        if told is not Cause.NONE or known:
            raise place.error("has a rate, so there is no darkness to have a cause")
        return Cause.NONE, False
    cause = Cause.UNASSIGNED if told is Cause.NONE else told
    return cause, cause in PLANNED if known is None else known


CAUSES = tuple(cause.name.lower() for cause in Cause if cause is not Cause.NONE)
