"""What a data plane accounts for at its end: of each door a report, with what the process has cost so far."""

from __future__ import annotations

import time

from linkemu.access.gauge import DoorReport, warnings
from linkemu.access.opened import Opened
from linkemu.access.settings import Behaviour, Door, spoken
from linkemu.access.tcp import TcpDoor
from linkemu.access.udp import UdpDoor
from linkemu.runtime import realtime


class Account:
    """Begins with the process's work. ``scheduling`` is what the machine has granted it."""

    def __init__(self) -> None:
        self.scheduling = ""
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()
        self._stolen_s = realtime.stolen_s()

    def of(self, opened: Opened, now_ns: int) -> DoorReport:
        """The report of a door at ``now_ns`` of the scenario."""
        told, door = opened.told, opened.door
        wall_s = time.monotonic() - self._began_s
        cpu_s = time.process_time() - self._cpu_s
        stolen_s = realtime.stolen_s()
        stolen = None if stolen_s is None else stolen_s - (self._stolen_s or 0.0)
        drops = door.kernel_drops if isinstance(door, UdpDoor) else 0
        ways = opened.ways()
        carried_GB = sum(way.delivered_bytes for way in ways) / 1e9
        return DoorReport(
            spoken(door.address),
            spoken(told.to),
            told.protocol,
            f"{opened.played.station} - {opened.played.satellite}",
            _behaviour(told),
            now_ns / 1e9,
            wall_s,
            ways,
            name=told.name,
            connections=door.connections,
            refused=door.refused,
            unreached=door.unreached if isinstance(door, TcpDoor) else door.unsent,
            reset=door.reset if isinstance(door, TcpDoor) else 0,
            kernel_drops=drops,
            scheduling=self.scheduling,
            cpu_s=cpu_s,
            cpu_s_per_GB=cpu_s / carried_GB if carried_GB > 0.001 else None,
            stolen_s=stolen,
            warnings=tuple(
                warnings(ways, cpu_share=cpu_s / max(wall_s, 1e-3), stolen_s=stolen or 0.0, drops=drops)
            ),
        )


def _behaviour(told: Door) -> str:
    if told.protocol != "tcp":
        return "lost"
    outages = told.outages
    patience = f" after {outages.patience_s:g} s" if outages.behaviour is Behaviour.RESET else ""
    return f"{outages.behaviour.value}{patience}"
