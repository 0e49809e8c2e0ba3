"""The timelines of one pair: geometry, schedule, clouds, faults, lock and fades painted over each other.

What the sending terminal knows is rate 0; what it doesn't know yet is erasure (docs/architecture.md, laws 3,
8 and 10). A fault of both directions takes the beacon too and costs lock; a fault of one direction is a fault
of that modem, whose beacon goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from scipy.special import gammaincinv

from linkemu.forecast.geometry import Pair, View, delay_segments
from linkemu.forecast.light import Light
from linkemu.forecast.lock import Darkness, Scan, darkness, noticed
from linkemu.forecast.spans import Canvas, Runs, Segments, Span, clip, disjoint
from linkemu.link.timeline import Cause, LinkTimeline
from linkemu.machine import Direction
from linkemu.plan import Contact
from linkemu.rng import Stream
from linkemu.scenario.model import Scenario

DELAY_LENGTH_s = 10.0  # of a delay segment: 1 ns of error (geometry notes, section 2.6)
_DRAWS = 4096  # that one pass may use
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A compiled pair: truth by direction, and the same segments as a plan can know them."""

    pair: Pair
    contacts: tuple[tuple[Contact, View], ...]
    timelines: dict[Direction, LinkTimeline]
    planned: dict[Direction, Segments]


@dataclass(frozen=True, slots=True, eq=False)
class _Meeting:
    """One contact with its clear-sky light, fades and times without lock."""

    contact: Contact
    view: View
    light: dict[Direction, Light]
    fades: dict[Direction, Runs]
    blocks: list[Span]  # clouds, faults of both directions, fades that outlast the hold time
    dark: list[Darkness]

    def end_s(self, direction: Direction) -> float:
        """When the sender must stop: light that leaves later crosses after the end."""
        return _own(self.view, self.contact.end_s, direction)


def compile_pair(
    scenario: Scenario, epoch: datetime, pair: Pair, contacts: Sequence[Contact], clouds: Sequence[Span]
) -> Link:
    """Both timelines of a pair. ``contacts`` are the pair's own, ``clouds`` those over its station."""
    placed = tuple((contact, _view(pair, contact)) for contact in contacts)
    scans = _Scans(scenario, epoch, pair)
    meetings = [_meet(scenario, epoch, pair, contact, view, clouds, scans) for contact, view in placed]
    timelines, planned = {}, {}
    for direction in Direction:
        canvas = _plan(scenario, pair, meetings, direction)
        planned[direction] = canvas.flatten()
        for meeting in meetings:
            for span in _silence(pair, meeting, direction):
                canvas.dark(span.start_s, span.end_s, span.cause, known=False)
        timelines[direction] = _timeline(scenario, pair, meetings, direction, canvas.flatten())
    return Link(pair, placed, timelines, planned)


def faults(scenario: Scenario, pair: Pair, direction: Direction | None, *, known: bool) -> list[Span]:
    """The scripted faults of a pair that touch exactly this direction (None: both)."""
    return [
        Span(fault.start_s, fault.start_s + fault.duration_s, Cause.FAULT)
        for fault in scenario.faults
        if (fault.station, fault.satellite) == pair.names
        and fault.direction is direction
        and fault.known is known
    ]


def _view(pair: Pair, contact: Contact) -> View:
    return next(view for view in pair.views if view.aos_s <= contact.end_s <= view.los_s + 1e-6)


def _own(view: View, crossing_s: float, direction: Direction) -> float:
    """When the sender of a direction must send for light to cross the air over the ground at this time."""
    return crossing_s - (view.delay_s(crossing_s, direction) if direction is Direction.DOWN else 0.0)


