"""From a scenario to its sky and plans: the order of the work, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from linkemu.forecast import skies, start
from linkemu.forecast.faulted import believed, faulted
from linkemu.forecast.geometry import Pair, View, pairs, turn_s
from linkemu.forecast.links import Link, compile_pair
from linkemu.forecast.meeting import faults
from linkemu.forecast.plans import plans
from linkemu.forecast.spans import Span, disjoint, gaps
from linkemu.link.timeline import Cause, LinkName, Sky
from linkemu.orbit.element_set import Elements
from linkemu.orbit.passes import Pass
from linkemu.plan import Contact, Plan, Sighting, assign
from linkemu.scenario.model import Scenario
from linkemu.schedule import Schedule

_OVERRUN_s = 0.5  # a contact that the scenario's end cuts goes on by more than any light time

Progress = Callable[[float, str], None]
"""Told the share done (0 to 1) and what comes next."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Truth, belief and what to tell the user."""

    epoch: datetime  # UTC of scenario time 0
    sky: Sky
    plans: Mapping[str, Plan]  # by node
    links: tuple[Link, ...]  # how the sky came about, meeting by meeting
    passes: tuple[Pass, ...]  # that touch the scenario, uncut up to an hour beyond its start and end
    warnings: tuple[str, ...]

    @property
    def schedule(self) -> Schedule:
        """Of faults that the timelines can't say."""
        return Schedule.of(self.sky)


def forecast(scenario: Scenario, progress: Progress | None = None, step_s: float = 1.0) -> Forecast:
    """Compile a scenario; a pure function of the scenario and its element files.

    ``step_s`` is that of geometry and slow means, a whole part of a second; what is drawn keeps its own
    grids whatever it is.

    Raises:
        ElementsError: an element file is wrong, or a satellite isn't in it.
        InputError: "next-pass" and no pass.
    """
    tell = progress if progress is not None else _silent
    tell(0.0, "elements and passes")
    chosen = start.choose(scenario)
    epoch = start.epoch(scenario, chosen)
    every = pairs(scenario, chosen, epoch, step_s)
    contacts = schedule(scenario, every)
    weather = skies.skies(scenario, epoch)
    clouds = {station.id: _clouds(scenario, station.id) for station in scenario.stations}
    links = []
    for done, pair in enumerate(every):
        tell(0.1 + 0.9 * done / len(every), f"{pair.station.id} - {pair.satellite.id}")
        mine = [c for c in contacts if (c.sighting.station, c.sighting.satellite) == pair.names]
        over = pair.station.id
        links.append(compile_pair(scenario, epoch, pair, mine, clouds[over], weather[over]))
    tell(1.0, "done")
    passes = sorted((one for pair in every for one in pair.passes), key=lambda one: one.aos_s)
    warned = [*start.warnings(scenario, chosen, epoch), *skies.warnings(scenario, weather), *_warnings(links)]
    sky = faulted(scenario, _sky(scenario, chosen, epoch, links))
    beliefs = believed(scenario, plans(scenario, links))
    return Forecast(epoch, sky, beliefs, tuple(links), tuple(passes), tuple(warned))


def _silent(share: float, text: str) -> None:
    """Nobody listens."""


def schedule(scenario: Scenario, every: Sequence[Pair]) -> tuple[Contact, ...]:
    """Which terminal points where: sightings are passes less Sun and faults known in advance."""
    by_name = {pair.names: pair for pair in every}
    sightings = [s for pair in every for view in pair.views for s in _sightings(scenario, pair, view)]

    def slew(name: str, before: Sighting | None, to: Sighting, left_s: float) -> float:
        left = None if before is None else by_name[before.station, before.satellite]
        return turn_s(name, left, by_name[to.station, to.satellite], left_s, max(to.start_s, left_s))

    return assign(sightings, slew)


def _sightings(scenario: Scenario, pair: Pair, view: View) -> list[Sighting]:
    closed = [*view.sun, *view.keyhole, *faults(scenario, pair, None, known=True)]
    window = (max(view.aos_s, 0.0), min(view.los_s, scenario.duration_s + _OVERRUN_s))
    open_times = gaps(*window, closed)
    return [Sighting(*pair.names, begin_s, end_s, view.max_elevation_deg) for begin_s, end_s in open_times]


def _clouds(scenario: Scenario, station: str) -> list[Span]:
    """The scripted ones."""
    return disjoint(
        Span(cloud.start_s, cloud.start_s + cloud.duration_s, Cause.CLOUD)
        for cloud in scenario.clouds
        if cloud.station == station
    )


def _warnings(links: Sequence[Link]) -> list[str]:
    if not any(link.pair.passes for link in links):
        return ["no satellite rises over any station in this scenario"]
    return [
        f"{link.pair.satellite.id} over {link.pair.station.id}: no mode ever closes {direction.value}"
        for link in links
        for direction, segments in link.planned.items()
        if link.meetings and not segments.rate_bps.any()
    ]


def _sky(scenario: Scenario, chosen: Sequence[Elements], epoch: datetime, links: Sequence[Link]) -> Sky:
    header = {
        "name": scenario.name,
        "epoch": epoch.isoformat(),
        "duration_s": scenario.duration_s,
        "slot_s": scenario.slot_s,
        "seed": scenario.seed,
        "scenario": scenario.text,
        "elements": {
            satellite.id: {"norad": one.norad_id, "epoch": one.epoch.isoformat(), "name": one.name}
            for satellite, one in zip(scenario.satellites, chosen, strict=True)
        },
        "eclipses": {link.pair.satellite.id: link.pair.eclipses for link in links},
        "versions": {name: version(name) for name in ("linkemu", "numpy", "scipy", "sgp4", "skyfield")},
    }
    timelines = {
        (link.pair.number, direction): timeline
        for link in links
        for direction, timeline in link.timelines.items()
    }
    return Sky(header, tuple(LinkName(*link.pair.names) for link in links), timelines)
