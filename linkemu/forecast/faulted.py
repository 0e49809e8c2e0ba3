"""Scripted faults beyond darkness: into the timelines where they can say it, else into the schedule.

Also plans that are wrong on purpose (law 1 of the link: truth and belief are two artefacts). Blackouts and
clouds cost lock and are painted with everything else, in links.py; nothing here touches lock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from linkemu.link.cause import Cause
from linkemu.link.laid import fits, laid_into
from linkemu.link.overlay import ALL, Overlay, Pick
from linkemu.link.timeline import LinkTimeline, Sky
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.scenario.model import Scenario, Trouble
from linkemu.schedule import DoorFault, DoorFaultKind, Key, NodeFault, NodeFaultKind, Schedule

_DOOR = frozenset({"refuse", "reset", "half-open"})
_NODE = frozenset({"kill", "freeze", "clock", "bit-flip", "disk", "plan-late"})
_PLAN = frozenset({"plan-shift", "plan-missing"})


def faulted(scenario: Scenario, sky: Sky) -> Sky:
    """The sky with the scenario's troubles: in its timelines what they can say, else in its schedule."""
    laid: dict[Key, list[tuple[Cause, Overlay]]] = {}
    rest: list[tuple[Key, Overlay]] = []
    for place, trouble in enumerate(scenario.troubles):
        for key in _keys(sky, trouble):
            for overlay in _overlays(scenario, trouble, place, sky.timelines[key]):
                if fits(overlay, sky.timelines[key].slot_ns):
                    cause = Cause.FADE if trouble.kind == "fades" else Cause.FAULT
                    laid.setdefault(key, []).append((cause, overlay))
                else:
                    rest.append((key, overlay))
    timelines = {key: _laid(timeline, laid.get(key, [])) for key, timeline in sky.timelines.items()}
    schedule = Schedule(tuple(rest), _nodes(scenario), _doors(scenario))
    return schedule.put_into(replace(sky, timelines=timelines))


def believed(scenario: Scenario, plans: Mapping[str, Plan]) -> dict[str, Plan]:
    """The plans with what the scenario gets wrong in them."""
    wrong = dict(plans)
    for trouble in scenario.troubles:
        if trouble.kind in _PLAN and trouble.node is not None:
            plan = wrong[trouble.node]
            windows = tuple(w for each in plan.windows for w in _believed(each, trouble))
            wrong[trouble.node] = replace(plan, windows=windows)
    return wrong


def _keys(sky: Sky, trouble: Trouble) -> list[Key]:
    return [
        (number, direction)
        for number, link in enumerate(sky.links)
        if (link.station, link.satellite) == (trouble.station, trouble.satellite)
        for direction in Direction
        if trouble.direction in (None, direction)
    ]


def _overlays(scenario: Scenario, trouble: Trouble, place: int, timeline: LinkTimeline) -> list[Overlay]:
    """What a trouble of a link is, as overlays of one direction. Its place in the file keys its lots."""
    start_ns = _ns(trouble.start_s)
    end_ns = start_ns + _ns(trouble.duration_s or 0.0)
    plain = Overlay(start_ns, end_ns, f"fault {place} {trouble.kind}", scenario.seed)
    pick = ALL if trouble.every is None else Pick(trouble.every)
    if trouble.share is not None and trouble.share < 1.0:
        pick = Pick(share=trouble.share)
    match trouble.kind:
        case "fades":
            return _train(trouble, plain, timeline)
        case "loss" if trouble.of == "datagrams":
            return [replace(plain, erase_datagrams=pick)]
        case "loss" | "blackhole":
            return [replace(plain, erase_slots=pick)]
        case "rate":
            return [replace(plain, rate_cap_bps=trouble.rate_bps)]
        case "delay" if trouble.delay_s is not None:
            return [replace(plain, delay_ns=_ns(trouble.delay_s))]
        case "delay":
            return [replace(plain, delay_added_ns=_ns(trouble.added_s or 0.0))]
        case "reorder":
            return [replace(plain, reorder=pick, late_ns=_ns(trouble.late_s or 0.0))]
        case "duplicate":
            return [replace(plain, duplicate=pick)]
        case "corrupt":
            return [replace(plain, corrupt=pick)]
    return []


def _train(trouble: Trouble, plain: Overlay, timeline: LinkTimeline) -> list[Overlay]:
    """A fade in each period, where the margin in use is less than its depth; no depth: everywhere."""
    period_s, length_s = trouble.period_s or 1.0, trouble.length_s or 0.0
    duration_s = trouble.duration_s or 0.0
    starts_s = trouble.start_s + period_s * np.arange(math.ceil(duration_s / period_s))
    if trouble.depth_dB is not None and len(timeline.sample_ns):
        margin_dB = np.interp(starts_s, timeline.sample_ns / 1e9, timeline.margin_dB, left=0.0, right=0.0)
        starts_s = starts_s[~(margin_dB >= trouble.depth_dB)]
    end_ns = plain.end_ns or 0
    return [
        replace(plain, start_ns=at_ns, end_ns=min(at_ns + _ns(length_s), end_ns), erase_slots=ALL)
        for at_ns in map(_ns, starts_s.tolist())
    ]


def _laid(timeline: LinkTimeline, overlays: Sequence[tuple[Cause, Overlay]]) -> LinkTimeline:
    for cause in (Cause.FADE, Cause.FAULT):
        timeline = laid_into(timeline, [overlay for why, overlay in overlays if why is cause], cause)
    return timeline


def _nodes(scenario: Scenario) -> tuple[NodeFault, ...]:
    return tuple(
        NodeFault(
            node=trouble.node or "",
            kind=cast(NodeFaultKind, trouble.kind),
            start_ns=_ns(trouble.start_s),
            end_ns=_end_ns(trouble),
            shift_ns=_ns(trouble.shift_s or 0.0),
            drift_ppm=trouble.drift_ppm or 0.0,
            count=trouble.count or 1,
            seed=scenario.seed + place,
        )
        for place, trouble in enumerate(scenario.troubles)
        if trouble.kind in _NODE
    )


def _doors(scenario: Scenario) -> tuple[DoorFault, ...]:
    return tuple(
        DoorFault(
            trouble.door or "", cast(DoorFaultKind, trouble.kind), _ns(trouble.start_s), _end_ns(trouble)
        )
        for trouble in scenario.troubles
        if trouble.kind in _DOOR
    )


def _believed(window: Window, trouble: Trouble) -> list[Window]:
    """A window as a wrong plan has it: at another time, or not at all."""
    if trouble.kind == "plan-missing":
        end_s = trouble.start_s + (trouble.duration_s or 0.0)
        return [] if window.start_s < end_s and trouble.start_s < window.end_s else [window]
    shift_s = trouble.shift_s or 0.0
    return [
        replace(
            window,
            start_s=round(window.start_s + shift_s, 6),
            end_s=round(window.end_s + shift_s, 6),
            expected_rate=tuple((round(at_s + shift_s, 6), rate) for at_s, rate in window.expected_rate),
            delay=tuple((round(at_s + shift_s, 6), delay_s) for at_s, delay_s in window.delay),
        )
    ]


def _end_ns(trouble: Trouble) -> int | None:
    return None if trouble.duration_s is None else _ns(trouble.start_s + trouble.duration_s)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
