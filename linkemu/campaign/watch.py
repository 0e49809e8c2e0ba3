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
    refused        a node says that it can't go on, though its disk is sound
    exception, ended, hangs, busy, memory: of a node as a program

A satellite whose disk was full may give up what it holds of a file, though not of one that it has verified;
transfers of a node whose disk was full may fail, though not go on for ever. A disk on which a bit has rotted
may lose what it held, and its node may refuse to go on; nobody takes the rotten bytes for good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from linkemu.campaign.disk import SimulatedDisk
from linkemu.errors import FrameError
from linkemu.scenario import Scenario, Transfer
from linkemu.scenario.content import synthetic
from linkemu.telemetry import Message, TransferState
from linkemu.transfer import frames, report
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.report import Section, State

_TYPE_AT = 3  # in the header of a frame
_BY_ROT = ("acknowledged", "took back", "refused", "custody")
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
        self._contents: dict[tuple[str, str], dict[str, bytes]] = {}  # by satellite and name, by SHA-256
        self._manifests: dict[bytes, tuple[Manifest, bytes]] = {}
        for transfer in scenario.transfers:
            if transfer.action == "put":
                self._know(transfer, content_of(scenario, transfer), scenario.transfer.chunk_bytes)
        self._stated: dict[str, dict[bytes, bytes]] = {}  # by node, chunk ids and their bytes
        self._states: dict[tuple[str, str], TransferState] = {}
        self._in_orbit_s: dict[tuple[str, str], float] = {}  # by satellite and name, since when verified
        self._fetched: dict[tuple[str, str], bytes] = {}  # contents by station and custody id
        self._excused: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str, str]] = set()
        self._rotten: set[str] = set()
        self._short: set[str] = set()
        self._proven: dict[str, set[bytes]] = {}  # by satellite, chunks of files that are verified

    def tell(self, what: str, node: str, details: str) -> None:
        """Note a violation; one that was noted already is not noted again."""
        if what in _BY_ROT and node in self._rotten:
            return
        if (what, node, details) not in self._told:
            self._told.add((what, node, details))
            self.violations.append(Violation(what, node, round(self._now(), 9), details))

    def rotten(self, node: str) -> None:
        """A bit on the disk of a node has changed."""
        self._rotten.add(node)

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
            if section.file_id in self._manifests:
                self._stated_of(node, section)

    def _stated_of(self, node: str, section: Section) -> None:
        manifest, content = self._manifests[section.file_id]
        stated = self._stated.setdefault(node, {})
        if section.state in (State.DECLINED, State.UNKNOWN):
            if section.state is State.DECLINED:
                self._release(node, manifest)
            return
        for index, durable in _flags(section):
            chunk = manifest.chunks[index]
            if durable and chunk not in stated:
                start = manifest.offset(index)
                stated[chunk] = content[start : start + manifest.length(index)]
                self._must_hold(node, chunk, "states as durable")
            elif not durable and chunk in stated and not _has_file(self.disks[node], content):
                if self._may_give_up(node, chunk):
                    del stated[chunk]
                else:
                    self.tell("took back", node, f"chunk {chunk.hex()[:16]} of {manifest.name}")

    def _release(self, node: str, manifest: Manifest) -> None:
        """The node has given a file up, and said so."""
        for chunk in manifest.chunks:
            self._stated.get(node, {}).pop(chunk, None)

    def _must_hold(self, node: str, chunk: bytes, how: str) -> None:
        if not holds(self.disks[node], self._stated[node][chunk]):
            self.tell("acknowledged", node, f"{how} chunk {chunk.hex()[:16]}, which is not safe on its disk")

    def _may_give_up(self, node: str, chunk: bytes) -> bool:
        return node in self._short and chunk not in self._proven.get(node, ())

    # Disks

    def restarted(self, node: str) -> None:
        """A node has come back, or the run ends: what it has stated or fetched must still be there."""
        for chunk in self._stated.get(node, {}):
            if not self._may_give_up(node, chunk):
                self._must_hold(node, chunk, "has lost")
        for (station, custody), content in self._fetched.items():
            if station == node and node not in self._rotten and not _has_file(self.disks[node], content):
                self.tell("corrupt", node, f"{custody}: the file that was verified is no longer on its disk")

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
            for manifest, _ in self._manifests.values():
                if manifest.name == message.name:
                    self._release(message.node, manifest)

    def _compare(self, before: TransferState, now: TransferState) -> None:
        """What was announced was in the journal, and stays so in every later life."""
        if before.ended:
            if now.state != before.state:
                self.tell("custody", now.node, f"{now.id} was {before.state}, is {now.state}")
            return
        first = "spooled" if now.action == "put" else "requested"
        if now.times.get(first) != before.times.get(first):
            self.tell("custody", now.node, f"{now.id} was {before.state}, and is taken on anew")
        elif (
            now.action == "put"
            and now.done_bytes < before.done_bytes
            and now.satellite not in self._rotten | self._short
        ):
            self.tell("custody", now.node, f"{now.id} had {before.done_bytes} bytes acknowledged, has fewer")

    def _verified(self, state: TransferState) -> None:
        contents = self._contents.get((state.satellite, state.name), {})
        content = contents.get(state.sha256 or "")
        if content is None:
            self.tell(
                "corrupt", state.node, f"{state.action} {state.name}: verified with SHA-256 {state.sha256}"
            )
        elif state.action == "put":
            self._in_orbit_s.setdefault((state.satellite, state.name), self._now())
            stated = self._stated.setdefault(state.satellite, {})
            manifest = next(m for m, c in self._manifests.values() if c is content and m.name == state.name)
            for index, chunk in enumerate(manifest.chunks):
                start = manifest.offset(index)
                stated[chunk] = content[start : start + manifest.length(index)]
                self._must_hold(state.satellite, chunk, "verified a file with")
            self._proven.setdefault(state.satellite, set()).update(manifest.chunks)
        else:
            self._fetched[state.node, state.id] = content
            if state.node not in self._rotten and not _has_file(self.disks[state.node], content):
                self.tell("corrupt", state.node, f"get {state.name}: verified, and not safe on its disk")

    # The end

    def finish(self, orders: frozenset[Order]) -> None:
        """Every one of ``orders`` has to be verified, but a download that was refused in time."""
        for node in self.disks:
            self.restarted(node)
        done: dict[Order, TransferState] = {_order(state): state for state in self._states.values()}
        for order in sorted(orders):
            if self._rotten & {order[0], order[2]}:
                continue
            state = done.get(order)
            if state is not None and state.state == "failed" and self._short & {order[0], order[2]}:
                continue
            if state is None or (state.state != "verified" and (state.node, state.id) not in self._excused):
                station, action, _, name = order
                where = (
                    "never taken on"
                    if state is None
                    else f"{state.state}, {state.problem or 'no problem told'}"
                )
                self.tell("unfinished", station, f"{action} {name}: {where}")

    def verified(self) -> frozenset[Order]:
        """The orders that are verified."""
        return frozenset(_order(each) for each in self._states.values() if each.state == "verified")

    def _know(self, put: Transfer, content: bytes, chunk_bytes: int) -> None:
        known = self._contents.setdefault((put.satellite, put.name), {})
        content = known.setdefault(sha256(content).hexdigest(), content)
        manifest = Manifest.of(put.name, content, chunk_bytes)
        self._manifests[manifest.file_id] = (manifest, content)


def _order(state: TransferState) -> Order:
    return state.node, state.action, state.satellite, state.name


def content_of(scenario: Scenario, put: Transfer) -> bytes:
    """The bytes that a scripted put takes up."""
    if put.file is not None:
        return put.file.read_bytes()
    return synthetic(scenario.seed, put.name, 0, put.size_bytes or 0)


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