class _Scans:
    """How long each scan takes: gamma distributed, drawn by station, satellite, pass and count."""

    def __init__(self, scenario: Scenario, epoch: datetime, pair: Pair) -> None:
        self._settings = scenario.acquisition
        self._means_s = [t.acquisition_mean_s for t in (pair.station.terminal, pair.satellite.terminal)]
        self._stream = Stream(scenario.seed, "acquisition", *pair.names)
        self._epoch_s = (epoch - _UNIX).total_seconds()
        self._used: dict[int, int] = {}  # draws by pass
        self._left_s: dict[int, float] = {}  # end of the last contact by pass

    def of(self, contact: Contact, view: View) -> Scan:
        minute = round((self._epoch_s + view.tca_s) / 60.0)
        gap_s = contact.start_s - self._left_s.get(minute, -np.inf)
        self._left_s[minute] = contact.end_s
        return lambda dark_s: self._draw(minute, gap_s if dark_s is None else dark_s)

    def _draw(self, minute: int, dark_s: float) -> float:
        count = self._used.get(minute, 0)
        self._used[minute] = count + 1
        luck = self._stream.uniform(minute * _DRAWS + 2 * count, 2)
        shape = self._settings.shape
        if dark_s < self._settings.short_loss_s:
            lengths = [self._settings.reacquire_s * float(gammaincinv(shape, luck[0])) / shape]
        else:  # lock needs both ends
            lengths = [
                m * float(gammaincinv(shape, u)) / shape for m, u in zip(self._means_s, luck, strict=True)
            ]
        return round(max(lengths), 6)


def _meet(
    scenario: Scenario,
    epoch: datetime,
    pair: Pair,
    contact: Contact,
    view: View,
    clouds: Sequence[Span],
    scans: _Scans,
) -> _Meeting:
    slot_ns = round(scenario.slot_s * 1e9)
    epoch_slot = round((epoch - _UNIX).total_seconds() * 1e6) * 1000 // slot_ns
    light = {direction: Light(pair, view, direction) for direction in Direction}
    window = (contact.start_s, contact.end_s)
    fades = {d: light[d].fades(scenario.seed, slot_ns, epoch_slot, *window) for d in Direction}
    hold_s = min(pair.station.terminal.hold_s, pair.satellite.terminal.hold_s)
    deep = [span for runs in fades.values() for span in _long(runs, hold_s, slot_ns)]
    broken = faults(scenario, pair, None, known=False)
    blocks = clip(disjoint([*clouds, *broken, *deep]), *window)
    dark = darkness(*window, blocks, hold_s, scans.of(contact, view))
    return _Meeting(contact, view, light, fades, blocks, dark)


