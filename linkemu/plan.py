"""The Plan: what a node may know in advance, and the choice of which terminal points where, when. Pure.

Windows are what geometry and the pointing schedule promise. Clouds, fades and the length of an acquisition
are not in it: they stand only in the Sky. A plan may be wrong, late or old on purpose; it carries a version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from linkemu.errors import FormatError

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Window:
    """One contact as planned: times in scenario seconds."""

    link: int
    peer: str
    start_s: float  # the mount is on target and both ends may begin to acquire
    end_s: float
    expected_rate: tuple[tuple[float, int], ...]  # (from time, bit/s) steps of this node's transmit rate
    delay: tuple[tuple[float, float], ...]  # (time, one-way seconds) samples, linear between
    max_elevation_deg: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows of one node, sorted by start."""

    node: str
    version: int
    windows: tuple[Window, ...]

    def to_json(self) -> str:
        """The plan as one line of JSON; ``from_json`` gives back an equal plan."""
        windows = [
            {
                "link": window.link,
                "peer": window.peer,
                "start_s": window.start_s,
                "end_s": window.end_s,
                "expected_rate": window.expected_rate,
                "delay": window.delay,
                "max_elevation_deg": window.max_elevation_deg,
            }
            for window in self.windows
        ]
        plan = {"format": FORMAT_VERSION, "node": self.node, "version": self.version, "windows": windows}
        return json.dumps(plan, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read ``to_json``'s text.

        Raises:
            FormatError: not JSON, another format version, a field that is missing, foreign or not finite.
        """
        try:
            plan = json.loads(text)
            if plan["format"] != FORMAT_VERSION:
                raise FormatError(f"plan: format {plan['format']!r}, this linkemu reads {FORMAT_VERSION}")
            windows = tuple(_window(each) for each in plan["windows"])
            return cls(_text(plan["node"]), _integer(plan["version"]), windows)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise FormatError(f"plan: not a plan, or incomplete ({error!r})") from error


def _window(table: dict[str, Any]) -> Window:
    return Window(
        link=_integer(table["link"]),
        peer=_text(table["peer"]),
        start_s=_number(table["start_s"]),
        end_s=_number(table["end_s"]),
        expected_rate=tuple((_number(time), _integer(rate)) for time, rate in table["expected_rate"]),
        delay=tuple((_number(time), _number(delay)) for time, delay in table["delay"]),
        max_elevation_deg=_number(table["max_elevation_deg"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not an integer")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"{value!r} is not a finite number")
    return float(value)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A time in which two terminals could work together: in view, off the Sun, no known fault."""

    station: str
    satellite: str
    start_s: float
    end_s: float
    max_elevation_deg: float


@dataclass(frozen=True, slots=True)
class Contact:
    """A sighting, or its rest, that the schedule gives to its two terminals."""

    sighting: Sighting
    slew_s: float  # both mounts turn from here to ``start_s``
    start_s: float
    end_s: float


Slew = Callable[[str, Sighting | None, Sighting, float], float]
"""Seconds that a terminal (by id) needs from one sighting, left at that time, to another; None: parked."""


def assign(sightings: Iterable[Sighting], slew: Slew, shortest_s: float = 1.0) -> tuple[Contact, ...]:
    """Who points at whom, when: greedy, no terminal twice at a time; sorted by start.

    A contact is kept to the end of its sighting. Whenever two terminals that see each other are free, the
    highest pass wins, then names. A mount that was idle turns before the sighting begins; one that comes from
    another target turns when it is free. Contacts shorter than ``shortest_s`` aren't made.
    """
    waiting = sorted(sightings, key=lambda s: (s.start_s, -s.max_elevation_deg, s.station, s.satellite))
    last: dict[str, Contact] = {}
    contacts: list[Contact] = []
    now = -math.inf
    while waiting:
        now = max(now, waiting[0].start_s)
        open_now = [each for each in waiting if each.start_s <= now and _free(each, last, now)]
        if not open_now:
            now = _next_event(waiting, last, now)
        else:
            best = min(open_now, key=lambda s: (-s.max_elevation_deg, s.station, s.satellite, s.start_s))
            waiting.remove(best)
            contact = _contact(best, last, slew)
            if contact.end_s - contact.start_s >= shortest_s:
                contacts.append(contact)
                last[best.station] = last[best.satellite] = contact
        waiting = [each for each in waiting if each.end_s - max(now, each.start_s) >= shortest_s]
    return tuple(sorted(contacts, key=lambda c: (c.start_s, c.sighting.station, c.sighting.satellite)))


def _free(sighting: Sighting, last: dict[str, Contact], now: float) -> bool:
    ends = (last[name].end_s for name in (sighting.station, sighting.satellite) if name in last)
    return all(end_s <= now for end_s in ends)


def _next_event(waiting: list[Sighting], last: dict[str, Contact], now: float) -> float:
    """The next time at which a sighting begins or a terminal becomes free."""
    starts = (each.start_s for each in waiting if each.start_s > now)
    ends = (contact.end_s for contact in last.values() if contact.end_s > now)
    return min(min(starts, default=math.inf), min(ends, default=math.inf))


def _contact(sighting: Sighting, last: dict[str, Contact], slew: Slew) -> Contact:
    """The sighting from the moment on which both mounts can have reached it."""
    start_s = sighting.start_s
    longest_s = 0.0
    for name in (sighting.station, sighting.satellite):
        before = last.get(name)
        if before is None:
            turn_s = slew(name, None, sighting, sighting.start_s)
        else:
            turn_s = slew(name, before.sighting, sighting, before.end_s)
            start_s = max(start_s, before.end_s + turn_s)
        longest_s = max(longest_s, turn_s)
    return Contact(sighting, start_s - longest_s, start_s, max(start_s, sighting.end_s))
