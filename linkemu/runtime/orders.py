"""What an operator may order the emulator to do over the bus: to put live faults on links, and to lift them.

``linkemu/<scenario>/order/fault`` takes JSON, not retained: {"faults": [...]} imposes all or none, from one
slot on; each fault names "station", "satellite", "direction" ("up", "down" or "both", the default), when
("start_s", by default now, and "duration_s", by default until lifted), and what as link/overlayform.py says.
{"lift": NAME} ends those of a name, an error if none has it; {"lift": null} all. The emulator carries it out.
``.../order/node`` takes {"node": NAME, "kind": "kill" or "freeze", "duration_s"}; the session does. The
answer, with the order's ``id``, comes on ``.../fault``: {"id", "effective": [...]} or {"id", "error"}. Pure
reading; nodes never listen (law 2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal

from linkemu import telemetry
from linkemu.errors import FormatError
from linkemu.link.overlay import Overlay
from linkemu.link.overlayform import of_record
from linkemu.link.player import Key
from linkemu.link.timeline import Sky
from linkemu.machine import Direction

_MOST_FAULTS = 1000
_MOST_S = 1e9
_MOST_ID = 100
_DIRECTIONS = {"up": (Direction.UP,), "down": (Direction.DOWN,), "both": (Direction.UP, Direction.DOWN)}


@dataclass(frozen=True, slots=True)
class Fault:
    """An overlay for one or both directions of a link; its times count from ``start_s``, None: from now."""

    station: str
    satellite: str
    directions: tuple[Direction, ...]
    start_s: float | None
    duration_s: float | None
    effects: Overlay

    def overlays(self, sky: Sky, now_ns: int) -> list[tuple[Key, Overlay]]:
        """For each direction; FormatError if the sky has no such link."""
        start_ns = now_ns if self.start_s is None else round(self.start_s * 1e9)
        end_ns = None if self.duration_s is None else start_ns + round(self.duration_s * 1e9)
        effective = replace(self.effects, start_ns=start_ns, end_ns=end_ns)
        return [(self._key(sky, direction), effective) for direction in self.directions]

    def _key(self, sky: Sky, direction: Direction) -> Key:
        for number, name in enumerate(sky.links):
            is_meant = (name.station, name.satellite) == (self.station, self.satellite)
            if is_meant and (number, direction) in sky.timelines:
                return number, direction
        raise FormatError(f"order: there is no link {self.station} - {self.satellite} {direction.value}")


@dataclass(frozen=True, slots=True)
class Impose:
    """Put all of these on, at one slot's edge."""

    faults: tuple[Fault, ...]
    id: str | None = None

    def overlays(self, sky: Sky, now_ns: int) -> list[tuple[Key, Overlay]]:
        return [each for fault in self.faults for each in fault.overlays(sky, now_ns)]


@dataclass(frozen=True, slots=True)
class Lift:
    """End the live faults of a name; None: all."""

    name: str | None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Strike:
    """Kill a node, or freeze it, for ``duration_s``; None: killed it comes back at once, frozen it stays."""

    node: str
    kind: Literal["kill", "freeze"]
    duration_s: float | None
    id: str | None = None


def fault_topic(scenario: str) -> str:
    return telemetry.topic(scenario, "order", "fault")


def node_topic(scenario: str) -> str:
    return telemetry.topic(scenario, "order", "node")


def answer_topic(scenario: str) -> str:
    return telemetry.topic(scenario, "fault")


def read_fault(payload: bytes) -> Impose | Lift:
    """FormatError in one line if the payload is no such order."""
    order, number = _order(payload)
    match order:
        case {"faults": [_, *_] as rows, **rest} if not rest and len(rows) <= _MOST_FAULTS:
            return Impose(tuple(_fault(row, f"faults[{place}]") for place, row in enumerate(rows)), number)
        case {"lift": (str() | None) as name, **rest} if not rest:
            return Lift(name, number)
    raise FormatError(f'order: expected {{"faults": [1 to {_MOST_FAULTS} of them]}} or {{"lift": NAME}}')


def read_strike(payload: bytes) -> Strike:
    """FormatError in one line if the payload is no order about a node."""
    order, number = _order(payload)
    match order:
        case {"node": str() as node, "kind": ("kill" | "freeze") as kind, **rest} if not rest.keys() - {
            "duration_s"
        }:
            return Strike(node, kind, _seconds(rest.get("duration_s"), "duration_s", least=1e-3), number)
    raise FormatError('order: expected {"node": NAME, "kind": "kill" or "freeze", "duration_s": SECONDS}')


def id_of(payload: bytes) -> str | None:
    """Of any order, for the answer to one that can't be read."""
    try:
        return _order(payload)[1]
    except FormatError:
        return None


def _order(payload: bytes) -> tuple[Any, str | None]:
    """The JSON value without its id, and that."""
    try:
        order = json.loads(payload)
    except ValueError as error:  # also bytes that are no UTF-8
        raise FormatError(f"order: not JSON ({error})") from None
    except RecursionError:
        raise FormatError("order: not JSON that anyone would send") from None
    number = order.pop("id", None) if isinstance(order, dict) else None
    if number is not None and (not isinstance(number, str) or len(number) > _MOST_ID):
        raise FormatError(f"order: id: expected a text of at most {_MOST_ID} characters")
    return order, number


def _fault(row: object, where: str) -> Fault:
    if not isinstance(row, Mapping):
        raise FormatError(f"order: {where}: not a JSON object")
    effects = dict(row)
    station, satellite = effects.pop("station", None), effects.pop("satellite", None)
    direction = effects.pop("direction", "both")
    if not isinstance(station, str) or not isinstance(satellite, str):
        raise FormatError(f"order: {where}: station and satellite must name a link")
    if not isinstance(direction, str) or direction not in _DIRECTIONS:
        raise FormatError(f"order: {where}: direction: expected up, down or both")
    start_s = _seconds(effects.pop("start_s", None), f"{where}.start_s", least=0.0)
    duration_s = _seconds(effects.pop("duration_s", None), f"{where}.duration_s", least=1e-9)
    if {"start_ns", "end_ns"} & effects.keys():
        raise FormatError(f"order: {where}: times of an order are start_s and duration_s")
    try:
        overlay = of_record({**effects, "start_ns": 0})
    except FormatError as error:
        raise FormatError(f"order: {where}: {error}") from None
    if overlay == Overlay(0, name=overlay.name, seed=overlay.seed):
        raise FormatError(f"order: {where}: it has no effect")
    return Fault(station, satellite, _DIRECTIONS[direction], start_s, duration_s, overlay)


def _seconds(value: Any, where: str, *, least: float) -> float | None:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if is_number and least <= value <= _MOST_S:
        return float(value)
    raise FormatError(f"order: {where}: expected seconds from {least:g} to {_MOST_S:g}")
