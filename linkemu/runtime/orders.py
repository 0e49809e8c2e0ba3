"""What an operator may order the emulator to do over the bus: to put a live fault on a link.

``linkemu/<scenario>/order/fault`` takes JSON: {"station", "satellite", "direction": "up" or "down",
"duration_s", "start_s": scenario time, by default now, "rate_bps": cap of the rate, by default 0 (the sender
knows and holds), null: light is lost unseen}, not retained. Pure reading; the emulator carries it out. Nodes
never listen here (law 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from linkemu import telemetry
from linkemu.errors import FormatError
from linkemu.link.channel import Overlay
from linkemu.link.player import Key
from linkemu.link.timeline import Sky
from linkemu.machine import Direction


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """A blackout (rate 0), a slower modem (rate above 0) or an unseen loss of light (None)."""

    station: str
    satellite: str
    direction: Literal["up", "down"]
    duration_s: float
    start_s: float | None = None
    rate_bps: int | None = 0

    def key(self, sky: Sky) -> Key:
        """The direction of the link that is meant; FormatError if the sky has none such."""
        for number, name in enumerate(sky.links):
            if (name.station, name.satellite) == (self.station, self.satellite):
                return number, Direction(self.direction)
        raise FormatError(f"order: there is no link {self.station} - {self.satellite}")

    def overlay(self, now_ns: int) -> Overlay:
        start_ns = now_ns if self.start_s is None else round(self.start_s * 1e9)
        return Overlay(start_ns, start_ns + round(self.duration_s * 1e9), self.rate_bps)


_FAULT_ORDER = TypeAdapter(FaultOrder)


def fault_topic(scenario: str) -> str:
    return telemetry.topic(scenario, "order", "fault")


def read_fault(payload: bytes) -> FaultOrder:
    """FormatError in one line if the payload is no such order."""
    try:
        order = _FAULT_ORDER.validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        raise FormatError(f"order: {'.'.join(map(str, first['loc'])) or 'payload'}: {first['msg']}") from None
    if order.duration_s <= 0 or (order.rate_bps or 0) < 0:
        raise FormatError("order: duration_s must be above 0, and rate_bps not below")
    return order
