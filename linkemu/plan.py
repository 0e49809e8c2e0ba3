"""The Plan: what a node may know in advance. Pure; the forecast fills it, nodes decide by it.

Windows are what geometry and the pointing schedule promise. Clouds, fades and the length of an acquisition
are not in it: they stand only in the Sky. A plan may be wrong, late or old on purpose; it carries a version.
"""

from __future__ import annotations

from dataclasses import dataclass


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
