"""The pump: drives any Machine from a clock and a port. Drain, ask for the timer, re-arm; nothing else.

It decides nothing and keeps no data. Whoever changes the machine by other calls (a cue, an offer) calls
``drive`` afterwards. Datagrams that come together are taken together: the machine is driven once, after them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from linkemu.machine import Machine
from linkemu.runtime.clock import Clock, Timer


class Pump:
    """``send`` gets each datagram of ``machine`` when it is due."""

    def __init__(self, machine: Machine, send: Callable[[bytes], None], clock: Clock) -> None:
        self._machine = machine
        self._send = send
        self._clock = clock
        self._timer: Timer | None = None
        self._armed_at = 0.0
        self._soon: asyncio.Handle | None = None

    def receive(self, datagram: bytes, now: float) -> None:
        self._machine.receive(datagram, now)
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self.drive)

    def drive(self) -> None:
        """Send what is due and sleep until the machine's next wake-up."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        for datagram in self._machine.transmit(self._clock.now()):
            self._send(datagram)
        self._arm(self._machine.next_wakeup())

    def close(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
        self._arm(None)

    def _arm(self, at: float | None) -> None:
        if self._timer is not None:
            if at is not None and self._armed_at <= at:
                return  # wakes early at worst, and asks again
            self._timer.cancel()
        self._armed_at = at or 0.0
        self._timer = None if at is None else self._clock.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.drive()
