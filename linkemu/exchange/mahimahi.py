"""mahimahi's traces: one line, in ms, for each chance to deliver 1500 bytes; at the last line it starts anew.

As mm-link(1) and the README of its traces say it. A trace is a rate over time, of one direction: no delay,
no loss. Imported, each chance is complete at its millisecond and not before; what carries it is spread over
the time since the last one, so that datagrams of any size fit, unless that was an outage (``LONGEST_MS``).
Exported, chances are counted off the capacity integral, in integers; import, export, import is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

import numpy as np

from linkemu.errors import InputError
from linkemu.exchange import blame
from linkemu.exchange.blame import Kind, Note, Place
from linkemu.exchange.planned import SLOT_NS
from linkemu.link.capacity import Capacity
from linkemu.link.outages import delay_s, erased_ns
from linkemu.link.timeline import Cause, LinkTimeline, check, no_samples
from linkemu.machine import Direction

CHANCE_BITS = 1500 * 8
LONGEST_MS = 100  # without a chance for longer, the link is dark
MOST_LINES = 20_000_000
_MS = 10**6
_CHANCE = CHANCE_BITS * 10**9  # in units of capacity, bit/s x ns
_LATEST_MS = 10**9
_WHOLE = Fraction(1)


def read(text: str, file: str) -> list[int]:
    """The times of a trace, ms. InputError names the line."""
    times: list[int] = []
    for number, line in enumerate(blame.lines(text), start=1):
        place = Place(file, number)
        time_ms = place.whole(line.strip(), "time", 0, _LATEST_MS)
        if times and time_ms < times[-1]:
            raise place.error(f"time {time_ms} ms is before that of the line above, {times[-1]} ms")
        times.append(time_ms)
    if not times or times[-1] == 0:
        raise InputError(file, "is no trace: it holds no time after 0 ms")
    return times


def timeline(
    times: Sequence[int], link: tuple[str, str], direction: Direction, delay_ns: int, rounds: int = 1
) -> tuple[LinkTimeline, list[Note]]:
    """The direction that plays a trace, ``rounds`` times in a row."""
    notes = []
    if times[0] == 0:
        text = "chances at 0 ms, which count to the first ms"
        notes.append(Note(Kind.ROUNDED, text, sum(1 for time in times if time == 0)))
    once = [max(time, 1) for time in times]
    played = [time + turn * once[-1] for turn in range(rounds) for time in once]
    edges, rates = _segments(played)
    lit = np.array(rates, dtype=np.int64) > 0
    coefficients = np.zeros((1, 8))
    coefficients[0, 0] = delay_ns / 1e9
    found = LinkTimeline(
        *link,
        direction,
        SLOT_NS,
        np.array(edges, dtype=np.int64),
        np.array(rates, dtype=np.int64),
        np.where(lit, Cause.NONE, Cause.MARGIN).astype(np.uint8),
        np.zeros(len(rates), dtype=np.bool_),
        np.zeros(1, dtype=np.int64),
        edges[-1] + 10**10,
        coefficients,
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.uint8),
        **no_samples(),
    )
    check(found)
    return found, notes


def _segments(times: Sequence[int]) -> tuple[list[int], list[int]]:
    """Edges (ns) and rates whose integral reaches each chance just at its time."""
    edges, rates = [0], list[int]()
    area = done = 0

    def until(time_ms: int, target: int) -> None:
        """A segment to ``time_ms`` at which the integral is ``target``, or less than 1 bit/s more."""
        nonlocal area
        length_ns = time_ms * _MS - edges[-1]
        if length_ns <= 0:
            return
        rate = max(0, -((area - target) // length_ns))
        area += rate * length_ns
        if rates and rates[-1] == rate:
            edges[-1] = time_ms * _MS
        else:
            edges.append(time_ms * _MS)
            rates.append(rate)

    last_ms = 0
    for time_ms, equal in groupby(times):
        gap_ms = time_ms - last_ms
        share = 0 if gap_ms > LONGEST_MS else _CHANCE * (gap_ms - 1) // gap_ms
        until(time_ms - 1, done * _CHANCE + share if share else area)
        done += len(list(equal))
        until(time_ms, done * _CHANCE)
        last_ms = time_ms
    return edges, rates


def write(timeline: LinkTimeline, scale: Fraction = _WHOLE) -> tuple[str, list[Note]]:
    """The trace of a direction at ``scale`` times its rate, and what it can't say.

    Raises:
        InputError: there would be no line, or too many.
    """
    way = f"{timeline.station} - {timeline.satellite} {timeline.direction.value}"
    notes: list[Note] = []
    edges, rates = _carrying(timeline, notes)
    capacity = Capacity(edges, rates)
    total = _scaled(capacity, timeline.end_ns, scale) // _CHANCE
    if not 0 < total <= MOST_LINES:
        raise InputError(
            "--scale",
            f"{way} would have {total} lines, expected 1 to {MOST_LINES}: at scale 1 a line is 12 kbit",
        )
    if scale != 1:
        notes.append(Note(Kind.LOST, f"all but {float(scale):g} of the rate of {way}, by --scale"))
    lines = list(_lines(capacity, scale, timeline.end_ns))
    _note_rest(timeline, lines, capacity, scale, notes)
    return "".join(f"{time}\n" for time in lines), notes


def _carrying(timeline: LinkTimeline, notes: list[Note]) -> tuple[list[int], list[int]]:
    """Edges and rates of what arrives: erased stretches carry nothing."""
    spans = erased_ns(timeline).clip(0, timeline.end_ns)
    if len(spans):
        text = f"loss: in {int(timeline.erased_count.sum())} erased slots nothing is sent, instead of lost"
        notes.append(Note(Kind.ROUNDED, text))
    edges = np.unique(np.concatenate([timeline.edge_ns, spans.ravel()]))
    segment = np.searchsorted(timeline.edge_ns, edges[:-1], side="right") - 1
    rates = timeline.rate_bps[segment].copy()
    run = np.searchsorted(spans[:, 0], edges[:-1], side="right") - 1
    inside = run >= 0
    inside[inside] = edges[:-1][inside] < spans[run[inside], 1]
    rates[inside] = 0
    return edges.tolist(), rates.tolist()


def _lines(capacity: Capacity, scale: Fraction, end_ns: int) -> Iterator[int]:
    """The ms at whose end each chance is complete."""
    before = 0
    for _, stop_ms in pairwise(_milliseconds(capacity, end_ns)):
        after = _scaled(capacity, stop_ms * _MS, scale) // _CHANCE
        yield from (stop_ms for _ in range(after - before))
        before = after


def _scaled(capacity: Capacity, time_ns: int, scale: Fraction) -> int:
    return capacity.position(time_ns) * scale.numerator // scale.denominator


def _milliseconds(capacity: Capacity, end_ns: int) -> Iterator[int]:
    """All whole ms to the end, but for those inside of stretches that carry nothing."""
    last = -(-end_ns // _MS)
    time_ms = 0
    while time_ms < last:
        yield time_ms
        position = capacity.position(time_ms * _MS)
        wakes_ms = capacity.start(position) // _MS
        time_ms = max(time_ms + 1, min(wakes_ms, last))
    yield last


def _note_rest(
    timeline: LinkTimeline, lines: list[int], capacity: Capacity, scale: Fraction, notes: list[Note]
) -> None:
    rest = _scaled(capacity, timeline.end_ns, scale) - len(lines) * _CHANCE
    if rest // 10**9 * 1000 > CHANCE_BITS * scale:
        notes.append(Note(Kind.LOST, f"the last {rest // 10**9} bits, less than a packet"))
    tail_ms = timeline.end_ns / _MS - lines[-1]
    if tail_ms >= 1:
        notes.append(Note(Kind.LOST, f"{tail_ms:g} ms at the end: mahimahi starts anew at the last line"))
    light = delay_s(timeline, np.array([time * _MS - 1 for time in lines[:: max(1, len(lines) // 1000)]]))
    if np.nanmax(light, initial=0.0) > 0.0:
        text = f"light time, {np.nanmin(light) * 1e3:.3f} to {np.nanmax(light) * 1e3:.3f} ms: add mm-delay"
        notes.append(Note(Kind.LOST, text))
