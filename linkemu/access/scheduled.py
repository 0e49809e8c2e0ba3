"""Faults of doors that the schedule foresees, carried out at their times: refuse, reset, half-open.

Overlays of the schedule are no business of this file: they stand on the link from the beginning (imposed).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from linkemu.access.tcp import TcpDoor
from linkemu.access.udp import UdpDoor
from linkemu.schedule import DoorFault


class Scheduled:
    """Order of calls: ``act`` in each round; it tells when it has something to do next."""

    def __init__(self, faults: Sequence[DoorFault], start_ns: int) -> None:
        """Play begins at ``start_ns``: what has passed by then is left out, what still holds begins there."""
        events: list[tuple[int, int, DoorFault, bool]] = []
        for number, fault in enumerate(faults):
            lasts = fault.kind == "refuse" and (fault.end_ns is None or fault.end_ns > start_ns)
            if fault.start_ns >= start_ns or lasts:
                events.append((fault.start_ns, number, fault, True))
            if lasts and fault.end_ns is not None:
                events.append((fault.end_ns, number, fault, False))
        self._events = sorted(events, key=lambda event: event[:2], reverse=True)

    def act(self, now_ns: int, door_of: Callable[[str], TcpDoor | UdpDoor | None]) -> int | None:
        """Do what is due, at doors that are open; when there is more to do."""
        while self._events and self._events[-1][0] <= now_ns:
            _, _, fault, begins = self._events.pop()
            door = door_of(fault.door)
            if door is not None and fault.kind == "refuse":
                door.enable(not begins)
            elif isinstance(door, TcpDoor) and fault.kind == "reset":
                door.reset_all()
            elif isinstance(door, TcpDoor):
                door.forget_all()
        return self._events[-1][0] if self._events else None
