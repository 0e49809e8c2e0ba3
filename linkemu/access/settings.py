"""What a proxy is told: one file of JSON, written by the command and read by the data plane's process.

Addresses as people write them become pairs here. No socket is opened.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Literal

from linkemu import units
from linkemu.errors import FormatError, InputError, ResourceError
from linkemu.link.timeline import Sky

Address = tuple[str, int]
Protocol = Literal["tcp", "udp"]
End = Literal["client", "server"]
Anchor = Literal["listen", "first-byte"]

_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.%\w]+)\]:(\d{1,5})")
_PLAIN = re.compile(r"([^:\[\]\s]+):(\d{1,5})")


class Behaviour(Enum):
    """What an outage does to a byte stream, which can't lose bytes (docs/proxy.md)."""

    HOLD = "hold"
    ARQ = "arq"
    RESET = "reset"
    REFUSE = "refuse"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Outages:
    """``patience_s`` belongs to RESET: how long an outage may last before it costs the connections."""

    behaviour: Behaviour = Behaviour.HOLD
    patience_s: float = 0.0

    @classmethod
    def parse(cls, text: str, where: str = "--outage") -> Outages:
        """Of "hold", "arq", "reset:30s", "refuse" or "half-open"."""
        name, colon, rest = text.partition(":")
        known = ", ".join("reset:30s" if each is Behaviour.RESET else each.value for each in Behaviour)
        if name not in {each.value for each in Behaviour} or (name == "reset") != bool(colon):
            raise InputError(where, f"{text!r} is not one of {known}")
        if not colon:
            return cls(Behaviour(name))
        patience_s = units.duration_s(rest, where)
        if not 0.0 < patience_s <= 1e7:
            raise InputError(where, f"{rest!r} is out of range, expected a duration above 0")
        return cls(Behaviour.RESET, patience_s)


@dataclass(frozen=True, slots=True)
class Proxy:
    """One door. Sizes in bytes, times in seconds of the scenario."""

    sky: Path
    link: int
    listen: Address
    to: Address
    protocol: Protocol = "tcp"
    outages: Outages = Outages()
    uplink: End = "client"  # who sends over UP
    start_s: float = 0.0  # scenario time at the anchor
    anchor: Anchor = "listen"
    queue_bytes: int | None = None  # of datagrams; None: the link's own default
    hold_s: float = 10.0  # how long a datagram waits for light

    def save(self, path: Path) -> None:
        content = asdict(self) | {
            "sky": str(self.sky),
            "outages": [self.outages.behaviour.value, self.outages.patience_s],
        }
        try:
            path.write_text(json.dumps(content))
        except OSError as error:
            raise ResourceError(str(path), error.strerror or str(error)) from None

    @classmethod
    def load(cls, path: Path) -> Proxy:
        """FormatError if it isn't such a file."""
        try:
            content = json.loads(path.read_text())
            behaviour, patience_s = content.pop("outages")
            read = cls(**content)
            return replace(
                read,
                sky=Path(content["sky"]),
                listen=(str(content["listen"][0]), int(content["listen"][1])),
                to=(str(content["to"][0]), int(content["to"][1])),
                outages=Outages(Behaviour(behaviour), float(patience_s)),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise FormatError(f"{path}: not a proxy's file ({error!r})") from None


def address(text: str, where: str, *, any_port: bool = False) -> Address:
    """Host and port of "HOST:PORT" or "[IPv6]:PORT"; port 0 only where ``any_port``."""
    match = _BRACKETED.fullmatch(text.strip()) or _PLAIN.fullmatch(text.strip())
    if match is None:
        raise InputError(where, f"{text!r} is not HOST:PORT (an IPv6 address stands in brackets)")
    port = int(match[2])
    if not (0 if any_port else 1) <= port <= 65535:
        raise InputError(where, f"port {port} is out of range, expected 1 to 65535")
    return match[1], port


def spoken(where: Address) -> str:
    """HOST:PORT for people, an IPv6 address in brackets."""
    return f"[{where[0]}]:{where[1]}" if ":" in where[0] else f"{where[0]}:{where[1]}"


def choose_link(sky: Sky, text: str | None) -> int:
    """The link of "STATION:SATELLITE", or the only one there is."""
    names = [f"{link.station}:{link.satellite}" for link in sky.links]
    if text is None and len(names) == 1:
        return 0
    if text in names:
        return names.index(text)
    problem = "there are several links" if text is None else f"no link {text!r}"
    raise InputError("--link", f"{problem}, expected one of {', '.join(names) or 'none: the sky is empty'}")
