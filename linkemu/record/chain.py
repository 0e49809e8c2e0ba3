"""The event trace on disk: JSON lines, each of which carries the hash of all records up to itself.

A line is the record as linkemu.trace gives it, with ``"hash"`` as its last field: the first 16 bytes of
blake2b-256 over all records so far (without that field, each ended by a newline). The hash of the last record
is thus the beginning of the trace's digest. A crash leaves whole records and at most one torn line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from linkemu.errors import RecordError, ResourceError
from linkemu.record import files

_SEAL = re.compile(rb',"hash":"([0-9a-f]{32})"\}')
_SEAL_BYTES = len(b',"hash":""}') + 32
_TEXT = (str, int, bool, type(None))

Event = dict[str, Any]


class Chain:
    """The running hash of a trace."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=32)
        self.count = 0

    def add(self, record: bytes) -> str:
        """Take one record, without newline; its hash, 32 hexadecimal digits."""
        self._hash.update(record + b"\n")
        self.count += 1
        return self._hash.hexdigest()[:32]

    def digest(self) -> str:
        """Over all records so far, 64 hexadecimal digits: the same as Trace.digest()."""
        return self._hash.hexdigest()


def sealed(record: bytes, seal: str) -> bytes:
    """The line of a record (a JSON object) with its hash."""
    return record[:-1] + f',"hash":"{seal}"}}\n'.encode()


class ChainWriter:
    """Appends to a trace file; one that is there is gone on with, less its torn tail.

    ``eager`` hands over each record to the system at once, so that it outlives a kill of this process.
    """

    def __init__(self, path: Path, *, eager: bool = False) -> None:
        self._path = path
        self._chain = Chain()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self._resume()
            self._file = path.open("ab", buffering=0 if eager else -1)
        except OSError as error:
            raise ResourceError(str(path), error.strerror or str(error)) from error

    @property
    def count(self) -> int:
        return self._chain.count

    def write(self, record: str) -> None:
        """Add a record of linkemu.trace; OSError if the disk refuses, when the trace ends where it is."""
        line = record.encode()
        self._file.write(sealed(line, self._chain.add(line)))

    def close(self) -> None:
        """Make it durable."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise ResourceError(str(self._path), error.strerror or str(error)) from error

    def _resume(self) -> None:
        whole = 0
        data = files.read(self._path)
        for line in _lines(data):
            record = _record(self._path, self._chain.count + 1, line, self._chain)
            whole += len(record) + _SEAL_BYTES
        os.truncate(self._path, whole)


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace as read: its events, its digest, and whether a crash has torn its last line."""

    events: tuple[Event, ...]
    digest: str
    torn: bool = False


def read(path: Path, *, torn: bool = False) -> TraceFile:
    """Read and check a trace; ``torn`` allows for an unfinished last line, which is left out.

    Raises:
        RecordError: the first record that is no record, or whose hash doesn't follow from those before.
    """
    data = files.read(path)
    chain = Chain()
    events = tuple(
        _event(path, number, _record(path, number, line, chain))
        for number, line in enumerate(_lines(data), start=1)
    )
    if (is_torn := bool(data) and not data.endswith(b"\n")) and not torn:
        raise RecordError(str(path), chain.count + 1, "the last record is cut off")
    return TraceFile(events, chain.digest(), is_torn)


def follow(expected: TraceFile, differs: Callable[[int], None]) -> Callable[[str], None]:
    """A sink for a new trace: calls ``differs`` once with the number of the first record that isn't the same.

    Whether the new trace ends too early is for its owner to see, by the count.
    """
    number = 0
    told = False

    def take(record: str) -> None:
        nonlocal number, told
        number += 1
        same = number <= len(expected.events) and json.loads(record) == expected.events[number - 1]
        if not same and not told:
            told = True
            differs(number)

    return take


def _lines(data: bytes) -> list[bytes]:
    """Whole lines, without newline; what follows the last newline is torn."""
    return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]


def _record(path: Path, number: int, line: bytes, chain: Chain) -> bytes:
    """The record in a line, once its hash is found to be right."""
    match = _SEAL.fullmatch(line, max(0, len(line) - _SEAL_BYTES))
    if match is None:
        raise RecordError(str(path), number, "is no record of a trace: it doesn't end with its hash")
    record = line[: match.start()] + b"}"
    if chain.add(record) != match[1].decode():
        raise RecordError(
            str(path),
            number,
            "its hash doesn't follow from the records so far: one was changed or is missing",
        )
    return record


def _event(path: Path, number: int, record: bytes) -> Event:
    try:
        event = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise RecordError(str(path), number, f"is no record of a trace: {error}") from error
    if not isinstance(event, dict) or not _is_event(event):
        raise RecordError(str(path), number, 'is no record of a trace: expected "t", "who" and "what"')
    return event


def _is_event(event: Event) -> bool:
    """The grammar of docs/replay.md."""
    kinds = (type(event.get("t")), type(event.get("who")), type(event.get("what")))
    return kinds == (int, str, str) and all(isinstance(value, _TEXT) for value in event.values())
