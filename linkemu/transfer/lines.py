"""Lines: the chunks that wait to be sent, one line for each priority, and how many may be under way at once.

A chunk leaves its line when it has nothing more to send. Begun chunks stand before new ones, and need no
credit: what the peer holds in part has its place there already. So a full peer can always be relieved.
"""

from __future__ import annotations

from collections import deque

from linkemu.transfer.outgoing import Outgoing

_CREDIT_UNTIL_TOLD = 64 << 20


class Lines:
    """``credit_bytes``: of chunks begun and not acknowledged, as the peer last stated it."""

    def __init__(self) -> None:
        self.credit_bytes = _CREDIT_UNTIL_TOLD
        self._begun_bytes = 0
        self._lines: dict[int, deque[Outgoing]] = {}
        self._current: Outgoing | None = None

    def put(self, outgoing: Outgoing) -> None:
        """Line up a chunk that has data and something to send."""
        if outgoing.queued:
            return
        outgoing.queued = True
        line = self._lines.setdefault(outgoing.priority, deque())
        (line.appendleft if outgoing.started else line.append)(outgoing)
        self._current = None

    def begin(self, outgoing: Outgoing) -> None:
        """Something of the chunk was sent, or is held by the peer."""
        if not outgoing.started:
            outgoing.started = True
            self._begun_bytes += outgoing.length

    def end(self, outgoing: Outgoing) -> None:
        """Nothing of the chunk is to be sent any more."""
        outgoing.unsent.clear()
        outgoing.data = None
        if outgoing.started:
            outgoing.started = False
            self._begun_bytes -= outgoing.length

    def rethink(self) -> None:
        """Another chunk may have the right of way now."""
        self._current = None

    def next(self) -> Outgoing | None:
        """The chunk whose turn it is: priority 0 first, begun ones first, new ones as credit allows."""
        if self._current is not None and self._current.unsent.size:
            return self._current
        for priority in sorted(self._lines):
            line = self._lines[priority]
            while line and not line[0].unsent.size:
                line.popleft().queued = False
            for outgoing in line:
                if self._may_leave(outgoing):
                    self._current = outgoing
                    return outgoing
        return None

    def _may_leave(self, outgoing: Outgoing) -> bool:
        if not outgoing.unsent.size or outgoing.awaits:
            return False
        return outgoing.started or self._begun_bytes + outgoing.length <= self.credit_bytes
