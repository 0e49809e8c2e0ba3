"""One contact: light of both directions, modes, what is lost, what blocks, and the story of its lock.

Everything that nobody could know in advance is found here; how it is painted into timelines is links.py's.
Times are those at which light crosses the atmosphere over the ground end, unless a sender's own is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from linkemu.forecast import overhead
from linkemu.forecast.fades import Fades
from linkemu.forecast.geometry import Pair, View
from linkemu.forecast.light import Light, Losses, Steps, light
from linkemu.forecast.scene import UNIX, scene
from linkemu.forecast.spans import Runs, Span, clip, disjoint
from linkemu.link.timeline import Cause
from linkemu.machine import Direction
from linkemu.optics import modem, tracking
from linkemu.optics.tracking import Darkness, Phase, State
from linkemu.plan import Contact
from linkemu.rng import Stream
from linkemu.scenario.model import Scenario
from linkemu.weather.station import State as Sight
from linkemu.weather.station import Weather

_DRAWS = 4096  # that one pass may use
_DIM_dB = 1.0  # weather that takes more is to blame for a beacon that is lost


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """A contact with its light and its times without lock."""

    contact: Contact
    view: View
    light: dict[Direction, Light]
    steps: dict[Direction, Steps]  # the modes as they are, feedback and all
    losses: dict[Direction, Losses]
    blocks: list[Span]  # clouds, faults of both directions, fades that outlast the hold time
    dark: list[Darkness]

    def end_s(self, direction: Direction) -> float:
        """When the sender must stop: light that leaves later crosses after the end."""
        return own(self.view, self.contact.end_s, direction)

    @property
    def story(self) -> tuple[Phase, ...]:
        """Every state of the pair from the turn of the mounts on."""
        contact = self.contact
        return tracking.story(contact.slew_s, contact.start_s, contact.end_s, self.dark)


def own(view: View, crossing_s: float, direction: Direction) -> float:
    """When the sender of a direction must send for light to cross the air over the ground at this time."""
    return crossing_s - (view.delay_s(crossing_s, direction) if direction is Direction.DOWN else 0.0)


def faults(scenario: Scenario, pair: Pair, direction: Direction | None, *, known: bool) -> list[Span]:
    """The scripted faults of a pair that touch exactly this direction (None: both)."""
    return [
        Span(fault.start_s, fault.start_s + fault.duration_s, Cause.FAULT)
        for fault in scenario.faults
        if (fault.station, fault.satellite) == pair.names
        and fault.direction is direction
        and fault.known is known
    ]


def cause(phase: Phase) -> Cause:
    """Of a phase without lock, as timelines name it."""
    return Cause.ACQUIRING if phase.state in tracking.ACQUIRING else Cause(phase.reason)


class Searches:
    """How long each acquisition takes: gamma distributed, drawn by station, satellite, pass and count."""

    def __init__(self, scenario: Scenario, epoch: datetime, pair: Pair) -> None:
        self._settings = scenario.acquisition
        self._means_s = np.array(
            [t.acquisition_mean_s for t in (pair.station.terminal, pair.satellite.terminal)]
        )
        self._stream = Stream(scenario.seed, "acquisition", *pair.names)
        self._epoch_s = (epoch - UNIX).total_seconds()
        self._used: dict[int, int] = {}  # draws by pass
        self._left_s: dict[int, float] = {}  # end of the last contact by pass

    def of(self, contact: Contact, view: View) -> tracking.Acquire:
        """The draws of a contact; one that follows closely on another of the same pass needs no scan."""
        minute = round((self._epoch_s + view.tca_s) / 60.0)
        gap_s = contact.start_s - self._left_s.get(minute, -np.inf)
        self._left_s[minute] = contact.end_s
        return lambda dark_s: self._draw(minute, gap_s if dark_s is None else dark_s)

    def _draw(self, minute: int, dark_s: float) -> tracking.Steps:
        count = self._used.get(minute, 0)
        self._used[minute] = count + 1
        luck = self._stream.uniform(minute * _DRAWS + 2 * count, 2)
        settings = self._settings
        scan = dark_s >= settings.short_loss_s
        if scan:  # lock needs both ends
            total_s = float(tracking.lengths_s(luck, self._means_s, settings.shape).max())
        else:
            total_s = float(tracking.lengths_s(luck[:1], np.array([settings.reacquire_s]), settings.shape)[0])
        return tracking.steps(round(total_s, 6), settings.coarse_s, settings.fine_s, scan=scan)


def meet(
    scenario: Scenario,
    pair: Pair,
    contact: Contact,
    view: View,
    clouds: Sequence[Span],
    weather: Weather,
    searches: Searches,
) -> Meeting:
    """The contact as it goes. ``clouds`` are the scripted ones over its station."""
    window = (contact.start_s, contact.end_s)
    state = overhead.along(weather, view)
    lights = _lights(scenario, pair, view, window, state)
    drawn = overhead.blocked(state, view)
    broken = faults(scenario, pair, None, known=False)
    blocks = disjoint([*clouds, *drawn, *broken])
    steps = {direction: _steps(lights, direction, window, blocks) for direction in Direction}
    losses = {direction: lights[direction].losses(steps[direction], *window) for direction in Direction}
    hold_s = min(pair.station.terminal.hold_s, pair.satellite.terminal.hold_s)
    slot_ns = round(scenario.slot_s * 1e9)
    deep = [span for d, each in losses.items() for span in _long(lights[d], each.untracked, hold_s, slot_ns)]
    blocks = clip(disjoint([*blocks, *deep]), *window)
    blocked = [Phase(b.start_s, b.end_s, State.BLOCKED, int(b.cause)) for b in blocks]
    dark = tracking.darkness(*window, blocked, hold_s, searches.of(contact, view))
    return Meeting(contact, view, lights, steps, losses, blocks, dark)


def passing(scenario: Scenario, pair: Pair, view: View, direction: Direction, weather: Weather) -> Light:
    """Light of a pass that nobody points at."""
    state = overhead.along(weather, view)
    return _lights(scenario, pair, view, (view.tca_s, view.tca_s), state)[direction]


def _lights(
    scenario: Scenario, pair: Pair, view: View, window: tuple[float, float], state: Sight
) -> dict[Direction, Light]:
    reach_s = scenario.slot_s + max(
        pair.station.terminal.modem.interleaver_s, pair.satellite.terminal.modem.interleaver_s
    )
    seen = scene(pair, pair.track.epoch, window[0] - reach_s, window[1] + reach_s)
    return {
        direction: light(scenario, pair, view, direction, Fades(scenario, pair, direction, seen), state)
        for direction in Direction
    }


def _steps(
    lights: dict[Direction, Light], direction: Direction, window: tuple[float, float], blocks: Sequence[Span]
) -> Steps:
    """The modes of a direction: as planned, or as the other end's reports make them."""
    mine, back = lights[direction], lights[direction.other]
    if mine.control.adaptation is not modem.Adaptation.ADAPTIVE or not mine.modes:
        return mine.planned
    step_s = mine.control.report_s
    start_s = np.floor(window[0] / step_s) * step_s
    count = int(np.ceil((window[1] - start_s) / step_s))
    measured = mine.meter_dBm(start_s, count, step_s, blocks)
    heard = _heard(back, start_s, count, step_s, blocks)
    light_s = mine.view.delay_s(start_s, direction)
    delay_s = (
        2.0 if direction is Direction.UP else 1.0
    ) * light_s  # the sender on the ground: there and back
    index = modem.adapt(measured, heard, step_s, delay_s, mine.modes, mine.control)
    return Steps(start_s + np.arange(count) * step_s, index)


def _heard(
    back: Light, start_s: float, count: int, step_s: float, blocks: Sequence[Span]
) -> NDArray[np.bool_]:
    """Whether a report at each step gets through: in the slowest mode of the way back, or by radio."""
    if back.radio_bps or not back.modes:
        return np.full(count, back.radio_bps > 0)
    measured = back.meter_dBm(start_s, count, step_s, blocks)
    return np.asarray(measured >= back.modes[-1].sensitivity_dBm)


def _long(light: Light, runs: Runs, hold_s: float, slot_ns: int) -> Iterable[Span]:
    """Times without a beacon that outlast the hold time: fades, or weather that dims it away."""
    long = runs.longer(int(hold_s * 1e9) // slot_ns)
    for first, count in zip(long.first.tolist(), long.count.tolist(), strict=True):
        start_s, end_s = first * slot_ns * 1e-9, (first + count) * slot_ns * 1e-9
        why = Cause.CLOUD if light.weather_dB((start_s + end_s) / 2.0) > _DIM_dB else Cause.FADE
        yield Span(start_s, end_s, why)
