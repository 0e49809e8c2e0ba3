"""What the processes of ``linkemu exec`` tell each other: the order to the house, and its answers.

Plain data as JSON. The order holds no sky: that comes as a descriptor of a file in memory, so that nothing
is left on disk whatever happens.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal

from linkemu.errors import ResourceError

Carrier = Literal["auto", "tun", "packet"]

CLIENT_4, GATEWAY_4 = IPv4Address("10.71.0.1"), IPv4Address("10.71.0.2")
CLIENT_6, GATEWAY_6 = IPv6Address("fd71:6c69:6e6b::1"), IPv6Address("fd71:6c69:6e6b::2")  # RFC 4193
DEVICE = "laser"
MTU = 1500


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the gateway that leads to a service of the host."""

    port: int
    host: str
    host_port: int


@dataclass(frozen=True, slots=True)
class Order:
    """What to run, and over which link from which moment. An empty ``command`` only tries what can be had."""

    command: tuple[str, ...]
    serve: str | None = None
    forwards: tuple[Forward, ...] = ()
    link: int = 0
    start_ns: int = 0
    queue_bytes: int | None = None  # of each direction; None: the link's own default
    hold_s: float = 10.0  # how long a packet waits for light
    buffer_bytes: int = 16 << 20  # that TCP may use at either end, for each connection
    carrier: Carrier = "auto"
    mtu: int = MTU
    faults: tuple[dict[str, Any], ...] = ()  # live ones of a recorded run (runtime.past)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        content: dict[str, Any] = json.loads(text)
        forwards = tuple(Forward(**each) for each in content.pop("forwards"))
        faults = tuple(content.pop("faults"))
        return cls(command=tuple(content.pop("command")), forwards=forwards, faults=faults, **content)


@dataclass(frozen=True, slots=True)
class Granted:
    """What the machine has granted: which carrier, and whether a user namespace was needed."""

    carrier: str
    rootless: bool


def failure(error: ResourceError) -> dict[str, Any]:
    """An error on its way to the process that tells the user."""
    return {"failed": [error.resource, error.problem]}