def _long(runs: Runs, hold_s: float, slot_ns: int) -> Iterable[Span]:
    """Fades that outlast the hold time, as spans."""
    long = runs.longer(int(hold_s * 1e9) // slot_ns)
    for first, count in zip(long.first.tolist(), long.count.tolist(), strict=True):
        yield Span(first * slot_ns * 1e-9, (first + count) * slot_ns * 1e-9, Cause.FADE)


def _plan(scenario: Scenario, pair: Pair, meetings: Sequence[_Meeting], direction: Direction) -> Canvas:
    """All that is known in advance, in the sender's time."""
    canvas = Canvas(scenario.duration_s)
    canvas.dark(0.0, scenario.duration_s, Cause.BELOW_MASK, known=True)
    known = faults(scenario, pair, None, known=True)
    for view in pair.views:
        window = (_own(view, view.aos_s, direction), _own(view, view.los_s, direction))
        canvas.dark(*window, Cause.UNASSIGNED, known=True)
        for span in clip([*view.sun, *known], view.aos_s, view.los_s):
            edges = (_own(view, span.start_s, direction), _own(view, span.end_s, direction))
            canvas.dark(*edges, span.cause, known=True)
    for meeting in meetings:
        contact, end_s = meeting.contact, meeting.end_s(direction)
        canvas.dark(contact.slew_s, contact.start_s, Cause.SLEWING, known=True)
        for start_s, stop_s, rate in meeting.light[direction].rates(contact.start_s, end_s):
            if rate:
                canvas.rate(start_s, stop_s, rate)
            else:
                canvas.dark(start_s, stop_s, Cause.MARGIN, known=True)
        for span in clip(faults(scenario, pair, direction, known=True), contact.start_s, end_s):
            canvas.dark(span.start_s, span.end_s, span.cause, known=True)
    return canvas


def _silence(pair: Pair, meeting: _Meeting, direction: Direction) -> list[Span]:
    """When the sender of a direction keeps silent for want of lock, in its own time."""
    if direction is Direction.UP:
        hold_s = pair.station.terminal.hold_s
        spans = [s for dark in meeting.dark for s in noticed(dark, hold_s, lambda _: 0.0)]
    else:
        hold_s = pair.satellite.terminal.hold_s
        spans = [
            span
            for dark in meeting.dark
            for span in noticed(dark, hold_s, lambda t_s: meeting.view.delay_s(t_s, Direction.UP))
        ]
    return clip(spans, meeting.contact.start_s, meeting.end_s(direction))


def _erased(
    scenario: Scenario, pair: Pair, meeting: _Meeting, direction: Direction
) -> list[tuple[int, int, Cause]]:
    """Runs (first slot, stop, cause) of a contact: blocks and scans, then the fades among what is left."""
    slot_ns = round(scenario.slot_s * 1e9)
    losses = [phase for dark in meeting.dark if dark.loss for phase in dark.phases]
    broken = faults(scenario, pair, direction, known=False)
    lost = clip(disjoint([*losses, *meeting.blocks, *broken]), meeting.contact.start_s, meeting.contact.end_s)
    fades = meeting.fades[direction]
    runs: list[tuple[int, int, Cause]] = []
    for span in lost:
        first, stop = round(span.start_s * 1e9) // slot_ns, -(-round(span.end_s * 1e9) // slot_ns)
        fades = fades.without(first, stop)
        runs.append((first, stop, span.cause))
    for span in _silence(pair, meeting, direction):  # nobody sends: no fade needs a record
        back = meeting.view.delay_s(span.start_s, direction) if direction is Direction.DOWN else 0.0
        first, stop = round((span.start_s + back) * 1e9), round((span.end_s + back) * 1e9)
        fades = fades.without(first // slot_ns + 1, stop // slot_ns)
    tail = zip(fades.first.tolist(), (fades.first + fades.count).tolist(), strict=True)
    return [*runs, *((first, stop, Cause.FADE) for first, stop in tail)]


def _timeline(
    scenario: Scenario, pair: Pair, meetings: Sequence[_Meeting], direction: Direction, segments: Segments
) -> LinkTimeline:
    runs = sorted(run for meeting in meetings for run in _erased(scenario, pair, meeting, direction))
    table = np.array(runs, dtype=np.int64).reshape(-1, 3)
    first, stop = table[:, 0], table[:, 1]
    stop[:-1] = np.minimum(stop[:-1], first[1:])  # a slot at the edge of two causes counts once
    kept = stop > first
    start_ns, coefficients = delay_segments(pair, direction, DELAY_LENGTH_s)
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
        **_samples(scenario, pair, direction),
    )


def _samples(scenario: Scenario, pair: Pair, direction: Direction) -> dict[str, np.ndarray]:
    """The display arrays: one row a second of each pass."""
    rows: list[np.ndarray] = [np.zeros((7, 0))]
    for view in pair.views:
        light = Light(pair, view, direction)
        inside = (view.t_s >= max(0.0, view.aos_s)) & (view.t_s <= min(scenario.duration_s, view.los_s))
        margin = light.power_dBm - light.sensitivity_dBm
        columns = (
            view.t_s * 1e9,
            np.round(np.degrees(view.elevation_rad), 4),
            np.round(np.degrees(view.azimuth_rad), 4),
            np.round(view.range_m, 2),
            np.round(view.range_rate_mps, 3),
            light.power_dBm,
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
