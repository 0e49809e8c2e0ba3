"""The one motif: a Machine takes datagrams and time, and gives datagrams and its next wake-up.

Order of calls, for every machine: ``receive`` as datagrams come; ``transmit(now)`` once after each
``receive`` and once at each wake-up; then ask ``next_wakeup`` and sleep until it. No machine reads a
clock, draws unseeded randomness, or knows a socket. ``now`` is in seconds since the scenario's start.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Direction(Enum):
    """One direction of the laser: one object each, never a flag."""

    UP = "up"  # ground to orbit
    DOWN = "down"  # orbit to ground

    @property
    def other(self) -> Direction:
        return Direction.DOWN if self is Direction.UP else Direction.UP


class Machine(Protocol):
    """What the pump drives (linkemu.runtime.pump), and ``tests/world.py`` in tests."""

    def receive(self, datagram: bytes, now: float) -> None: ...

    def transmit(self, now: float) -> list[bytes]: ...

    def next_wakeup(self) -> float | None: ...
