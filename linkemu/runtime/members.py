"""Who has joined the emulator: the emulator's half of docs/node-contract.md, apart from light.

Each node has one fixed address and one secret; what comes from elsewhere, or without the secret, is refused.
Takes control messages and gives those to be sent; owns no socket and no clock (times are real seconds).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from linkemu.contract import (
    Address,
    Beat,
    Bye,
    Hello,
    Message,
    NodeEntry,
    PlanPart,
    Pulse,
    SkipAck,
    SkyTime,
    TimeAck,
    Welcome,
    join_plan,
    split_plan,
)
from linkemu.errors import ContractError, InputError
from linkemu.plan import Plan
from linkemu.runtime.clock import TimeMap

SILENCE_S = 3.0


@dataclass(slots=True)
class Member:
    """One node as the emulator knows it."""

    entry: NodeEntry
    plan_parts: list[PlanPart] = field(default_factory=list)
    joined: bool = False
    heard_s: float = 0.0  # when it was last heard, real seconds
    drops: int = 0  # what its kernel dropped, as it says
    plan_version: int = 0  # the one that it holds
    time_version: int = 0
    last_light_ns: int = 0  # stamps of its frames only grow
    agreed: tuple[int, int] | None = None  # proposal of a skip, and how far

    @property
    def offered_plan(self) -> int:
        return self.plan_parts[0].version if self.plan_parts else 0


class Members:
    """All nodes of a session, by address."""

    def __init__(self, entries: Iterable[NodeEntry], incarnation: int, duration_ns: int) -> None:
        """InputError if a node's plan can't be read."""
        self._welcome = Welcome(incarnation, duration_ns)
        self._pulse = Pulse(incarnation)
        self._time: SkyTime | None = None
        self._by_address = {entry.terminal: Member(entry, _plan_of(entry)) for entry in entries}

    @property
    def all(self) -> list[Member]:
        return list(self._by_address.values())

    def at(self, sender: Address, token: int) -> Member:
        """The node that sends from ``sender``; ContractError for strangers and wrong secrets."""
        member = self._by_address.get(sender)
        if member is None:
            raise ContractError(f"{sender[0]}:{sender[1]} is no node's address")
        if member.entry.token != token:
            raise ContractError(f"a wrong token from {member.entry.name}")
        return member

    def hear(self, member: Member, message: Message, now_s: float) -> list[Message]:
        """Take a control message; returns what to answer."""
        member.heard_s = now_s
        match message:
            case Hello(node):
                return self._greet(member, node, now_s)
            case Beat(plan_version, time_version, drops):
                if not member.joined:  # it fell silent, or knows an emulator before us: let it say hello
                    return [Bye()]
                member.plan_version, member.time_version, member.drops = plan_version, time_version, drops
                return [self._pulse, *self._missing(member, now_s)]
            case TimeAck(version):
                member.time_version = version
            case SkipAck(proposal, until_ns):
                member.agreed = (proposal, until_ns)
            case Bye():
                member.joined = False
            case _:
                raise ContractError(
                    f"{member.entry.name} sent {type(message).__name__}, which is not a node's"
                )
        return []

    def set_time(self, time_map: TimeMap) -> SkyTime:
        """The time to tell from now on."""
        piece = time_map.pieces[-1]
        self._time = SkyTime(time_map.version, piece.monotonic_ns, piece.scenario_ns, piece.rate)
        return self._time

    def expire(self, now_s: float) -> list[Member]:
        """Nodes that have fallen silent since the last call."""
        lost = [each for each in self.all if each.joined and now_s - each.heard_s > SILENCE_S]
        for member in lost:
            member.joined = False
        return lost

    def joined(self) -> list[Member]:
        return [member for member in self.all if member.joined]

    def agreed_until(self, proposal: int) -> int | None:
        """How far all nodes let time skip by this proposal; None while one has not answered."""
        answers = [member.agreed for member in self.all]
        if any(answer is None or answer[0] != proposal for answer in answers):
            return None
        return min((answer[1] for answer in answers if answer is not None), default=None)

    def _greet(self, member: Member, node: str, now_s: float) -> list[Message]:
        if node != member.entry.name:
            raise ContractError(f"the node at {member.entry.name}'s address calls itself {node!r}")
        member.joined = True
        member.plan_version = member.time_version = 0
        return [self._welcome, *self._missing(member, now_s)]

    def _missing(self, member: Member, now_s: float) -> list[Message]:
        messages: list[Message] = []
        if self._time is not None and member.time_version != self._time.version:
            messages.append(self._time)
        if member.plan_version < member.offered_plan and self._is_time_for_plan(member, now_s):
            messages += member.plan_parts
        return messages

    def _is_time_for_plan(self, member: Member, now_s: float) -> bool:
        if member.entry.plan_from_s <= 0.0:
            return True
        time = self._time
        if time is None:
            return False
        passed_s = now_s - time.monotonic_ns / 1e9
        return time.scenario_ns / 1e9 + passed_s * time.rate >= member.entry.plan_from_s


def plan_of(member: Member) -> Plan | None:
    """The Plan that a node is given, if any."""
    text = join_plan(member.plan_parts)
    return None if text is None else Plan.from_json(text)


def _plan_of(entry: NodeEntry) -> list[PlanPart]:
    if entry.plan is None:
        return []
    try:
        text = entry.plan.read_bytes()
    except OSError as error:
        raise InputError(str(entry.plan), error.strerror or str(error)) from None
    return split_plan(Plan.from_json(text).version, text)
