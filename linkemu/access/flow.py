"""One direction of one connection: reads from its source, holds pieces in order, writes to its sink.

Where bytes go on the link is decided by the Way, which asks for them (``read``) and says when they are due
(``flush``). What a mark means is decided by the connection. Both sockets are non-blocking.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Protocol

from linkemu.access.gauge import Gauge
from linkemu.access.pieces import BLOCK_BYTES, Mark, Piece, Pipe, Stock
from linkemu.access.waiting import Waiting

if TYPE_CHECKING:
    from linkemu.access.way import Way

_SPLICE = 0x01 | 0x02  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK, linux/splice.h
_BULK_BYTES = 1 << 14  # from here on a read is worth a pipe
_SMALL_BYTES = 1 << 15  # up to here a copy is cheaper than a whole block


class Owner(Protocol):
    """A connection, as its flows see it."""

    def arrived(self, flow: Flow, mark: Mark) -> None:
        """A mark has come out at the far end."""
        ...

    def broke(self, end: socket.socket) -> None:
        """A socket turned out to be reset."""
        ...

    def unheard(self, flow: Flow) -> None:
        """Bytes came out where nobody knows the connection any more (``void``)."""
        ...


class Flow:
    """``held`` bytes are read and not yet written; ``blocked``: the sink takes no more for now."""

    __slots__ = (
        "_bulk", "_owner", "_stock", "_tail", "blocked", "credit", "due_ns", "gauge", "held", "is_ending",
        "is_queued", "is_reading", "late_until_ns", "parked", "pieces", "sink", "source", "void", "waiting",
        "way",
    )  # fmt: skip

    def __init__(self, way: Way, owner: Owner, stock: Stock, gauge: Gauge) -> None:
        self.way = way
        self.gauge = gauge  # of its door and direction
        self.source: socket.socket | None = None
        self.sink: socket.socket | None = None
        self.pieces: deque[Piece] = deque()
        self.waiting = Waiting()  # in its source
        self.held = 0
        self.credit = 0  # bytes that it may still read in its turn
        self.is_reading = True  # until the end of the stream
        self.is_ending = False  # its end has come, behind bytes that may still wait
        self.is_queued = False  # stands in the way's queue of those that may have bytes
        self.blocked = False
        self.parked = False  # waits for its sink before it may read on
        self.void = False
        self.due_ns = 0  # of what has come out, in order
        self.late_until_ns = -1  # pieces due until then are late by their sink's doing
        self._owner = owner
        self._stock = stock
        self._tail: Pipe | None = None
        self._bulk = False

    def read(self, most: int) -> tuple[Piece | None, bool]:
        """At most ``most`` bytes, and whether more may be there at once; a Mark.END piece at the end.

        OSError if the connection is broken.
        """
        if self.source is None:
            return None, False
        if self._bulk and most >= _BULK_BYTES:
            piece = self._splice(self.source.fileno(), most)
            if piece is not None:
                return piece
        return self._receive(self.source, min(most, BLOCK_BYTES))

    def look(self, now_ns: int) -> None:
        """See how much waits in the source."""
        if self.source is not None:
            self.waiting.look(self.source.fileno(), now_ns)

    def flush(self, now_ns: int) -> None:
        """Write what is due, until the sink takes no more."""
        while self.pieces and not self.blocked:
            piece = self.pieces[0]
            if piece.due_ns is None or piece.due_ns > now_ns:
                return
            if self.void:
                self._forget(self.pieces.popleft())
                self._owner.unheard(self)
            elif piece.store is Mark.END and self.sink is None:  # which is still being opened
                return
            elif isinstance(piece.store, Mark):
                self.pieces.popleft()
                self.due_ns = max(piece.due_ns, self.due_ns)
                self._owner.arrived(self, piece.store)
            elif self.sink is None or not self._write(self.sink, piece):
                return

    def unblock(self, now_ns: int) -> None:
        """The sink takes bytes again."""
        if self.blocked:
            self.blocked = False
            self.late_until_ns = now_ns
            self.way.unblocked(self)
        self.flush(now_ns)

    def reset(self) -> None:
        """The source turned out to be reset."""
        if self.source is not None:
            self._owner.broke(self.source)

    def discard(self) -> None:
        """Drop all that is held; nothing more will be read or written."""
        self.is_reading = False
        if self.blocked:
            self.blocked = False
            self.way.unblocked(self)
        self.source = self.sink = None
        while self.pieces:
            self._forget(self.pieces.popleft())
        self._release_tail()

    def _receive(self, source: socket.socket, most: int) -> tuple[Piece | None, bool]:
        block = self._stock.block()
        try:
            size = source.recv_into(block, most)
        except BlockingIOError:
            self._stock.return_block(block)
            return None, False
        except OSError:
            self._stock.return_block(block)
            raise
        self._bulk = size >= _BULK_BYTES
        if size <= _SMALL_BYTES:
            piece = Piece(size, memoryview(bytes(block[:size])) if size else Mark.END)
            self._stock.return_block(block)
        else:
            piece = Piece(size, block)
        return piece, size == most or (self.is_ending and size > 0)

    def _splice(self, source: int, most: int) -> tuple[Piece | None, bool] | None:
        """None if there is no pipe. An EAGAIN may mean a full pipe: only an empty one can tell."""
        if self._tail is None:
            self._tail = self._stock.pipe()
        if self._tail is None:
            return None
        size = _splice(source, self._tail.writer, most)
        if size is None and self._tail.held:
            fresh = self._stock.pipe()
            if fresh is None:
                return None
            size = _splice(source, fresh.writer, most)
            if size:
                self._tail = fresh  # the old one goes back when its last piece is written
            else:
                self._stock.return_pipe(fresh)
        if not size:
            self._bulk = False
            self._release_tail()
            return (None if size is None else Piece(0, Mark.END)), False
        self._tail.held += size
        self._bulk = size >= _BULK_BYTES
        return Piece(size, self._tail), True

    def _write(self, sink: socket.socket, piece: Piece) -> bool:
        """True once all of the piece is written."""
        try:
            while piece.left:
                if isinstance(piece.store, Pipe):
                    size = os.splice(piece.store.reader, sink.fileno(), piece.left, flags=_SPLICE)
                    piece.store.held -= size
                else:
                    begin = piece.size - piece.left
                    size = sink.send(piece.store[begin : piece.size])  # type: ignore[index]
                piece.left -= size
                self.held -= size
                self.way.held -= size
        except BlockingIOError:
            self.blocked = True
            self.way.blocked_bytes += self.held
            return False
        except OSError:
            self._owner.broke(sink)
            return False
        self.pieces.popleft()
        self.way.delivered(self, piece)
        self._release(piece)
        return True

    def _forget(self, piece: Piece) -> None:
        """Drop a piece that was not written."""
        self.held -= piece.left
        self.way.held -= piece.left
        if isinstance(piece.store, Pipe) and piece.left:
            piece.store.held -= _drain(piece.store, piece.left)
        self._release(piece)

    def _release(self, piece: Piece) -> None:
        store = piece.store
        if isinstance(store, Pipe):
            if store is self._tail:
                if not self._bulk:
                    self._release_tail()
            elif store.held == 0:
                self._stock.return_pipe(store)
        elif isinstance(store, memoryview) and len(store) == BLOCK_BYTES:
            self._stock.return_block(store)

    def _release_tail(self) -> None:
        """Give the pipe that is written to back, if it is empty."""
        if self._tail is not None and self._tail.held == 0:
            tail, self._tail = self._tail, None
            self._stock.return_pipe(tail)


def _splice(source: int, into: int, most: int) -> int | None:
    """Bytes moved, 0 at the end of the stream, None if nothing could be moved now."""
    try:
        return os.splice(source, into, most, flags=_SPLICE)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno == errno.EINTR:
            return None
        raise


def _drain(pipe: Pipe, size: int) -> int:
    """Throw ``size`` bytes of a pipe away; returns how many there were."""
    gone = 0
    while gone < size:
        try:
            gone += len(os.read(pipe.reader, min(size - gone, BLOCK_BYTES)))
        except BlockingIOError:
            break
    return gone
