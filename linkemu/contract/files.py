"""The files by which a session tells a node and the emulator where they live (docs/node-contract.md).

A node file names the emulator and the node's own terminal, never the address of a peer: the way to the
peer is light alone. The emulator file holds all addresses and tokens. Nothing else reads or writes the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from linkemu import wholefile
from linkemu.errors import InputError
from linkemu.machine import Direction

Address = tuple[str, int]
Role = Literal["ground", "satellite"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NodeLink:
    """One laser link of a node: its number in the Sky and who is at the other end."""

    link: int
    peer: str


@dataclass(frozen=True, slots=True)
class NodeFile:
    """All that a node is told. ``settings`` (paths, broker, doors) belong to the composition."""

    name: str
    role: Role
    emulator: Address
    terminal: Address  # the fixed address of the node's own terminal
    token: int  # a secret of 64 bits between the node and the emulator
    links: tuple[NodeLink, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sends(self) -> Direction:
        return direction_of(self.role)

    def save(self, path: Path) -> None:
        _store(path, _NODE_FILE, self)

    @classmethod
    def load(cls, path: Path) -> NodeFile:
        """InputError, with the file and the key, if it can't be read."""
        return _read(path, _NODE_FILE)


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A node as the emulator knows it. ``plan`` is the file with the JSON of its Plan, if it gets one.

    ``plan_from_s``: it isn't told before this scenario time (a late plan, docs/faults.md).
    """

    name: str
    role: Role
    terminal: Address
    token: int
    links: tuple[int, ...]
    plan: Path | None = None
    plan_from_s: float = 0.0

    @property
    def sends(self) -> Direction:
        return direction_of(self.role)


@dataclass(frozen=True, slots=True)
class EmulatorFile:
    """All that the emulator is told. What it writes lies in ``state``: time map, overlays, fidelity.json."""

    scenario: str
    address: Address
    sky: Path
    state: Path
    nodes: tuple[NodeEntry, ...]
    duration_s: float
    rate: float = 1.0  # scenario seconds in a real second
    queue_bytes: int | None = None  # in front of each transmitter; None: from rate and delay
    hold_s: float = 10.0  # how long the queue may hold a datagram
    skip_gaps: bool = False
    join_timeout_s: float = 10.0  # time starts when all nodes have joined, or then
    broker: str | None = None  # mqtt:// URL of the bus, None: no bus
    lead_s: float = 0.0  # real seconds from an order for live faults to their effect: doors hear of it
    realtime: bool = True  # ask for SCHED_FIFO, and say whether it was granted

    def save(self, path: Path) -> None:
        _store(path, _EMULATOR_FILE, self)

    @classmethod
    def load(cls, path: Path) -> EmulatorFile:
        """InputError, with the file and the key, if it can't be read."""
        return _read(path, _EMULATOR_FILE)


def direction_of(role: Role) -> Direction:
    """The direction in which a node of this role sends."""
    return Direction.UP if role == "ground" else Direction.DOWN


def _store(path: Path, kind: TypeAdapter[_T], content: _T) -> None:
    wholefile.put(path, kind.dump_json(content, indent=2) + b"\n", mode=0o600)  # it holds secrets


def _read(path: Path, kind: TypeAdapter[_T]) -> _T:
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise InputError(f"{path}: {where}", first["msg"]) from None


_NODE_FILE = TypeAdapter(NodeFile)
_EMULATOR_FILE = TypeAdapter(EmulatorFile)
