"""The timelines of one pair: geometry, schedule, clouds, faults, lock and fades painted over each other.

What the sending terminal knows is rate 0; what it doesn't know yet is erasure (docs/architecture.md, laws 3,
8 and 10). A fault of both directions takes the beacon too and costs lock; a fault of one direction is a fault
of that modem, whose beacon goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from linkemu.forecast.geometry import Pair, View, delay_segments
from linkemu.forecast.light import Steps
from linkemu.forecast.meeting import Meeting, Searches, cause, faults, meet, own, passing
from linkemu.forecast.spans import Canvas, Segments, Span, clip, disjoint
from linkemu.link.timeline import Cause, LinkTimeline
from linkemu.machine import Direction
from linkemu.optics import tracking
from linkemu.plan import Contact
from linkemu.scenario.model import Scenario
from linkemu.weather.station import Weather

DELAY_LENGTH_s = 10.0  # of a delay segment: 1 ns of error (geometry notes, section 2.6)


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A compiled pair: truth by direction, and the same segments as a plan can know them."""

    pair: Pair
    meetings: tuple[Meeting, ...]
    timelines: dict[Direction, LinkTimeline]
    planned: dict[Direction, Segments]


def compile_pair(
    scenario: Scenario,
    epoch: datetime,
    pair: Pair,
    contacts: Sequence[Contact],
    clouds: Sequence[Span],
    weather: Weather,
) -> Link:
    """Both timelines of a pair. ``contacts`` are the pair's own, ``clouds`` and weather its station's."""
    searches = Searches(scenario, epoch, pair)
    meetings = tuple(
        meet(scenario, pair, contact, _view(pair, contact), clouds, weather, searches) for contact in contacts
    )
    timelines, planned = {}, {}
    for direction in Direction:
        expected = [meeting.light[direction].planned for meeting in meetings]
        planned[direction] = _plan(scenario, pair, meetings, expected, direction).flatten()
        canvas = _plan(scenario, pair, meetings, [m.steps[direction] for m in meetings], direction)
        for meeting in meetings:
            for span in _silence(pair, meeting, direction):
                canvas.dark(span.start_s, span.end_s, span.cause, known=False)
        segments = canvas.flatten()
        timelines[direction] = _timeline(scenario, pair, meetings, direction, segments, weather)
    return Link(pair, meetings, timelines, planned)


def _view(pair: Pair, contact: Contact) -> View:
    return next(view for view in pair.views if view.aos_s <= contact.end_s <= view.los_s + 1e-6)


def _plan(
    scenario: Scenario,
    pair: Pair,
    meetings: Sequence[Meeting],
    steps: Sequence[Steps],
    direction: Direction,
) -> Canvas:
    """All that is known in advance, in the sender's time, with rates by these modes."""
    canvas = Canvas(scenario.duration_s)
    canvas.dark(0.0, scenario.duration_s, Cause.BELOW_MASK, known=True)
    known = faults(scenario, pair, None, known=True)
    for view in pair.views:
        window = (own(view, view.aos_s, direction), own(view, view.los_s, direction))
        canvas.dark(*window, Cause.UNASSIGNED, known=True)
        for span in clip([*view.sun, *view.keyhole, *known], view.aos_s, view.los_s):
            edges = (own(view, span.start_s, direction), own(view, span.end_s, direction))
            canvas.dark(*edges, span.cause, known=True)
    for meeting, modes in zip(meetings, steps, strict=True):
        contact, end_s = meeting.contact, meeting.end_s(direction)
        canvas.dark(contact.slew_s, contact.start_s, Cause.SLEWING, known=True)
        for start_s, stop_s, rate in meeting.light[direction].rates(modes, contact.start_s, end_s):
            if rate:
                canvas.rate(start_s, stop_s, rate)
            else:
                canvas.dark(start_s, stop_s, Cause.MARGIN, known=True)
        for span in clip(faults(scenario, pair, direction, known=True), contact.start_s, end_s):
            canvas.dark(span.start_s, span.end_s, span.cause, known=True)
    return canvas


def _silence(pair: Pair, meeting: Meeting, direction: Direction) -> list[Span]:
    """When the sender of a direction keeps silent for want of lock, in its own time. Radio needs none."""
    if meeting.light[direction].radio_bps:
        return []
    ground = direction is Direction.UP
    terminal = pair.station.terminal if ground else pair.satellite.terminal

    def later(t_s: float) -> float:
        return 0.0 if ground else meeting.view.delay_s(t_s, Direction.UP)

    phases = [p for dark in meeting.dark for p in tracking.noticed(dark, terminal.hold_s, later)]
    spans = [Span(p.start_s, p.end_s, cause(p)) for p in phases]
    return clip(disjoint(spans), meeting.contact.start_s, meeting.end_s(direction))


