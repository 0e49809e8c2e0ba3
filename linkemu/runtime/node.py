"""What a node is given, and nothing more: its Context. A node is ``async def run(context)``, until cancelled.

Nodes are found by the entry points ``linkemu.nodes`` (``ground``, ``satellite``), so that a user's own can
take their place; linkemu.runtime.launch builds a Context for a process of its own, linkemu.runtime.composed
one for the virtual clock, and the node can't tell which. Order: the node attaches itself to
``context.terminal`` and awaits its ``start``; who made the Context closes terminal and bus after ``run``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from linkemu import telemetry
from linkemu.contract import Address
from linkemu.contract.files import Role
from linkemu.disk import Disk
from linkemu.errors import InputError
from linkemu.runtime.bus import Bus
from linkemu.runtime.clock import Clock
from linkemu.runtime.ports import Terminal
from linkemu.scenario import Transfer, TransferSettings
from linkemu.trace import Trace

GROUP = "linkemu.nodes"


@dataclass(frozen=True, slots=True)
class Context:
    """All that a node is given. It decides from its plan, its terminal and its disk; the bus only listens."""

    name: str
    role: Role
    scenario: str  # the scenario's name, in which bus topics are rooted
    epoch: datetime  # aware UTC of scenario time 0: for displays and custody times
    seed: int  # for synthetic files alone
    clock: Clock
    terminal: Terminal
    disk: Disk
    root: Path  # the node's own directory, where it finds again what it had before it was killed
    bus: Bus
    trace: Trace
    settings: TransferSettings
    work: tuple[Transfer, ...] = ()  # of this station, by time
    http: Address | None = None  # where a ground station opens its door; port 0: any free one
    observe: Callable[[telemetry.Message], None] | None = None  # hears what is announced, bus or no bus
    door_open: Callable[[Address], None] | None = None  # to be called with the address that the door got

    def announce(self, message: telemetry.Message) -> None:
        """Tell the bus; never waits, never fails for want of a broker."""
        if self.observe is not None:
            self.observe(message)
        self.bus.publish(message.topic(self.scenario), message.payload(), retain=message.RETAIN)

    def utc(self, at: float) -> datetime:
        """UTC of a scenario time."""
        return self.epoch + timedelta(seconds=at)


Run = Callable[[Context], Coroutine[Any, Any, None]]


def find(role: Role, name: str | None = None) -> Run:
    """The ``run`` of the entry point called ``name``, by default the role's own.

    Raises:
        InputError: no such entry point, or it can't be loaded.
    """
    wanted = name or role
    found: dict[str, EntryPoint] = {each.name: each for each in entry_points(group=GROUP)}
    if wanted not in found:
        raise InputError(f"entry point {GROUP}:{wanted}", f"not installed; there are {sorted(found)}")
    try:
        run: Run = found[wanted].load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"entry point {GROUP}:{wanted}", f"can't be loaded: {error}") from error
    return run
