"""The clocks that drive one and the same node code: real, scaled (a TimeMap over CLOCK_MONOTONIC), virtual.

A clock knows the scenario's time and can call at one; it never sleeps for a fixed real time. Timers survive
a jump of scenario time: those that it passes fire at once. ``real_loop`` and ``VirtualLoop`` are the loops
to run on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from linkemu.errors import ClockError
from linkemu.runtime.loops import VirtualLoop, real_loop
from linkemu.runtime.timemap import Piece, TimeMap

__all__ = ["Clock", "MappedClock", "Piece", "TimeMap", "Timer", "VirtualClock", "VirtualLoop", "real_loop"]


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Scenario seconds, as floats."""

    def now(self) -> float: ...

    def call_at(self, at: float, callback: Callable[[], object], *, essential: bool = False) -> Timer:
        """Call once when ``at`` is reached. Time may not be skipped past an ``essential`` timer."""
        ...

    async def sleep_until(self, at: float) -> None:
        """Return once ``now() >= at``; essential, so that a skipped gap ends here at the latest."""
        ...


class VirtualClock:
    """The time of a VirtualLoop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()

    def call_at(self, at: float, callback: Callable[[], object], *, essential: bool = False) -> Timer:
        return self._loop.call_at(at, callback)

    async def sleep_until(self, at: float) -> None:
        await _sleep(self, at)


class MappedClock:
    """Real or scaled time by a TimeMap, which the emulator gives and may change (``adopt``)."""

    def __init__(
        self, time_map: TimeMap | None = None, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._map = time_map
        self._monotonic_ns = monotonic_ns
        self._timers: set[_MappedTimer] = set()

    @property
    def time_map(self) -> TimeMap:
        """ClockError until the emulator has told the time (``Terminal.start`` waits for that)."""
        if self._map is None:
            raise ClockError("scenario time is not known yet: the emulator has not told it")
        return self._map

    def now(self) -> float:
        return self.now_ns() / 1e9

    def now_ns(self) -> int:
        return self.time_map.scenario_ns(self._monotonic_ns())

    def adopt(self, time_map: TimeMap) -> None:
        """Go by another map from now on; pending timers move with it."""
        self._map = time_map
        for timer in list(self._timers):
            timer.arm()

    def call_at(self, at: float, callback: Callable[[], object], *, essential: bool = False) -> Timer:
        timer = _MappedTimer(self, at, callback, essential)
        self._timers.add(timer)
        timer.arm()
        return timer

    async def sleep_until(self, at: float) -> None:
        await _sleep(self, at)

    def next_essential(self) -> float | None:
        """The earliest time that may not be skipped, None if there is none."""
        return min((timer.at for timer in self._timers if timer.essential), default=None)

    def real_seconds_until(self, at: float) -> float:
        return (self.time_map.monotonic_ns(round(at * 1e9)) - self._monotonic_ns()) / 1e9

    def forget(self, timer: _MappedTimer) -> None:
        self._timers.discard(timer)


class _MappedTimer:
    """One pending call of a MappedClock; fires late rather than early."""

    __slots__ = ("_callback", "_clock", "_handle", "at", "essential")

    def __init__(
        self, clock: MappedClock, at: float, callback: Callable[[], object], essential: bool
    ) -> None:
        self._clock = clock
        self._callback = callback
        self._handle: asyncio.Handle | None = None
        self.at = at
        self.essential = essential

    def arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        rest_s = max(0.0, self._clock.real_seconds_until(self.at))
        self._handle = asyncio.get_running_loop().call_later(rest_s, self._fire)

    def cancel(self) -> None:
        self._clock.forget(self)
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        if self._clock.real_seconds_until(self.at) > 0:
            self.arm()
            return
        self._clock.forget(self)
        self._callback()


async def _sleep(clock: Clock, at: float) -> None:
    if clock.now() >= at:
        await asyncio.sleep(0)
        return
    reached = asyncio.Event()
    timer = clock.call_at(at, reached.set, essential=True)
    try:
        await reached.wait()
    finally:
        timer.cancel()
