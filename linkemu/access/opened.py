"""A door that is open over a played link: what carries its clients, and what they have achieved, both ways.

Here a door of the settings becomes one of the room's two kinds. The plane gives each its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from linkemu.access.gauge import Gauge, WayReport
from linkemu.access.pace import Pace
from linkemu.access.played import Played, both
from linkemu.access.reactor import Reactor
from linkemu.access.settings import Door
from linkemu.access.tcp import TcpDoor
from linkemu.access.udp import UdpDoor


@dataclass(slots=True)
class Opened:
    """A door that is open. ``gauges`` are client to server and back."""

    told: Door
    played: Played
    gauges: tuple[Gauge, Gauge]
    door: TcpDoor | UdpDoor

    def relight(self) -> None:
        """Take note of light as overlays have made it."""
        for gauge, direction in zip(self.gauges, both(self.told), strict=True):
            gauge.relight(self.played.sides[direction].standing.lights)
        if isinstance(self.door, TcpDoor):
            self.door.relight(self.played.lights())

    @classmethod
    def over(cls, played: Played, told: Door, reactor: Reactor, pace: Pace, *, at_first_byte: bool) -> Self:
        """Open it. ResourceError if its address is taken; ``at_first_byte``: a client lets time begin."""
        there, back = (
            Gauge(each.value, played.sides[each].standing.lights, played.sides[each].beats[told.protocol])
            for each in both(told)
        )
        gauges = there, back
        if told.protocol == "udp":
            lanes = played.lanes(told)
            datagrams = UdpDoor(
                told.listen, told.to, lanes, gauges, reactor, pace, at_first_byte=at_first_byte
            )
            return cls(told, played, gauges, datagrams)
        on_client: Callable[[], None] = pace.begin if at_first_byte else _nothing
        streams = TcpDoor(
            told.listen,
            told.to,
            played.ways(told),
            gauges,
            reactor,
            pace,
            told.outages,
            played.lights(),
            window_bytes=played.window_bytes,
            on_client=on_client,
        )
        return cls(told, played, gauges, streams)

    def ways(self) -> tuple[WayReport, ...]:
        """What each direction has achieved; of datagrams, losses are those of all doors of the link."""
        if self.told.protocol == "tcp":
            return tuple(gauge.report() for gauge in self.gauges)
        reports = []
        for gauge, lane in zip(self.gauges, self.played.lanes(self.told), strict=True):
            counters = lane.counters
            reports.append(
                gauge.report(
                    dropped=counters.refused + counters.expired,
                    erased=counters.erased,
                    erased_bytes=counters.erased_bytes,
                )
            )
        return tuple(reports)


def _nothing() -> None:
    """Time goes already."""
