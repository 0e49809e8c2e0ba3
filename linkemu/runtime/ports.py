"""A node's terminal: the one door between a node and the sky, over UDP or in memory.

A node sends datagrams on its links and hears datagrams, sensors and its Plan by callbacks; it never learns a
peer's address, and nothing here decides anything about a link. The same node code runs over either terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from linkemu.contract import NodeLink
from linkemu.plan import Plan
from linkemu.sensor import Sensor

OnDatagram = Callable[[int, bytes, float], None]  # link, datagram, now
OnSensor = Callable[[Sensor, float], None]  # sensor, now
OnPlan = Callable[[Plan], None]


class Terminal(Protocol):
    """Order of calls: ``attach`` once, then ``await start()``; callbacks come on the loop, one at a time."""

    @property
    def name(self) -> str:
        """The node's own name."""
        ...

    @property
    def links(self) -> tuple[NodeLink, ...]:
        """The node's laser links; the number stands in every other call."""
        ...

    def attach(self, on_datagram: OnDatagram, on_sensor: OnSensor, on_plan: OnPlan) -> None:
        """Who hears. The Plan comes soon after ``start`` and again at every new version."""
        ...

    def send(self, link: int, datagram: bytes) -> None:
        """Hand a datagram to the modem: never blocks; what the modem can't take is dropped and counted."""
        ...

    async def start(self) -> None:
        """Join; returns once the scenario's time is known."""
        ...

    async def close(self) -> None: ...
