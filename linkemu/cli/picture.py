"""The picture of a run as it stands: what the bus has said last, by subject. Data only; nothing is drawn.

A Picture is fed messages of linkemu.telemetry in the order in which they came and is asked for what a display
needs. Times are scenario seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from linkemu.cli.causes import CAUSES
from linkemu.runtime.supervisor import ProcessChange
from linkemu.telemetry import (
    Beam,
    ClockState,
    LinkState,
    LinkTelemetry,
    Message,
    NodeStatus,
    Session,
    TransferState,
)

Pair = tuple[str, str]  # station, satellite
FURTHEST_RECKONED_S = 1.2


@dataclass(frozen=True, slots=True)
class Link:
    """A link as last heard of."""

    telemetry: LinkTelemetry

    @property
    def pair(self) -> Pair:
        return self.telemetry.station, self.telemetry.satellite

    @property
    def in_contact(self) -> bool:
        """Light goes, or would but for an outage that nobody foresaw."""
        return any(
            beam.state != "dark" or not beam.known for beam in (self.telemetry.up, self.telemetry.down)
        )

    def wait_s(self, now: float) -> float:
        """Until the next window; 0 in a contact, infinite when no other is planned."""
        if self.in_contact:
            return 0.0
        start = self.telemetry.next_window_s
        return float("inf") if start is None else max(0.0, start - now)


class Picture:
    """Folds messages into the present state."""

    def __init__(self) -> None:
        self.now = 0.0
        self.session: Session | None = None
        self.clock: ClockState | None = None
        self.nodes: dict[str, NodeStatus] = {}
        self.processes: dict[str, ProcessChange] = {}
        self.links: dict[Pair, Link] = {}
        self.transfers: dict[tuple[str, str], TransferState] = {}

    def take(self, message: Message | ProcessChange) -> None:
        """Take one message in. Late and retained ones are welcome."""
        match message:
            case ProcessChange():
                self.processes[message.name] = message
            case Session():
                self.session = message
            case ClockState():
                self.clock = message
                self._at(message.at_s)
            case NodeStatus():
                self.nodes[message.node] = message
            case LinkTelemetry():
                self.links[message.station, message.satellite] = Link(message)
                self._at(message.at_s)
            case LinkState():
                self._take_state(message)
                self._at(message.at_s)
            case TransferState():
                self.transfers[message.node, message.id] = message

    def restarts(self) -> dict[str, int]:
        """How often each process had to be started again, those that had."""
        told = dict(self.session.restarts) if self.session is not None else {}
        seen = {each.name: each.restarts for each in self.processes.values()}
        return {name: count for name, count in {**told, **seen}.items() if count}

    def link(self, station: str, satellite: str) -> Link | None:
        return self.links.get((station, satellite))

    def nearest_links(self, count: int) -> list[Link]:
        """The links in contact first, then by the next window; at most ``count``."""
        return sorted(self.links.values(), key=lambda link: (link.wait_s(self.now), link.pair))[:count]

    def utc(self, now: float) -> datetime | None:
        """UTC of a scenario time, if the start is known."""
        if self.session is None:
            return None
        return datetime.fromisoformat(self.session.epoch) + timedelta(seconds=now)

    @property
    def duration_s(self) -> float | None:
        return self.session.duration_s if self.session is not None else None

    def reckon(self, since_last_s: float) -> float:
        """The time now, ``since_last_s`` wall seconds after the last message; little is guessed."""
        if self.clock is None or self.session is None or self.session.state != "running":
            return self.now
        ahead_s = min(since_last_s, FURTHEST_RECKONED_S) * self.clock.rate
        return min(self.now + ahead_s, self.clock.duration_s)

    def _at(self, at_s: float) -> None:
        self.now = max(self.now, at_s)

    def _take_state(self, state: LinkState) -> None:
        """A change between two telemetry messages: beams are new, geometry stays."""
        known = self.links.get((state.station, state.satellite))
        if known is None:
            blank = LinkTelemetry(
                state.station, state.satellite, state.at_s, None, None, None, None, state.up, state.down
            )
            self.links[state.station, state.satellite] = Link(blank)
        elif state.at_s >= known.telemetry.at_s:
            changed = replace(known.telemetry, at_s=state.at_s, up=state.up, down=state.down)
            self.links[state.station, state.satellite] = Link(changed)


def why(beam: Beam) -> str:
    """The state of a beam in words: the cause of an outage, and whether the plan knew of it."""
    if beam.state == "open" or beam.cause is None:
        return beam.state
    known = "known in advance" if beam.known else "not known in advance"
    sent = "blocked: " if beam.state == "blocked" else ""  # the modem sends all the same
    return f"{sent}{CAUSES.get(beam.cause, beam.cause)}, {known}"
