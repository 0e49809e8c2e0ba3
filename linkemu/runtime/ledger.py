"""The last known state of each transfer of a node, in a file beside it: what remains when there is no bus.

The session reads it to know when the work is done, and for the summary at the end. It is a display's copy:
custody itself stands in the node's own journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from linkemu.telemetry import Message, TransferState

_INTERVAL_S = 0.25
_log = logging.getLogger(__name__)
_STATES = TypeAdapter(list[TransferState])
_Version = tuple[int, int]  # time of change and inode: each writing makes another file
_NOTHING: tuple[_Version, tuple[TransferState, ...]] = ((0, 0), ())


class Ledger:
    """Hears what a node announces; writes the file at most four times a second. ``path`` None: keeps it."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._states: dict[tuple[str, str], TransferState] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def states(self) -> tuple[TransferState, ...]:
        return tuple(self._states.values())

    def observe(self, message: Message) -> None:
        if not isinstance(message, TransferState):
            return
        self._states[message.node, message.id] = message
        if self._path is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_INTERVAL_S, self.write)

    def write(self) -> None:
        """Put the file in place now, whole."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._path is None:
            return
        draft = self._path.with_name(self._path.name + ".tmp")
        try:
            draft.write_bytes(_STATES.dump_json(list(self._states.values())))
            draft.replace(self._path)
        except OSError as error:  # a full disk stops a display, not the node
            _log.warning("%s: %s", self._path, error.strerror)


class Reader:
    """Reads the files of several nodes; a file that hasn't changed is not read again."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._read: dict[Path, tuple[_Version, tuple[TransferState, ...]]] = dict.fromkeys(paths, _NOTHING)

    def read(self) -> tuple[TransferState, ...]:
        """All states; a file that is not there yet has none, nor has one of another version of linkemu."""
        for path, (known, _) in self._read.items():
            try:
                status = path.stat()
                version = (status.st_mtime_ns, status.st_ino)
                if version != known:
                    self._read[path] = (version, tuple(_STATES.validate_json(path.read_bytes())))
            except (FileNotFoundError, ValidationError):
                self._read[path] = _NOTHING
        return tuple(state for _, states in self._read.values() for state in states)
