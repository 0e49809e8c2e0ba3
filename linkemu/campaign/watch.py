"""The watch: what must hold whatever goes wrong, seen from outside the nodes.

It shares no code with them but the codec of frames. It knows what was put, hears every frame that leaves a
node, reads what would survive on each disk, and hears what stations announce. How a node lays out its disk is
not known here: bytes are looked for wherever they lie.

    acknowledged   a node states a chunk as durable that a power cut would take, or has taken
    took back      it states one as missing that it had stated as durable, and hasn't the whole file as one
    corrupt        a transfer is announced as verified whose bytes are not those that were put, or not on disk
    custody        a transfer that had ended goes on; one begins anew, or lacks acknowledgements
    resent         a chunk is sent again though its acknowledgement is in the journal
    unfinished     at the end, a transfer is not verified that is so under a calm sky
    refused        a node says that it can't go on
    exception, ended, hangs, busy, memory: of a node as a program

A satellite whose disk was full may give up what it holds of a file, though not of one that it has verified;
transfers of a node whose disk was full may fail, though not go on for ever. Damage on a disk excuses what it
has touched (linkemu.campaign.harm) and no more: chunks may be lost, and downloads that need them may fail,
and puts whose copy at the station it was. What a station's books have lost it may begin anew; it may refuse
to go on, and name the file, if all its custody stood there. A satellite, where nobody can repair a disk, goes
on. Nobody takes damaged bytes for good ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from linkemu.campaign.disk import Damage, SimulatedDisk
from linkemu.campaign.harm import Harm
from linkemu.campaign.puts import Puts
from linkemu.errors import FrameError
from linkemu.scenario import Scenario, Transfer
from linkemu.telemetry import Message, TransferState
from linkemu.transfer import frames, report
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.report import Section, State

_TYPE_AT = 3  # in the header of a frame
Order = tuple[str, str, str, str]  # station, action, satellite, name


@dataclass(frozen=True, slots=True)
class Violation:
    """``what`` is one of the words above."""

    what: str
    node: str
    at_s: float
    details: str


def order_of(transfer: Transfer) -> Order:
    return transfer.station, transfer.action, transfer.satellite, transfer.name


class Watch:
    """Of one run. ``now`` is the true time; ``grace_s`` how old a frame may be when it comes at last."""

    def __init__(self, scenario: Scenario, now: Callable[[], float], grace_s: float) -> None:
        self.violations: list[Violation] = []
        self.disks: dict[str, SimulatedDisk] = {}
        self._now = now
        self._grace_s = grace_s
        self._puts = Puts(scenario)
        self._stated: dict[str, dict[bytes, bytes]] = {}  # by node, chunk ids and their bytes
        self._states: dict[tuple[str, str], TransferState] = {}
        self._in_orbit_s: dict[tuple[str, str], float] = {}  # by satellite and name, since when verified
        self._fetched: dict[tuple[str, str], bytes] = {}  # contents by station and custody id
        self._excused: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str, str]] = set()
        self._satellites = {transfer.satellite for transfer in scenario.transfers}
        self._harm: defaultdict[str, Harm] = defaultdict(Harm)  # by node
        self._out: set[str] = set()  # stations that refused, as they may
        self._short: set[str] = set()
        self._proven: dict[str, set[bytes]] = {}  # by satellite, chunks of files that are verified

    def tell(self, what: str, node: str, details: str) -> None:
        """Note a violation; one that was noted already is not noted again."""
        if what == "refused" and self._may_refuse(node, details):
            self._out.add(node)
            return
        if (what, node, details) not in self._told:
            self._told.add((what, node, details))
            self.violations.append(Violation(what, node, round(self._now(), 9), details))

    def damaged(self, node: str, damage: Damage) -> None:
        """Something on the disk of a node has changed, or can't be read."""
        custodies = defaultdict[str, list[str]](list)
        for (station, custody), state in self._states.items():
            if station == node:
                custodies[state.name].append(custody)
        self._harm[node].add(damage, self._puts.by_id.values(), custodies)

    def _may_refuse(self, node: str, details: str) -> bool:
        return node not in self._satellites and self._harm[node].explains(details)

    def short(self, node: str) -> None:
        """The disk of a node is full."""
        self._short.add(node)

    # Frames

    def overhear(self, node: str, datagram: bytes) -> None:
        """A frame that leaves a node: what it states must be true now."""
        if datagram[_TYPE_AT] != frames.Type.REPORT:
            return
        try:
            frame = frames.decode(datagram)
            assert isinstance(frame, frames.Body)
            statement = report.decode(frame.epoch, frame.content)
        except FrameError as error:
            self.tell("exception", node, f"it sends a report that can't be read: {error}")
            return
        for section in statement.sections:
            if section.file_id in self._puts.by_id:
                self._stated_of(node, section)

    def _stated_of(self, node: str, section: Section) -> None:
        put = self._puts.by_id[section.file_id]
        manifest = put.manifest
        stated = self._stated.setdefault(node, {})
        if section.state in (State.DECLINED, State.UNKNOWN):
            if section.state is State.DECLINED:
                self._release(node, manifest)
            return
        for index, durable in _flags(section):
            chunk = manifest.chunks[index]
            if durable and chunk not in stated:
                stated[chunk] = put.pieces[chunk]
                if self._must_hold(node, chunk, "states as durable"):
                    self._harm[node].repaired(chunk)
            elif not durable and chunk in stated and not _has_file(self.disks[node], put.content):
                if self._may_give_up(node, chunk):
                    del stated[chunk]
                else:
                    self.tell("took back", node, f"chunk {chunk.hex()[:16]} of {manifest.name}")

    def _release(self, node: str, manifest: Manifest) -> None:
        """The node has given a file up, and said so."""
        for chunk in manifest.chunks:
            self._stated.get(node, {}).pop(chunk, None)

    def _must_hold(self, node: str, chunk: bytes, how: str) -> bool:
        """Whether it does; if not, and without excuse, that is told."""
        held = holds(self.disks[node], self._stated[node][chunk])
        if not held and not self._harm[node].may_lack(chunk):
            self.tell("acknowledged", node, f"{how} chunk {chunk.hex()[:16]}, which is not safe on its disk")
        return held

    def _may_give_up(self, node: str, chunk: bytes) -> bool:
        if self._harm[node].may_lack(chunk):
            return True
        return node in self._short and chunk not in self._proven.get(node, ())

    # Disks

    def restarted(self, node: str) -> None:
        """A node has come back, or the run ends: what it has stated or fetched must still be there."""
        for chunk in self._stated.get(node, {}):
            if not self._may_give_up(node, chunk):
                self._must_hold(node, chunk, "has lost")
        for (station, custody), content in self._fetched.items():
            if station == node and not self._has_fetched(node, content):
                self.tell("corrupt", node, f"{custody}: the file that was verified is no longer on its disk")

    def _has_fetched(self, station: str, content: bytes) -> bool:
        """Whether a download lies there whole, unless damage has touched it."""
        return _has_file(self.disks[station], content) or any(
            self._puts.by_id[file_id].content == content for file_id in self._harm[station].files
        )

    # Announcements

    def observe(self, message: Message) -> None:
        if not isinstance(message, TransferState):
            return
        key = (message.node, message.id)
        before = self._states.get(key)
        self._states[key] = message
        if before is not None:
            self._compare(before, message)
        if message.action == "put" and message.resent_chunks:
            self.tell("resent", message.node, f"chunks of {message.name} that had been acknowledged")
        if message.state == "verified" and (before is None or before.state != "verified"):
            self._verified(message)
        if message.state == "failed" and message.action == "get":
            since = self._in_orbit_s.get((message.satellite, message.name), self._now())
            if self._now() - since <= self._grace_s:
                self._excused.add(key)  # asked for before it was there
            for put in self._puts.by_id.values():
                if put.manifest.name == message.name:
                    self._release(message.node, put.manifest)

    def _compare(self, before: TransferState, now: TransferState) -> None:
        """What was announced was in the journal, and stays so in every later life."""
        if self._harm[now.node].told_of & self._puts.ids(now.satellite, now.name):
            return  # its books were damaged
        if before.ended:
            if now.state != before.state:
                self.tell("custody", now.node, f"{now.id} was {before.state}, is {now.state}")
            return
        first = "spooled" if now.action == "put" else "requested"
        if now.times.get(first) != before.times.get(first):
            self.tell("custody", now.node, f"{now.id} was {before.state}, and is taken on anew")
        elif (
            now.action == "put"
            and now.done_bytes < before.done_bytes - self._lost_bytes(now.satellite, now.name)
            and now.satellite not in self._short
        ):
            self.tell("custody", now.node, f"{now.id} had {before.done_bytes} bytes acknowledged, has fewer")

    def _lost_bytes(self, satellite: str, name: str) -> int:
        """How much of a file damage at the satellite may have taken."""
        return sum(
            len(data)
            for put in self._puts.named(satellite, name).values()
            for chunk, data in put.pieces.items()
            if chunk in self._harm[satellite].chunks
        )

    def _verified(self, state: TransferState) -> None:
        put = self._puts.named(state.satellite, state.name).get(state.sha256 or "")
        if put is None:
            self.tell(
                "corrupt", state.node, f"{state.action} {state.name}: verified with SHA-256 {state.sha256}"
            )
        elif state.action == "put":
            self._in_orbit_s.setdefault((state.satellite, state.name), self._now())
            self._stated.setdefault(state.satellite, {}).update(put.pieces)
            for chunk in put.manifest.chunks:
                self._must_hold(state.satellite, chunk, "verified a file with")
            self._proven.setdefault(state.satellite, set()).update(put.manifest.chunks)
        else:
            self._fetched[state.node, state.id] = put.content
            if not self._has_fetched(state.node, put.content):
                self.tell("corrupt", state.node, f"get {state.name}: verified, and not safe on its disk")

    # The end

    def finish(self, orders: frozenset[Order]) -> None:
        """Every one of ``orders`` has to be verified, but a download that was refused in time."""
        for node in self.disks:
            self.restarted(node)
        done: dict[Order, TransferState] = {_order(state): state for state in self._states.values()}
        for order in sorted(orders):
            station, action, _, name = order
            state = done.get(order)
            if station in self._out or (state is not None and self._has_ended(order, state)):
                continue
            if state is None:
                self.tell("unfinished", station, f"{action} {name}: never taken on")
            else:
                problem = state.problem or "no problem told"
                self.tell("unfinished", station, f"{action} {name}: {state.state}, {problem}")

    def _has_ended(self, order: Order, state: TransferState) -> bool:
        """Whether a transfer was verified, or failed with a word and with good reason."""
        if state.state == "verified" or (state.node, state.id) in self._excused:
            return True
        station, action, satellite, name = order
        damaged = self._harm[station].files | (self._harm[satellite].files if action == "get" else set())
        reason = self._short & {station, satellite} or damaged & self._puts.ids(satellite, name)
        return state.state == "failed" and bool(state.problem) and bool(reason)

    def verified(self) -> frozenset[Order]:
        """The orders that are verified."""
        return frozenset(_order(each) for each in self._states.values() if each.state == "verified")


def _order(state: TransferState) -> Order:
    return state.node, state.action, state.satellite, state.name


def holds(disk: SimulatedDisk, data: bytes) -> bool:
    """Whether the bytes lie somewhere in a file that a power cut would leave."""
    return any(data in survivor for survivor in disk.survivors())


def _has_file(disk: SimulatedDisk, content: bytes) -> bool:
    return any(survivor == content for survivor in disk.survivors())


def _flags(section: Section) -> Iterator[tuple[int, bool]]:
    """(index, whether durable) of each chunk of which a section speaks."""
    bits_at = section.first + section.full
    for index in range(section.first, section.end):
        durable = index < bits_at or bool(
            index < bits_at + section.bits and section.bitmap >> (index - bits_at) & 1
        )
        yield index, durable
