"""What a run in processes is asked, what it says on the way, and what it comes to. Frozen words, no deeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from linkemu import telemetry
from linkemu.forecast import Forecast
from linkemu.record.played import Row
from linkemu.record.recording import Recording
from linkemu.runtime import broker
from linkemu.runtime.layout import Marker
from linkemu.runtime.supervisor import ProcessChange

Reason = Literal["ended", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a scenario, as far as the scenario doesn't say."""

    directory: Path | None = None  # of the run; default ./.linkemu/<scenario>
    state: Path | None = None  # of spools and stores; default in the run directory
    broker: str = broker.EMBEDDED  # "embedded", "mosquitto", "off" or an mqtt:// URL
    rate: float | None = None  # scenario seconds in a wall second; None: as the scenario says
    skip_gaps: bool = False
    until_done: bool = False  # end when all transfers have ended
    fresh: bool = False  # forget spools and stores of earlier runs
    faults: tuple[Row, ...] = ()  # live ones of a recorded run, which this one replays
    record: Callable[[Forecast], Recording] | None = None  # begins to record what is going to be played


@dataclass(frozen=True, slots=True)
class Compiling:
    """The forecast is at work; ``fraction`` of it is done, ``text`` comes next."""

    fraction: float
    text: str


@dataclass(frozen=True, slots=True)
class Ready:
    """All processes run and all doors are open."""

    marker: Marker
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokerChange:
    """The session has no broker to speak to, for the reason given; or, None, has one again."""

    trouble: str | None


Event: TypeAlias = telemetry.Message | ProcessChange | BrokerChange | Compiling | Ready
OnEvent: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    scenario: str
    directory: Path
    reason: Reason
    transfers: tuple[telemetry.TransferState, ...]
    fidelity: dict[str, Any] | None  # the emulator's report (docs/running.md); None if it wrote none
    restarts: dict[str, int] = field(default_factory=dict)  # by process, those that were needed
    missing: tuple[str, ...] = ()  # scripted transfers of which no node has said anything

    @property
    def ok(self) -> bool:
        """Every transfer that was asked for is verified."""
        return not self.missing and all(each.state == "verified" for each in self.transfers)