def _erased(
    scenario: Scenario, pair: Pair, meeting: Meeting, direction: Direction
) -> list[tuple[int, int, Cause]]:
    """Runs (first slot, stop, cause) of a contact: blocks and scans, then the fades among what is left."""
    slot_ns = round(scenario.slot_s * 1e9)
    broken = faults(scenario, pair, direction, known=False)
    if not meeting.light[direction].radio_bps:
        losses = [p for dark in meeting.dark if dark.loss for p in dark.phases]
        broken += [*(Span(p.start_s, p.end_s, cause(p)) for p in losses), *meeting.blocks]
    lost = clip(_merged(disjoint(broken)), meeting.contact.start_s, meeting.contact.end_s)
    fades, dim = meeting.losses[direction].fades, meeting.losses[direction].dim
    runs: list[tuple[int, int, Cause]] = []
    for span in lost:
        first, stop = round(span.start_s * 1e9) // slot_ns, -(-round(span.end_s * 1e9) // slot_ns)
        fades, dim = fades.without(first, stop), dim.without(first, stop)
        runs.append((first, stop, span.cause))
    for span in _silence(pair, meeting, direction):  # nobody sends: no fade needs a record
        back = meeting.view.delay_s(span.start_s, direction) if direction is Direction.DOWN else 0.0
        first, stop = round((span.start_s + back) * 1e9), round((span.end_s + back) * 1e9)
        fades = fades.without(first // slot_ns + 1, stop // slot_ns)
        dim = dim.without(first // slot_ns + 1, stop // slot_ns)
    for some, why in ((fades, Cause.FADE), (dim, Cause.CLOUD)):
        ends = (some.first + some.count).tolist()
        runs += [(first, stop, why) for first, stop in zip(some.first.tolist(), ends, strict=True)]
    return runs


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Neighbours of one cause as one: the steps of an acquisition are one outage."""
    result: list[Span] = []
    for span in spans:
        if result and result[-1].cause is span.cause and result[-1].end_s == span.start_s:
            span = Span(result.pop().start_s, span.end_s, span.cause)
        result.append(span)
    return result


def _timeline(
    scenario: Scenario,
    pair: Pair,
    meetings: Sequence[Meeting],
    direction: Direction,
    segments: Segments,
    weather: Weather,
) -> LinkTimeline:
    runs = sorted(run for meeting in meetings for run in _erased(scenario, pair, meeting, direction))
    table = np.array(runs, dtype=np.int64).reshape(-1, 3)
    first, stop = table[:, 0], table[:, 1]
    stop[:-1] = np.minimum(stop[:-1], first[1:])  # a slot at the edge of two causes counts once
    kept = stop > first
    start_ns, coefficients = delay_segments(pair, direction, DELAY_LENGTH_s)
    coefficients[:, 0] += interleaver_s(pair, direction)
    return LinkTimeline(
        station=pair.station.id,
        satellite=pair.satellite.id,
        direction=direction,
        slot_ns=round(scenario.slot_s * 1e9),
        edge_ns=segments.edge_ns,
        rate_bps=segments.rate_bps,
        cause=segments.cause,
        known=segments.known,
        delay_start_ns=start_ns,
        delay_length_ns=round(DELAY_LENGTH_s * 1e9),
        delay_s=coefficients,
        erased_slot=first[kept].copy(),
        erased_count=(stop - first)[kept],
        erased_cause=table[kept, 2].astype(np.uint8),
        **_samples(scenario, pair, meetings, direction, weather),
    )


def interleaver_s(pair: Pair, direction: Direction) -> float:
    """By which the receiving modem delays everything."""
    receiver = pair.satellite.terminal if direction is Direction.UP else pair.station.terminal
    return receiver.modem.interleaver_s


def _samples(
    scenario: Scenario,
    pair: Pair,
    meetings: Sequence[Meeting],
    direction: Direction,
    weather: Weather,
) -> dict[str, np.ndarray]:
    """The display arrays: one row a second of each pass, whoever points at it."""
    rows: list[np.ndarray] = [np.zeros((7, 0))]
    for view in pair.views:
        t_s, whole = view.t_s[view.whole], view.whole
        inside = (t_s >= max(0.0, view.aos_s)) & (t_s <= min(scenario.duration_s, view.los_s))
        mine = [meeting for meeting in meetings if meeting.view is view]
        light = mine[0].light[direction] if mine else passing(scenario, pair, view, direction, weather)
        mode = light.planned.at(t_s)
        for meeting in mine:
            during = (t_s >= meeting.contact.start_s) & (t_s <= meeting.contact.end_s)
            mode[during] = meeting.steps[direction].at(t_s[during])
        power = light.power_dBm[whole]
        margin = power - light.sensitivity_dBm(mode)
        columns = (
            t_s * 1e9,
            np.round(np.degrees(view.elevation_rad[whole]), 4),
            np.round(np.degrees(view.azimuth_rad[whole]), 4),
            np.round(view.range_m[whole], 2),
            np.round(view.range_rate_mps[whole], 3),
            power,
            np.round(margin, 3),
        )
        rows.append(np.stack(columns)[:, inside])
    table = np.concatenate(rows, axis=1)
    return {
        "sample_ns": np.round(table[0]).astype(np.int64),
        "elevation_deg": table[1].astype(np.float32),
        "azimuth_deg": table[2].astype(np.float32),
        "range_m": table[3].copy(),
        "range_rate_mps": table[4].copy(),
        "power_dBm": table[5].astype(np.float32),
        "margin_dB": table[6].astype(np.float32),
    }
