"""Progress: what the station announces of each file in custody, on change and at most once a second.

Steps of custody are announced at once. What was announced is looked at again after a second, until nothing of
it has changed: so a fade is told too. Nothing here changes anything: announcing is observation (law 2).
"""

from __future__ import annotations

import dataclasses
from collections import deque

from ground_station import contacts
from ground_station.custody import Entry
from linkemu.runtime.clock import Timer
from linkemu.runtime.linkend import LinkEnds
from linkemu.runtime.node import Context
from linkemu.telemetry import TransferState
from linkemu.transfer.endpoint import FileCounters
from linkemu.transfer.holdings import Holdings

_PERIOD_s = 1.0
_RATE_SAMPLES = 4


class Progress:
    """Announcements of one station."""

    def __init__(self, context: Context, ends: LinkEnds, holdings: Holdings) -> None:
        self._context = context
        self._ends = ends
        self._holdings = holdings
        self._due: dict[str, Entry] = {}
        self._timer: Timer | None = None
        self._sent: dict[str, FileCounters] = {}
        self._samples: dict[str, deque[tuple[float, int]]] = {}
        self._told: dict[str, TransferState] = {}

    def begin(self, entry: Entry, sent: FileCounters) -> None:
        """The file is on a link, which counts what it sends of it."""
        self._sent[entry.id] = sent

    def changed(self, entry: Entry) -> None:
        """More of the file is across, or its link changed: announce that within a second."""
        self._due[entry.id] = entry
        if self._timer is None:
            self._timer = self._context.clock.call_at(self._context.clock.now() + _PERIOD_s, self._flush)

    def stepped(self, entry: Entry) -> None:
        """Its custody took a step: announce it now."""
        self._announce(entry)
        if entry.ended:
            for books in (self._due, self._sent, self._samples, self._told):
                books.pop(entry.id, None)
        else:
            self.changed(entry)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        self._timer = None
        due, self._due = self._due, {}
        for entry in due.values():
            if self._announce(entry):
                self.changed(entry)

    def _announce(self, entry: Entry) -> bool:
        """Tell how it stands, unless that was told; whether there was anything to tell."""
        state = self._state(entry)
        told = self._told.get(entry.id)
        if told is not None and dataclasses.replace(told, at_s=state.at_s) == state:
            return False
        self._told[entry.id] = state
        self._context.announce(state)
        return True

    def _state(self, entry: Entry) -> TransferState:
        now = self._context.clock.now()
        window = contacts.window(self._ends.plan, entry.satellite, now)
        sent, repaired, resent = self._counted(entry)
        return TransferState(
            node=self._context.name,
            id=entry.id,
            action=entry.action,
            name=entry.name,
            satellite=entry.satellite,
            state=entry.state,
            at_s=now,
            size_bytes=entry.size,
            done_bytes=entry.done_bytes,
            priority=entry.priority,
            rate_bps=self._rate(entry, now),
            sha256=entry.sha256,
            times=dict(entry.times),
            sent_bytes=sent,
            repaired_bytes=repaired,
            resent_chunks=resent,
            next_window_s=window.start_s if window is not None else None,
            problem=entry.problem,
        )

    def _counted(self, entry: Entry) -> tuple[int, int, int]:
        """Bytes sent, bytes repaired and chunks resent of a put in this life of the station.

        Of a get, whose sender is the satellite, bytes that came, none, and chunks that came again.
        """
        sent = self._sent.get(entry.id)
        if sent is not None:
            return sent.first_sent_bytes + sent.repaired_bytes, sent.repaired_bytes, sent.acknowledged_resent
        known = self._holdings.progress(entry.file_id) if entry.file_id is not None else None
        if known is None or entry.action == "put":
            return 0, 0, 0
        return known.received_bytes, 0, known.repeated_chunks

    def _rate(self, entry: Entry, now: float) -> float | None:
        """Content over the last announcements, in bit/s."""
        samples = self._samples.setdefault(entry.id, deque(maxlen=_RATE_SAMPLES))
        samples.append((now, entry.done_bytes))
        (then, before), (_, done) = samples[0], samples[-1]
        return 8 * (done - before) / (now - then) if now > then else None
