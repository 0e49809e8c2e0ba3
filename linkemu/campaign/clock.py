"""The clock of one life of a node: the campaign's virtual clock, wrong by a skew, and dead with its machine.

The node's second is (true second) x (1 + drift) + offset. Timers of a machine that is off never fire.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from linkemu.campaign.faults import Skew
from linkemu.runtime.clock import Clock, Timer


class LifeClock:
    """A Clock (linkemu.runtime.clock) over ``true``. ``count`` is called at each timer that fires."""

    def __init__(self, true: Clock, skew: Skew | None, count: Callable[[], None]) -> None:
        self._true = true
        self._rate = 1.0 + (skew.drift if skew else 0.0)
        self._offset_s = skew.offset_s if skew else 0.0
        self._count = count
        self.alive = True

    def now(self) -> float:
        return self._true.now() * self._rate + self._offset_s

    def call_at(self, at: float, callback: Callable[[], object], *, essential: bool = False) -> Timer:
        def fire() -> None:
            if self.alive:
                self._count()
                callback()

        return self._true.call_at(self._true_time(at), fire, essential=essential)

    async def sleep_until(self, at: float) -> None:
        await self._true.sleep_until(self._true_time(at))

    def _true_time(self, at: float) -> float:
        """The first true time at which this clock shows ``at``: late by a rounding rather than early."""
        true = (at - self._offset_s) / self._rate
        while true * self._rate + self._offset_s < at:
            true = math.nextafter(true, math.inf)
        return true
