"""What a door holds while it is under way: pieces of a stream, in pipes of the kernel or in blocks of memory.

Bulk is spliced into pipes of 1 MiB and never reaches user space; small messages, and what comes when the
system grants no more pipes, lie in blocks that are used again. No time is decided here.
"""

from __future__ import annotations

import fcntl
import os
from enum import Enum

PIPE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16
_MOST_PIPES = 48  # an ordinary user may have 64 of this size (pipe(7), pipe-user-pages-soft)
_MOST_PIPES_OF_ROOT = 256
_SPARE_PIPES = 16
_SPARE_BLOCKS = 1024


class Mark(Enum):
    """What a stream says without bytes; it travels by light, behind the bytes before it."""

    OPEN = "open"  # a client has connected
    END = "end"  # no more bytes will come (FIN)
    RESET = "reset"


class Pipe:
    """A pipe as a queue of bytes. ``held`` is what is in it."""

    __slots__ = ("held", "reader", "writer")

    def __init__(self) -> None:
        """OSError if the system has no descriptors, or no memory for pipes of this user."""
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.held = 0
        try:
            fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class Piece:
    """Bytes, or a mark, with their place on the link. ``due_ns`` is None while it has none."""

    __slots__ = ("due_ns", "end_ns", "left", "size", "start_ns", "store")

    def __init__(self, size: int, store: Pipe | memoryview | Mark) -> None:
        self.size = size
        self.left = size  # not yet given to the far side
        self.store = store
        self.start_ns = 0
        self.end_ns = 0
        self.due_ns: int | None = None


class Stock:
    """Pipes and blocks of one data plane, lent and taken back."""

    def __init__(self, most_pipes: int | None = None) -> None:
        self._pipes: list[Pipe] = []
        self._lent = 0
        polite = _MOST_PIPES if os.geteuid() else _MOST_PIPES_OF_ROOT
        self._most_pipes = polite if most_pipes is None else most_pipes
        self._is_refused = False  # the system gave no more; ask again when one has come back
        self._blocks: list[memoryview] = []

    def pipe(self) -> Pipe | None:
        """An empty pipe, or None if there is none to be had."""
        if self._pipes:
            self._lent += 1
            return self._pipes.pop()
        if self._is_refused or self._lent >= self._most_pipes:
            return None
        try:
            pipe = Pipe()
        except OSError:
            self._is_refused = True
            return None
        self._lent += 1
        return pipe

    def return_pipe(self, pipe: Pipe) -> None:
        """An empty pipe is kept for later; one that still holds bytes is thrown away with them."""
        self._lent -= 1
        self._is_refused = False
        if pipe.held == 0 and len(self._pipes) < _SPARE_PIPES:
            self._pipes.append(pipe)
        else:
            pipe.close()

    def block(self) -> memoryview:
        return self._blocks.pop() if self._blocks else memoryview(bytearray(BLOCK_BYTES))

    def return_block(self, block: memoryview) -> None:
        if len(self._blocks) < _SPARE_BLOCKS:
            self._blocks.append(block)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        self._pipes.clear()
