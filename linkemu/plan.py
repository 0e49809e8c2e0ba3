"""The Plan: what a node may know in advance, and the choice of which terminal points where, when. Pure.

Windows are what geometry and the pointing schedule promise. Clouds, fades and the length of an acquisition
are not in it: they stand only in the Sky. A plan may be wrong, late or old on purpose; it carries a version.
"""

from __future__ import annotations

import json
import math
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
