"""Moments of a link by name: "AOS+90s", "LOS-2 s", "next AOS", "light", "dark+1 s", "12.5 s". Pure.

AOS and LOS are the first and the last light of a pass, whatever clouds come in it; "light" and "dark" begin
and end any light, also by a cloud. What is meant is the first such moment that isn't past; with "next", of
what has not begun yet. Scenario seconds, of the sky as compiled: what a test imposes doesn't move them.
"""

from __future__ import annotations

import re

from linkemu import units
from linkemu.errors import InputError
from linkemu.link.timeline import PLANNED, Cause, LinkTimeline, Sky
from linkemu.machine import Direction

_MOMENT = re.compile(r"\s*(?:(next)\s+)?(AOS|LOS|light|dark)\s*(?:([+-])\s*(.+?))?\s*")
_NUMBER = re.compile(r"\d+(\.\d*)?")
_SHORTEST_DARK_S = 0.1  # shorter ones are fades
_GAPS = frozenset(int(cause) for cause in PLANNED if cause is not Cause.SUN)
Span = tuple[float, float]


class Line:
    """A link's stretches of light in time: ``lights`` of any kind, ``passes`` without their clouds."""

    def __init__(self, sky: Sky, link: int) -> None:
        timelines = [sky.timelines[link, way] for way in Direction if (link, way) in sky.timelines]
        self.end_s = max(each.end_ns for each in timelines) / 1e9
        self.lights = _merged(_stretches(timelines[0]))
        self.passes = _passes(timelines[0])

    def at(self, moment: str | float, now_s: float) -> float:
        """Scenario time of a moment, seen from ``now_s``. InputError if it isn't one, or isn't there."""
        match = _MOMENT.fullmatch(moment) if isinstance(moment, str) else None
        if match is None:
            return _time_s(moment)
        which, word, sign, offset = match.groups()
        by_s = 0.0 if offset is None else duration_s(offset, f"moment {moment!r}")
        spans = self.passes if word in ("AOS", "LOS") else self.lights
        edges = [span[word in ("LOS", "dark")] for span in spans if not which or span[0] > now_s]
        moments = (max(0.0, edge - by_s if sign == "-" else edge + by_s) for edge in edges)
        found = next((each for each in moments if each >= now_s), None)
        if found is None:
            raise InputError(f"moment {moment!r}", f"there is none after {now_s:.3f} s")
        return found


def duration_s(told: str | float, where: str) -> float:
    """Seconds of "1.5 s", "90s", "12" or a number."""
    if isinstance(told, str):
        text = told.strip()
        told = float(text) if _NUMBER.fullmatch(text) else units.duration_s(text, where)
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0.0 <= told <= 1e9:
        raise InputError(where, f"{told!r} is no duration")
    return float(told)


def _time_s(told: str | float) -> float:
    try:
        return duration_s(told, "moment")
    except InputError:
        known = 'a time such as "12.5 s", or AOS, LOS, light or dark, such as "next AOS+90s"'
        raise InputError(f"moment {told!r}", f"is none, expected {known}") from None


def _stretches(timeline: LinkTimeline) -> list[Span]:
    edges = (timeline.edge_ns / 1e9).tolist()
    rates = timeline.rate_bps.tolist()
    return [(edges[i], edges[i + 1]) for i, rate in enumerate(rates) if rate > 0]


def _merged(spans: list[Span]) -> list[Span]:
    """Stretches whose gaps are no outages count as one."""
    merged: list[Span] = []
    for start, stop in spans:
        if merged and start - merged[-1][1] < _SHORTEST_DARK_S:
            start = merged.pop()[0]
        merged.append((start, stop))
    return merged


def _passes(timeline: LinkTimeline) -> list[Span]:
    """First to last light between gaps that stand in the plan."""
    edges, rates = (timeline.edge_ns / 1e9).tolist(), timeline.rate_bps.tolist()
    passes: list[Span] = []
    is_new = True
    for i, (rate, cause) in enumerate(zip(rates, timeline.cause.tolist(), strict=True)):
        if rate > 0:
            begun_s = edges[i] if is_new else passes.pop()[0]
            passes.append((begun_s, edges[i + 1]))
            is_new = False
        elif cause in _GAPS:
            is_new = True
    return passes
