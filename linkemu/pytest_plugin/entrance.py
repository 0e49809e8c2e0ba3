"""A door that is open: where a client connects, and what can be done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from linkemu.client import Link


@dataclass(frozen=True, slots=True)
class Door:
    """``address`` is for socket.create_connection, ``url`` for clients of HTTP; str() is HOST:PORT."""

    name: str
    host: str
    port: int
    protocol: str
    _link: Link = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def url(self) -> str:
        return f"http://{self}"

    def connections(self) -> list[dict[str, Any]]:
        """Those that are open (the first hundred), each with its number, peer and held bytes."""
        return self._link.connections(self.name)

    def reset(self) -> int:
        """Reset all connections at both ends; how many there were."""
        return self._link.break_connections(self.name, "reset")

    def report(self) -> dict[str, Any]:
        """Its fidelity so far."""
        return next(each for each in self._link.report() if each["name"] == self.name)
