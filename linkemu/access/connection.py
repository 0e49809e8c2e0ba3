"""One client's connection: two flows, and what its opening, its ends and its resets do to two sockets.

They travel over the link as the bytes do. The handshake with the client is the kernel's own and takes no
light time. Which connections there are, and what an outage does to them, is for the door to know.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from typing import TYPE_CHECKING

from linkemu.access.flow import Flow
from linkemu.access.pieces import Mark
from linkemu.access.settings import spoken

if TYPE_CHECKING:
    from linkemu.access.tcp import TcpDoor

_HEARD = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_BROKEN = select.EPOLLERR | select.EPOLLHUP
_ENDING = select.EPOLLRDHUP | select.EPOLLHUP
RESETS = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST


class Connection:
    """Owner of two flows: ``there`` from client to server, ``back`` from server to client."""

    def __init__(self, door: TcpDoor, client: socket.socket, opened_ns: int) -> None:
        self.opened_ns = opened_ns
        self.number = door.connections
        self._door = door
        self._client: socket.socket | None = client
        self._upstream: socket.socket | None = None
        self._is_connected = False
        self._ended = 0
        self.there = Flow(door.there, self, door.stock, door.gauges[0])
        self.back = Flow(door.back, self, door.stock, door.gauges[1])
        self.there.source = self.back.sink = client
        door.there.mark(self.there, Mark.OPEN)
        door.reactor.add(client.fileno(), self._hear_client, _HEARD)

    def arrived(self, flow: Flow, mark: Mark) -> None:
        """A mark has come out of the link."""
        match mark:
            case Mark.OPEN:
                self._open_upstream()
            case Mark.RESET:
                self.abort()
            case Mark.END:
                self._end(flow)

    def broke(self, end: socket.socket) -> None:
        """One end is reset: the other hears of it by light, behind the bytes that are on their way."""
        if end is self._client:
            self._client = None
            out, into, other = self.there, self.back, self._upstream
        elif end is self._upstream:
            self._upstream = None
            out, into, other = self.back, self.there, self._client
        else:
            return
        self._drop(end)
        self._door.count_reset(self)
        into.discard()
        out.is_reading, out.source = False, None
        if other is None:
            self.abort()
        else:
            out.way.mark(out, Mark.RESET)

    def unheard(self, flow: Flow) -> None:
        """After the far end forgot the connection, it answers whatever comes with a reset."""
        flow.discard()
        self._door.count_reset(self)
        self.back.way.mark(self.back, Mark.RESET)

    @property
    def peer(self) -> str:
        """The client's address, or nothing once it is gone."""
        try:
            return "" if self._client is None else spoken(self._client.getpeername()[:2])
        except OSError:  # reset, and not heard of yet
            return ""

    @property
    def is_connected(self) -> bool:
        """The upstream has taken it."""
        return self._is_connected

    def forget_upstream(self) -> None:
        """The far side loses the connection, and the client isn't told (half-open)."""
        if self._upstream is None:
            return
        self._drop(self._upstream, reset=True)
        self._upstream = None
        self.back.is_reading, self.back.source = False, None
        if self.there.blocked:
            self.there.unblock(-1)
        self.there.sink, self.there.void = None, True

    def abort(self) -> None:
        """Reset both ends, now."""
        for end in (self._client, self._upstream):
            if end is not None:
                self._drop(end, reset=True)
        self._close()

    def _hear_client(self, events: int) -> None:
        if self._client is not None:
            self._hear(self._client, events, self.there, self.back)

    def _hear_upstream(self, events: int) -> None:
        if self._upstream is None:
            return
        if not self._is_connected and not self._connect_finished(self._upstream, events):
            return
        self._hear(self._upstream, events, self.back, self.there)

    def _hear(self, end: socket.socket, events: int, reads: Flow, writes: Flow) -> None:
        if events & _BROKEN and end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.broke(end)
            return
        if events & _ENDING:
            reads.is_ending = True
        if events & (select.EPOLLIN | _ENDING):
            reads.way.wake(reads)
        if events & select.EPOLLOUT and writes.sink is end:
            writes.unblock(self._door.pace.now_ns())

    def _open_upstream(self) -> None:
        try:
            upstream = socket.socket(self._door.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self._door.count_unreached(error.errno or 0)
            self.abort()
            return
        self._upstream = upstream
        self._door.prepare(upstream)
        error_code = upstream.connect_ex(self._door.to)
        if error_code not in (0, errno.EINPROGRESS):
            self._door.count_unreached(error_code)
            self.broke(upstream)
            return
        self._door.reactor.add(upstream.fileno(), self._hear_upstream, _HEARD)

    def _connect_finished(self, upstream: socket.socket, events: int) -> bool:
        error = upstream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._door.count_unreached(error)
            self.broke(upstream)
            return False
        if not events & select.EPOLLOUT:
            return False
        self._is_connected = True
        self.there.sink = self.back.source = upstream
        return True

    def _end(self, flow: Flow) -> None:
        self._ended += 1
        if flow.sink is not None:
            try:
                flow.sink.shutdown(socket.SHUT_WR)
            except OSError:
                self.broke(flow.sink)
                return
        if self._ended == 2:
            for end in (self._client, self._upstream):
                if end is not None:
                    self._drop(end)
            self._close()

    def _drop(self, end: socket.socket, *, reset: bool = False) -> None:
        self._door.reactor.remove(end.fileno())
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
        end.close()

    def _close(self) -> None:
        self._client = self._upstream = None
        self.there.discard()
        self.back.discard()
        self._door.closed(self)
