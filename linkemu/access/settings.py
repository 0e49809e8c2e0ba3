"""What a data plane is told: one file of JSON, written by the command and read by the process, and its doors.

Addresses as people write them become pairs here. The same form of a door goes over the control channel. No
socket is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from linkemu import units
from linkemu.errors import FormatError, InputError, ResourceError
from linkemu.link.timeline import Sky
from linkemu.schedule import Schedule

if TYPE_CHECKING:
    from linkemu.scenario import Scenario

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
class Door:
    """Where clients come in, whom they meet, over which link, and what an outage does to them."""

    listen: Address
    to: Address
    protocol: Protocol = "tcp"
    outages: Outages = Outages()
    uplink: End = "client"  # who sends over UP
    link: int = 0
    name: str = "door"

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        outages = {"behaviour": self.outages.behaviour.value, "patience_s": self.outages.patience_s}
        return asdict(self) | {"outages": outages, "listen": list(self.listen), "to": list(self.to)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Door:
        """FormatError if it is no such document."""
        try:
            fields = dict(document)
            outages = fields.pop("outages")
            read = cls(
                _pair(fields.pop("listen")),
                _pair(fields.pop("to")),
                outages=Outages(Behaviour(outages["behaviour"]), float(outages["patience_s"])),
                **fields,
            )
            if read.protocol not in get_args(Protocol) or read.uplink not in get_args(End):
                raise ValueError(f"{read.protocol!r} or {read.uplink!r}")
            if not isinstance(read.link, int) or not isinstance(read.name, str):
                raise TypeError(f"link {read.link!r}, name {read.name!r}")
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise FormatError(f"not a door ({error!r})") from None
        return read


@dataclass(frozen=True, slots=True)
class Proxy:
    """All doors of a data plane. Sizes in bytes, times in seconds of the scenario."""

    sky: Path
    doors: tuple[Door, ...]
    start_s: float = 0.0  # scenario time at the anchor
    anchor: Anchor = "listen"
    queue_bytes: int | None = None  # of datagrams; None: the link's own default
    hold_s: float = 10.0  # how long a datagram waits for light
    time_map: Path | None = None  # live by this map (runtime.timemap), of an emulator, and not by an anchor
    faults: tuple[dict[str, Any], ...] = ()  # live ones of a recorded run (runtime.past)
    journal: Path | None = None  # of the live faults of that emulator (runtime.records), which act here too
    record: Path | None = None  # directory of the traces of a run that is recorded

    def save(self, path: Path) -> None:
        content = asdict(self) | {
            "sky": str(self.sky),
            "doors": [door.document() for door in self.doors],
            "time_map": None if self.time_map is None else str(self.time_map),
            "journal": None if self.journal is None else str(self.journal),
            "record": None if self.record is None else str(self.record),
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
            time_map, journal, record = (_path(content.pop(key)) for key in ("time_map", "journal", "record"))
            return cls(
                Path(content.pop("sky")),
                tuple(Door.of(door) for door in content.pop("doors")),
                time_map=time_map,
                journal=journal,
                faults=tuple(content.pop("faults")),
                record=record,
                **content,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, FormatError) as error:
            raise FormatError(f"{path}: not a proxy's file ({error!r})") from None


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _pair(value: Any) -> Address:
    host, port = value
    if not isinstance(host, str) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"{value!r} is no address")
    return host, port


def doors_of(scenario: Scenario, sky: Sky) -> tuple[Door, ...]:
    """The doors of a scenario over the links of its sky. InputError if the sky lacks one's link."""
    numbers = {(link.station, link.satellite): number for number, link in enumerate(sky.links)}
    doors = []
    for told in scenario.doors:
        link = numbers.get((told.station, told.satellite))
        if link is None:
            raise InputError(f"door {told.id}", f"the sky has no link {told.station}:{told.satellite}")
        outages = Outages(Behaviour(told.outage), told.patience_s)
        doors.append(Door(told.listen, told.to, told.protocol, outages, told.uplink, link, told.id))
    return tuple(doors)


def struck(sky: Sky) -> str | None:
    """The door that all scheduled faults of doors strike: a client's own takes its name, to meet them."""
    names = {fault.door for fault in Schedule.of(sky).doors}
    return names.pop() if len(names) == 1 else None


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
