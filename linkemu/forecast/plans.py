"""What each node may know: its windows, as geometry, schedule and known faults promise them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkemu.forecast.geometry import View
from linkemu.forecast.links import Link, interleaver_s
from linkemu.forecast.spans import Segments
from linkemu.machine import Direction
from linkemu.plan import Contact, Plan, Window
from linkemu.scenario.model import Scenario

_DELAY_STEP_s = 10.0  # 5 us of error between samples in low orbit


def plans(scenario: Scenario, links: Sequence[Link]) -> dict[str, Plan]:
    """The first plan of every node, by its id."""
    nodes = [*(one.id for one in scenario.stations), *(one.id for one in scenario.satellites)]
    windows: dict[str, list[Window]] = {node: [] for node in nodes}
    for link in links:
        station, satellite = link.pair.names
        for contact, view in ((m.contact, m.view) for m in link.meetings):
            windows[station].append(_window(link, contact, view, Direction.UP, scenario.duration_s))
            windows[satellite].append(_window(link, contact, view, Direction.DOWN, scenario.duration_s))
    return {
        node: Plan(node, 1, tuple(sorted(own, key=lambda w: (w.start_s, w.link))))
        for node, own in windows.items()
    }


def _window(
    link: Link, contact: Contact, view: View, direction: Direction, end_of_scenario_s: float
) -> Window:
    """A contact as the sender of this direction sees it, in its own time."""
    station, satellite = link.pair.names
    start_s, end_s = contact.start_s, contact.end_s
    if direction is Direction.DOWN:
        end_s -= view.delay_s(end_s, direction)
    end_s = min(end_s, end_of_scenario_s)
    times = np.append(np.arange(start_s, end_s, _DELAY_STEP_s), end_s)
    delays = np.interp(times, view.t_s, view.light_s[direction]) + interleaver_s(link.pair, direction)
    samples = (
        (round(t_s, 6), round(delay_s, 9))
        for t_s, delay_s in zip(times.tolist(), delays.tolist(), strict=True)
    )
    return Window(
        link=link.pair.number,
        peer=satellite if direction is Direction.UP else station,
        start_s=round(start_s, 6),
        end_s=round(end_s, 6),
        expected_rate=_steps(link.planned[direction], start_s, end_s),
        delay=tuple(samples),
        max_elevation_deg=round(contact.sighting.max_elevation_deg, 3),
    )


def _steps(segments: Segments, start_s: float, end_s: float) -> tuple[tuple[float, int], ...]:
    """Rates (from time, bit/s) within a window; equal neighbours merged by the segments already."""
    first = int(np.searchsorted(segments.edge_ns, round(start_s * 1e9), side="right")) - 1
    stop = int(np.searchsorted(segments.edge_ns, round(end_s * 1e9), side="left"))
    edges = np.maximum(segments.edge_ns[first:stop] * 1e-9, start_s).tolist()
    rates = segments.rate_bps[first:stop].tolist()
    return tuple((round(edge, 6), rate) for edge, rate in zip(edges, rates, strict=True))
