"""The last known state of each transfer of a node, in a file beside it: what remains when there is no bus.

The session reads it to know when the work is done, and for the summary at the end. It is a display's copy:
custody itself stands in the node's own journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from linkemu.telemetry import Message, TransferState

_INTERVAL_S = 0.25
_STATES = TypeAdapter(list[TransferState])


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
        if self._path is not None:
            draft = self._path.with_name(self._path.name + ".tmp")
            draft.write_bytes(_STATES.dump_json(list(self._states.values())))
            draft.replace(self._path)


def read(paths: Iterable[Path]) -> tuple[TransferState, ...]:
    """All states in these files; a file that is not there yet has none."""
    states: list[TransferState] = []
    for path in paths:
        try:
            states += _STATES.validate_json(path.read_bytes())
        except FileNotFoundError:
            continue
        except ValidationError:  # another version of linkemu wrote it: it counts as not written
            continue
    return tuple(states)
