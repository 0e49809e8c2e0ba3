"""One direction of the link for all TCP connections: whose bytes go next, and when they come out.

Connections that have bytes take turns, a share of bytes each; each piece gets its place from the one
Serialiser. Bytes are taken from a client only when their place is near, so a client feels the link as
backpressure. Held bytes are bounded: what the link holds by itself, and an allowance for deaf sinks.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import deque
from operator import itemgetter

from linkemu.access.flow import Flow
from linkemu.access.pace import Pace
from linkemu.access.pieces import Mark, Piece
from linkemu.access.serialiser import Opening, Passage, Serialiser

_LEAST_SHARE_BYTES = 1 << 14
_TURNS = 16  # before other events are heard
_LEAST_ALLOWANCE_BYTES = 4 << 20
_MOST_ALLOWANCE_BYTES = 64 << 20
_ALLOWANCE_S = 0.05
_DUE = itemgetter(0)


class Way:
    """Order of calls: ``wake`` as sources become readable, then ``step``, then ``next_ns``."""

    def __init__(self, serialiser: Serialiser, pace: Pace, highest_bps: int) -> None:
        self.serialiser = serialiser
        self.held = 0
        self.blocked_bytes = 0  # held for sinks that take no more
        wanted = round(highest_bps * _ALLOWANCE_S / 8)
        self.allowance_bytes = min(max(wanted, _LEAST_ALLOWANCE_BYTES), _MOST_ALLOWANCE_BYTES)
        self._pace = pace
        self._ready: deque[Flow] = deque()
        self._due: deque[tuple[int, Flow]] = deque()  # when a flow has something to write, in order
        self._again: list[tuple[int, int, Flow, Piece]] = []  # erased pieces, by when they are sent again
        self._again_bytes = 0
        self._marks: deque[tuple[Flow, Piece]] = deque()  # without a place: it may still change what is next
        self._window_bytes = serialiser.window_bytes()
        self._count = 0
        self._ingest_ns: int | None = None
        self._is_woken = False

    def wake(self, flow: Flow) -> None:
        """The flow's source may have bytes."""
        if not flow.is_reading:
            return
        flow.look(self._pace.now_ns())
        if not flow.is_queued and not flow.parked:
            flow.is_queued = True
            self._is_woken = True
            self._ready.append(flow)

    def unblocked(self, flow: Flow) -> None:
        """The flow's sink takes bytes again, or is gone."""
        self.blocked_bytes -= flow.held
        if flow.parked:
            flow.parked = False
            self.wake(flow)

    def mark(self, flow: Flow, mark: Mark) -> None:
        """Send a mark behind all bytes of a flow; where light never comes again it never arrives."""
        piece = Piece(0, mark)
        flow.pieces.append(piece)
        self._marks.append((flow, piece))
        self._is_woken = True

    def delivered(self, flow: Flow, piece: Piece) -> None:
        """A piece has been written. It was due when all before it were, repeated ones among them."""
        if piece.due_ns is not None:
            flow.due_ns = due_ns = max(piece.due_ns, flow.due_ns)
            is_late = due_ns <= flow.late_until_ns
            flow.gauge.delivered(
                piece.size, piece.start_ns, piece.end_ns, due_ns, self._pace.now_ns(), held=is_late
            )

    def step(self) -> None:
        """Write what is due, take what has its place near."""
        self._is_woken = False
        self._ingest()
        self._release()

    def next_ns(self) -> int | None:
        """The scenario time at which to ``step`` again; asked once both ways have, as one wakes the other."""
        if self._is_woken:
            return self._pace.now_ns()
        times = [t for t in (self._ingest_ns, self._due[0][0] if self._due else None) if t is not None]
        return min(times, default=None)

    def _release(self) -> None:
        if self._due:
            now_ns = self._pace.now_ns()
            while self._due and self._due[0][0] <= now_ns:
                self._due.popleft()[1].flush(now_ns)

    def _ingest(self) -> None:
        for _ in range(_TURNS):
            self._release()
            now_ns = self._pace.now_ns()
            self._place_marks(now_ns)
            if not self._drop_idle() and not self._again:
                return
            opening = self.serialiser.opening(self._there_ns(now_ns))
            if opening is None:
                self._ingest_ns = None
                return
            self._ingest_ns = opening.start_ns - opening.lookahead_ns
            if self._ingest_ns > now_ns:
                return
            if self._again and self._again[0][0] <= max(now_ns, opening.start_ns):
                self._send_again()
            elif not self._ready or self._again_bytes >= self._window_bytes:
                self._ingest_ns = self._again[0][0]
                return
            else:
                self._take(self._ready[0], opening)
        self._ingest_ns = self._pace.now_ns()  # go on at once, but hear of other events first

    def _place_marks(self, now_ns: int) -> None:
        """Give marks their places once these are near, as bytes get theirs: until then light may change."""
        self._ingest_ns = None
        while self._marks:
            opening = self.serialiser.opening(now_ns)
            if opening is None:
                return
            self._ingest_ns = opening.start_ns - opening.lookahead_ns
            if self._ingest_ns > now_ns:
                return
            flow, piece = self._marks.popleft()
            passage = self.serialiser.leave(0, now_ns)
            if passage is not None and flow.pieces:
                self._send(flow, piece, passage)
            self._ingest_ns = None

    def _there_ns(self, now_ns: int) -> int:
        """Since when the flow whose turn it is has had bytes. When late, those with older ones go first."""
        if not self._ready:
            return now_ns
        there_ns = self._ready[0].waiting.since_ns(now_ns)
        free_ns = self.serialiser.free_ns()
        if there_ns <= free_ns or len(self._ready) == 1:
            return there_ns
        for number, flow in enumerate(self._ready):
            if (older_ns := flow.waiting.since_ns(now_ns)) <= free_ns:
                self._ready[0].credit = 0
                self._ready.rotate(-number)
                return older_ns
        return there_ns

    def _drop_idle(self) -> bool:
        """Remove flows from the head of the queue that may not read now; False if none is left."""
        while self._ready:
            flow = self._ready[0]
            full = flow.blocked and self.blocked_bytes > self.allowance_bytes
            if flow.is_reading and not full:
                return True
            flow.parked = full and flow.is_reading
            self._rest()
        return False

    def _take(self, flow: Flow, opening: Opening) -> None:
        if flow.credit <= 0:
            share = max(_LEAST_SHARE_BYTES, opening.most_bytes // len(self._ready))
            flow.credit += min(opening.most_bytes, share)
        most = min(flow.credit, opening.most_bytes)
        if opening.start_ns < self._pace.now_ns() and flow.waiting.known:
            most = min(most, flow.waiting.known)  # what is known to have been there
        try:
            piece, is_more = flow.read(most)
        except OSError:
            self._rest()
            flow.reset()
            return
        if piece is None:
            self._rest()
        elif isinstance(piece.store, Mark):
            self._rest()
            flow.is_reading = False
            self.mark(flow, piece.store)
        else:
            flow.credit -= piece.size
            flow.held += piece.size
            if flow.blocked:
                self.blocked_bytes += piece.size
            self.held += piece.size
            flow.gauge.taken(piece.size, self.held)
            now_ns = self._pace.now_ns()
            self._place(flow, piece, flow.waiting.take(piece.size, now_ns))
            if not is_more:
                self._rest()
                return
            flow.look(now_ns)
            if flow.credit <= 0:
                self._ready.rotate(-1)

    def _rest(self) -> None:
        """The flow at the head waits until its source is readable again."""
        flow = self._ready.popleft()
        flow.is_queued = False
        flow.credit = 0

    def _place(self, flow: Flow, piece: Piece, there_ns: int) -> None:
        passage = self.serialiser.leave(piece.size, there_ns)
        flow.pieces.append(piece)
        if passage is not None:
            self._send(flow, piece, passage)

    def _send_again(self) -> None:
        at_ns, _, flow, piece = heapq.heappop(self._again)
        self._again_bytes -= piece.size
        passage = self.serialiser.repeat(piece.size, at_ns) if flow.pieces else None
        if passage is not None:
            self._send(flow, piece, passage)

    def _send(self, flow: Flow, piece: Piece, passage: Passage) -> None:
        piece.start_ns, piece.end_ns = passage.start_ns, passage.end_ns
        if passage.erased:
            self._count += 1
            self._again_bytes += piece.size
            flow.gauge.erased(piece.size)
            heapq.heappush(self._again, (passage.again_ns, self._count, flow, piece))
        else:
            piece.due_ns = due_ns = passage.due_ns
            if self._due and due_ns < self._due[-1][0]:  # a mark has its place before bytes older than it
                insort(self._due, (due_ns, flow), key=_DUE)
            else:
                self._due.append((due_ns, flow))
