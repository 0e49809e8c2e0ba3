"""Scenario time of a door: a TimeMap over CLOCK_MONOTONIC that begins when listening does, or at the first
byte. Until then scenario time stands still. Integers of ns; the only place of the room that reads the clock.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from linkemu.runtime.timemap import Piece, TimeMap

_NEVER_NS = 1 << 62


class Pace:
    """``begin`` once; before it, ``now_ns`` is the start and nothing ever becomes due."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self._piece = Piece(_NEVER_NS, start_ns)  # in force
        self._map = TimeMap((self._piece,))
        self.begun = False

    def begin(self) -> None:
        """Let time go from now on; does nothing if it goes already."""
        if not self.begun:
            self.begun = True
            self._piece = Piece(time.monotonic_ns(), self.start_ns)
            self._map = TimeMap((self._piece,))

    def follow(self, time_map: TimeMap) -> None:
        """Live by somebody else's map."""
        self.begun = True
        self._map, self._piece = time_map, time_map.pieces[-1]

    def jump(self, scenario_ns: int) -> None:
        """Go on from there, which is not in the past; if time doesn't go yet, it will begin there."""
        if self.begun:
            self._map = self._map.jump(time.monotonic_ns(), scenario_ns)
        else:
            self.start_ns = scenario_ns
            self._map = TimeMap((Piece(_NEVER_NS, scenario_ns),))
        self._piece = self._map.pieces[-1]

    def now_ns(self) -> int:
        piece = self._piece
        if piece.rate != 1.0:
            return self._map.scenario_ns(time.monotonic_ns())
        return piece.scenario_ns + max(0, time.monotonic_ns() - piece.monotonic_ns)  # asked all the time

    def scenario_ns(self, monotonic_ns: int) -> int:
        return self._map.scenario_ns(monotonic_ns)

    def scenario_of(self, monotonic_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same for many stamps."""
        piece = self._piece
        elapsed_ns = np.maximum(monotonic_ns - piece.monotonic_ns, 0)
        if piece.rate != 1.0:
            elapsed_ns = (elapsed_ns * piece.rate).astype(np.int64)
        scenario_ns: NDArray[np.int64] = piece.scenario_ns + elapsed_ns
        return scenario_ns

    def monotonic_ns(self, scenario_ns: int) -> int:
        return self._map.monotonic_ns(scenario_ns)
