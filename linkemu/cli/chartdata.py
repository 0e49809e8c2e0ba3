"""What charts show, as arrays: one contact second by second, its fades against theory, tracks over the sky.

Numbers only, from a compiled forecast; no drawing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import InputError
from linkemu.forecast import Forecast
from linkemu.forecast.geometry import View
from linkemu.forecast.links import Link
from linkemu.forecast.meeting import Meeting
from linkemu.link.cause import Cause
from linkemu.link.outages import erased_ns
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction
from linkemu.optics import fading
from linkemu.optics.driver import SEGMENT_s, segments
from linkemu.optics.tracking import Phase, State

Array = NDArray[np.float64]

_BINS_dB = np.arange(-30.0, 10.01, 0.25)
_dB = 10.0 / np.log(10.0)


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One direction of a contact at whole seconds, (n,), in the sender's time."""

    power_dBm: Array  # mean
    low_dBm: Array  # 1 % of the slots of the second lie below
    high_dBm: Array  # 1 % lie above
    margin_dB: Array
    rate_bps: Array
    erased: Array  # share of the second in which what is sent is lost; nan where nothing is sent


@dataclass(frozen=True, slots=True, eq=False)
class Contact:
    """A contact second by second."""

    station: str
    satellite: str
    epoch: datetime
    t_s: Array
    elevation_deg: Array
    ways: dict[Direction, Way]
    story: tuple[Phase, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fade:
    """Levels over the mean in dB, (n,), and their densities per dB: drawn, in theory, and of whole slots."""

    level_dB: Array
    drawn: Array  # scintillation as drawn, sample by sample
    theory: Array  # the laws of all seconds, averaged
    slots: Array  # everything that fades, averaged over slots
    index: float
    expected_index: float


@dataclass(frozen=True, slots=True, eq=False)
class Arc:
    """A stretch of a pass over the sky of a station, in one state; None: nobody points at it."""

    station: str
    satellite: str
    azimuth_rad: Array
    elevation_deg: Array
    state: State | None
    rises_s: float | None  # of the arc that begins a pass


def choose(
    compiled: Forecast, station: str | None, satellite: str | None, number: int | None
) -> tuple[Link, Meeting]:
    """The contact of this number (from 1, in order of time), else the longest."""
    found = [
        (link, meeting)
        for link in compiled.links
        for meeting in link.meetings
        if station in (None, link.pair.station.id) and satellite in (None, link.pair.satellite.id)
    ]
    if not found:
        raise InputError("plot", "there is no such contact in this scenario")
    found.sort(key=lambda each: each[1].contact.start_s)
    if number is None:
        return max(found, key=lambda each: each[1].contact.end_s - each[1].contact.start_s)
    if number > len(found):
        raise InputError("--contact", f"{number} of {len(found)}")
    return found[number - 1]


def contact(compiled: Forecast, link: Link, meeting: Meeting) -> Contact:
    """The figures of a contact, from the turn of the mounts on."""
    view, planned = meeting.view, meeting.contact
    begin, end = max(planned.slew_s, float(view.t_s[0])), min(planned.end_s, _end_s(compiled))
    edges: Array = np.arange(np.floor(begin), np.ceil(end) + 1.0)
    t_s = edges[:-1] + 0.5
    return Contact(
        *link.pair.names,
        compiled.epoch,
        t_s,
        np.degrees(np.interp(t_s, view.t_s, view.elevation_rad)),
        {d: _way(meeting, link.timelines[d], d, edges) for d in Direction},
        meeting.story,
    )


def _way(meeting: Meeting, timeline: LinkTimeline, direction: Direction, edges: Array) -> Way:
    light = meeting.light[direction]
    contact, t_s = meeting.contact, edges[:-1] + 0.5
    inside = (edges[:-1] >= contact.start_s) & (edges[1:] <= contact.end_s)
    power = np.where(inside, np.interp(t_s, light.view.t_s, light.power_dBm), np.nan)
    bands = np.full((2, len(t_s)), np.nan)
    slot_ns = timeline.slot_ns
    for k in np.flatnonzero(inside).tolist():
        first, stop = (round(edge * 1e9) // slot_ns + light.first_slot for edge in edges[k : k + 2])
        bands[:, k] = np.quantile(light.fading.relative(first, stop), (0.01, 0.99))
    low, high = power + 10.0 * np.log10(bands)
    mode = meeting.steps[direction].at(t_s)
    margin = power - (light.sensitivity_dBm(mode) if light.modes else np.nan)
    segment = np.searchsorted(timeline.edge_ns, np.round(t_s * 1e9).astype(np.int64), side="right") - 1
    rate = timeline.rate_bps[np.clip(segment, 0, len(timeline.rate_bps) - 1)].astype(np.float64)
    lost = np.where(rate > 0.0, _share(erased_ns(timeline).astype(np.float64) * 1e-9, edges), np.nan)
    return Way(power, low, high, margin, rate, lost)


def _share(spans: Array, edges: Array) -> Array:
    """Share of each interval that disjoint, sorted spans (r, 2) cover."""
    if not len(spans):
        return np.zeros(len(edges) - 1)
    covered = np.concatenate([[0.0], np.cumsum(spans[:, 1] - spans[:, 0])])
    knots, total = spans.ravel(), np.repeat(covered, 2)[1:-1]
    return np.asarray(np.diff(np.interp(edges, knots, total)) / np.diff(edges))


def fade(meeting: Meeting, direction: Direction) -> Fade:
    """All the fading of a contact in one direction, against the laws that it is drawn from."""
    light = meeting.light[direction]
    slot_ns, window = light.fading.slot_ns, meeting.contact
    begin, end = (round(t_s * 1e9) // slot_ns + light.first_slot for t_s in (window.start_s, window.end_s))
    levels = (_BINS_dB[1:] + _BINS_dB[:-1]) / 2.0
    drawn, theory = np.zeros(len(levels)), np.zeros(len(levels))
    mean = square = expected = count = 0.0
    slots = []
    for number, first, stop in segments(begin, end, slot_ns):
        slots.append(light.fading.relative(first, stop))
        low, high = (slot * slot_ns * 1e-9 - number * SEGMENT_s for slot in (first, stop))
        times, values = light.fading.scintillation(number)
        for second in range(int(np.ceil(low)), int(high)):
            part = values[slice(*np.searchsorted(times, (second, second + 1)).tolist())]
            index, rytov = light.fading.at(number, second)
            drawn += np.histogram(10.0 * np.log10(part), _BINS_dB)[0] / len(part)
            theory += fading.log_density(levels / _dB, index, rytov) / _dB
            mean, square = mean + float(part.mean()), square + float(np.mean(part**2))
            expected, count = expected + index, count + 1.0
    if not count:
        raise InputError("plot", "the contact is too short for statistics")
    width = _BINS_dB[1] - _BINS_dB[0]
    power = np.concatenate(slots)
    whole = np.histogram(10.0 * np.log10(power), _BINS_dB)[0] / len(power) / width
    index = float(square / count / (mean / count) ** 2 - 1.0)
    return Fade(levels, drawn / count / width, theory / count, whole, index, float(expected / count))


def _end_s(compiled: Forecast) -> float:
    """Of the scenario."""
    return max(timeline.end_ns for timeline in compiled.sky.timelines.values()) * 1e-9


def arcs(compiled: Forecast) -> Iterator[Arc]:
    """Every pass in stretches of one state."""
    for link in compiled.links:
        for view in link.pair.views:
            last_s = min(view.los_s, _end_s(compiled))
            inside = np.flatnonzero((view.t_s >= max(0.0, view.aos_s)) & (view.t_s <= last_s))
            if len(inside) >= 2:
                yield from _arcs(link, view, inside)


def _arcs(link: Link, view: View, inside: NDArray[np.intp]) -> Iterator[Arc]:
    """The stretches of one pass, of which these samples are drawn; each ends where the next begins."""
    states = _states([each for each in link.meetings if each.view is view], view.t_s[inside])
    cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(inside)]
    for first, stop in itertools.pairwise(cuts):
        part = inside[first : stop + 1]
        yield Arc(
            *link.pair.names,
            view.azimuth_rad[part],
            np.degrees(view.elevation_rad[part]),
            None if states[first] < 0 else State(int(states[first])),
            view.aos_s if first == 0 else None,
        )


def _states(meetings: Sequence[Meeting], t_s: Array) -> NDArray[np.int64]:
    """The State of the terminals at these times, (n,), -1 where nobody points there."""
    states = np.full(len(t_s), -1)
    for phase in itertools.chain.from_iterable(each.story for each in meetings):
        states[(t_s >= phase.start_s) & (t_s < phase.end_s)] = phase.state
    return states


def blocked_by(phase: Phase) -> str:
    """What a phase is called in a legend."""
    if phase.state is State.BLOCKED:
        return Cause(phase.reason).name.lower()
    return phase.state.name.lower()
