"""What a voyage is to be: a client, a door, a sky, and what an outage does to connections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from linkemu.link.timeline import Sky
from tests.acceptance.clients import broken_sky, voyages
from tests.acceptance.clients.client import Client


@dataclass(frozen=True)
class Plan:
    client: Client
    door: Literal["proxy", "exec"]
    weather: Literal["broken", "once", "late", "real"] = "broken"
    outage: str = "hold"  # of the proxy; exec's packets need none

    def __str__(self) -> str:
        behaviour = "" if self.outage == "hold" else f"-{self.outage.partition(':')[0]}"
        weather = "" if self.weather == "broken" else f"-{self.weather}"
        return f"{self.client.name}-{self.door}{weather}{behaviour}"

    @property
    def sky(self) -> Sky:
        match self.weather:
            case "real":
                return broken_sky.real()
            case "once":
                return broken_sky.once(self.client.rate_bps)
            case "late":
                return broken_sky.late(self.client.rate_bps)
            case "broken":
                return broken_sky.broken(self.client.rate_bps)

    def run(self, room: Path) -> voyages.Voyage:
        if self.door == "exec":
            return voyages.by_exec(self.client, room, self.sky)
        anchor = "listen" if self.weather == "late" else "first-byte"
        return voyages.by_proxy(self.client, room, self.sky, self.outage, anchor)
