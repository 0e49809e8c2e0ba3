"""Custody: what the station has taken on, from the first word to the proof, as a ledger of records. Pure.

Every change is a record that the spool journals *before* it is applied here, so the ledger after a crash
is the ledger before it. States follow ``STEPS`` and nothing else. No files, no links and no clock here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from linkemu.errors import FormatError

Action = Literal["put", "get"]
State = Literal["spooled", "sending", "in orbit", "requested", "receiving", "verified", "failed"]
Record = Mapping[str, Any]

FIRST: Mapping[Action, State] = {"put": "spooled", "get": "requested"}
STEPS: Mapping[State, frozenset[State]] = {
    "spooled": frozenset({"sending", "in orbit", "verified", "failed"}),
    "sending": frozenset({"in orbit", "verified", "failed"}),
    "in orbit": frozenset({"sending", "verified", "failed"}),  # back: the satellite found its copy damaged
    "requested": frozenset({"receiving", "failed"}),
    "receiving": frozenset({"verified", "failed", "requested"}),
    "verified": frozenset(),
    "failed": frozenset(),
}


def custody_id(action: Action, satellite: str, name: str) -> str:
    """A file's custody has one address: names are written once (docs/nodes.md)."""
    return f"{action}-{blake2b(f'{satellite}/{name}'.encode(), digest_size=8).hexdigest()}"


@dataclass(eq=False)
class Entry:
    """One file in custody. ``held``: chunks acknowledged by the satellite (put), or durable here (get)."""

    id: str
    action: Action
    satellite: str
    name: str
    priority: int  # 0 first
    state: State
    times: dict[str, float] = field(default_factory=dict)  # scenario second at which a state was last reached
    size: int | None = None
    sha256: str | None = None
    chunk_bytes: int | None = None
    file_id: bytes | None = None
    held: set[int] = field(default_factory=set)
    problem: str | None = None

    @property
    def ended(self) -> bool:
        return not STEPS[self.state]

    @property
    def done_bytes(self) -> int:
        """Bytes of the chunks held."""
        if self.size is None or self.chunk_bytes is None:
            return 0
        if self.state == "verified":
            return self.size
        step, size = self.chunk_bytes, self.size
        return sum(min(step, size - index * step) for index in self.held)


def opened(action: Action, satellite: str, name: str, priority: int, now: float) -> Record:
    """A new custody, taking the place of one of the same address that has ended."""
    return {
        "do": "open",
        "id": custody_id(action, satellite, name),
        "action": action,
        "satellite": satellite,
        "name": name,
        "priority": priority,
        "t": now,
    }


def described(entry: str, size: int, sha256: str, chunk_bytes: int, file_id: bytes) -> Record:
    """What the file is: known at once for a put, with the satellite's offer for a get."""
    return {
        "do": "describe",
        "id": entry,
        "size": size,
        "sha256": sha256,
        "chunk_bytes": chunk_bytes,
        "file": file_id.hex(),
    }


def reached(entry: str, state: State, now: float, problem: str | None = None) -> Record:
    return {"do": "state", "id": entry, "state": state, "t": now, "problem": problem}


def ended(entry: Entry, state: State, now: float, problem: str | None = None) -> Record:
    """A last step, with all that the entry is: it can be followed though a record before it was lost."""
    return {**reached(entry.id, state, now, problem), "entry": _restoring(entry, [])}


def holds(entry: str, chunks: list[int]) -> Record:
    return {"do": "hold", "id": entry, "chunks": chunks}


def lost(entry: str, chunks: list[int]) -> Record:
    return {"do": "lose", "id": entry, "chunks": chunks}


def together(*records: Record) -> Record:
    """Several records as one, of which a crash leaves all or nothing."""
    return records[0] if len(records) == 1 else {"do": "all", "records": records}


def dropped(entry: str) -> Record:
    return {"do": "drop", "id": entry}


class Ledger:
    """All entries by id, in the order in which they were opened."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def find(self, action: Action, satellite: str, name: str) -> Entry | None:
        return self.entries.get(custody_id(action, satellite, name))

    def apply(self, record: Record) -> None:
        """Follow one record.

        Raises:
            FormatError: it is no record of a ledger, or breaks the order of states.
        """
        try:
            self._apply(record)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"custody record {str(record)[:120]}: {error!r}") from error

    def _apply(self, record: Record) -> None:
        match record["do"]:
            case "all":
                for each in record["records"]:
                    self._apply(each)
            case "open":
                self._open(record)
            case "restore":
                entry = _restored(record)
                self.entries[entry.id] = entry
            case "describe":
                entry = self.entries[record["id"]]
                entry.size, entry.sha256 = record["size"], record["sha256"]
                entry.chunk_bytes, entry.file_id = record["chunk_bytes"], bytes.fromhex(record["file"])
                entry.held.clear()
            case "state":
                self._step(self.entries[record["id"]], record["state"], record["t"], record["problem"])
            case "hold":
                self.entries[record["id"]].held.update(record["chunks"])
            case "lose":
                self.entries[record["id"]].held.difference_update(record["chunks"])
            case "drop":
                del self.entries[record["id"]]
            case other:
                raise ValueError(f"unknown record {other!r}")

    def _open(self, record: Record) -> None:
        action: Action = record["action"]
        entry = Entry(
            id=record["id"],
            action=action,
            satellite=record["satellite"],
            name=record["name"],
            priority=record["priority"],
            state=FIRST[action],
            times={FIRST[action]: record["t"]},
        )
        self.entries.pop(entry.id, None)  # it goes to the end of the order
        self.entries[entry.id] = entry

    def _step(self, entry: Entry, state: State, now: float, problem: str | None) -> None:
        if state not in STEPS[entry.state]:
            raise ValueError(f"{entry.id} can't go from {entry.state} to {state}")
        entry.state = state
        entry.times[state] = now
        entry.problem = problem
        if state == "requested":  # begun anew
            entry.size = entry.sha256 = entry.chunk_bytes = entry.file_id = None
            entry.held.clear()

    def snapshot(self) -> Iterator[Record]:
        """The shortest list of records that leads to this ledger: what the journal is compacted to."""
        for entry in self:
            yield _restoring(entry, [] if entry.ended else sorted(entry.held))


def _restoring(entry: Entry, held: list[int]) -> Record:
    fields = {each.name: getattr(entry, each.name) for each in dataclasses.fields(entry)}
    return {"do": "restore", **fields, "file_id": entry.file_id and entry.file_id.hex(), "held": held}


def _restored(record: Record) -> Entry:
    fields = {name: value for name, value in record.items() if name != "do"}
    fields["file_id"] = bytes.fromhex(fields["file_id"]) if fields["file_id"] else None
    fields["held"] = set(fields["held"])
    return Entry(**fields)


def encode(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


def decode(data: bytes) -> Record:
    """FormatError if it is no JSON object."""
    try:
        record = json.loads(data)
    except ValueError as error:
        raise FormatError("custody record: not JSON") from error
    if not isinstance(record, dict):
        raise FormatError("custody record: not a JSON object")
    return record
