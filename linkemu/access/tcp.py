"""The TCP door: takes connections, opens each upstream when its light arrives, and lets outages act.

A connection is two flows; its opening, its ends and its resets travel over the link as the bytes do. What
an outage does is the door's setting (settings.Behaviour). The handshake with the client is the
kernel's own and takes no light time: docs/proxy.md says what else this door can't emulate.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable

from linkemu.access.connection import RESETS, Connection
from linkemu.access.gauge import Gauge
from linkemu.access.pace import Pace
from linkemu.access.pieces import Stock
from linkemu.access.reactor import Reactor
from linkemu.access.settings import Address, Behaviour, Outages, spoken
from linkemu.access.way import Way
from linkemu.errors import ResourceError

_ACCEPTS = 64  # at once, before what is due gets its turn
_BACKLOG = 4096
_SO_RCVBUFFORCE = 33  # Linux asm-generic/socket.h
_TCP_WINDOW_CLAMP = 10  # linux/tcp.h
_CONGESTION = b"reno"  # always permitted; the default may be one that halves a local socket's speed


class TcpDoor:
    """Order of calls: construct (binds), then ``act`` after each round of the reactor, ``close``.

    Its owner steps the ways, which doors of one link share, once all doors have acted.
    """

    def __init__(
        self,
        listen: Address,
        to: Address,
        ways: tuple[Way, Way],
        gauges: tuple[Gauge, Gauge],
        reactor: Reactor,
        pace: Pace,
        outages: Outages,
        lights: list[tuple[int, int]],
        *,
        window_bytes: int,
        on_client: Callable[[], None],
    ) -> None:
        """``ways`` and ``gauges`` are client to server and back. ResourceError if there's no address."""
        self.there, self.back = ways
        self.gauges = gauges
        self.reactor = reactor
        self.pace = pace
        self.stock = Stock()
        self.family, self.to = resolve(to, socket.SOCK_STREAM)
        self.connections = self.refused = self.unreached = self.reset = 0
        self._behaviour, self._patience_ns = outages.behaviour, round(outages.patience_s * 1e9)
        self._edges: list[int] = []  # begin, end, begin, …
        self._passed = 0
        self.relight(lights)
        self.is_enabled = True
        self.doom_ns: int | None = None  # how long a connection may live from now on
        self._doomed_ns = 0  # since when that holds
        self.notice: Callable[[str, Connection], None] | None = None  # is told "opened", "reset", "closed"
        self.witness: Callable[[str, Connection], None] | None = None  # likewise, of a run that is recorded
        self._open: dict[Connection, None] = {}  # in the order of their coming
        self._were_reset: set[int] = set()
        self._window_bytes = window_bytes
        self._on_client = on_client
        self._reserve = os.open(os.devnull, os.O_RDONLY)
        self._listener = self._bind(listen)
        self.address: Address = self._listener.getsockname()[:2]
        self._is_listening = True
        self._listen_fd = self._listener.fileno()
        reactor.add(self._listen_fd, self._accept, select.EPOLLIN)

    def act(self, now_ns: int) -> int | None:
        """Let outages act on connections; the next scenario time at which one does."""
        times = (self._turn(now_ns), self._lose_patience(now_ns), self._doom(now_ns))
        return min((time for time in times if time is not None), default=None)

    def relight(self, lights: list[tuple[int, int]]) -> None:
        """The link has light in these stretches, from now on and before."""
        self._edges = [edge for light in lights for edge in light]
        self._passed = 0

    def enable(self, wanted: bool) -> None:
        """Open again, or refuse clients from now on and reset those that are there."""
        self.is_enabled = wanted
        self._act(dark=self._is_dark)
        if not wanted:
            self.reset_all()

    def doom(self, after_ns: int | None) -> None:
        """Let connections live so long, from now on those that are there; None: for ever."""
        if after_ns == self.doom_ns:
            return
        self.doom_ns = after_ns
        self._doomed_ns = self.pace.now_ns()

    def reset_all(self) -> int:
        """Reset every connection at both ends, now; how many there were."""
        doomed = list(self._open)
        for connection in doomed:
            self.count_reset(connection)
            connection.abort()
        return len(doomed)

    def forget_all(self) -> int:
        """The far side loses every connection, and no client is told; how many there were."""
        for connection in self._open:
            connection.forget_upstream()
        return len(self._open)

    def listing(self, after: int, most: int) -> list[Connection]:
        """At most so many open connections, from the first on whose number is above ``after``."""
        later = (each for each in self._open if each.number > after)
        return [each for each, _ in zip(later, range(most), strict=False)]

    @property
    def is_idle(self) -> bool:
        """No connection is open."""
        return not self._open

    def prepare(self, end: socket.socket) -> None:
        """Set a socket up for carrying a stream: no delay, a buffer that the link's rate asks for."""
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, _CONGESTION)
        except OSError:
            self._say("reno isn't available: the system's own congestion control stays")
        try:
            end.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, self._window_bytes)
        except PermissionError:
            end.setsockopt(socket.IPPROTO_TCP, _TCP_WINDOW_CLAMP, self._window_bytes)

    def count_unreached(self, error: int) -> None:
        if not self.unreached:
            self._say(f"upstream {spoken(self.to)}: {os.strerror(error)}; its clients get a reset")
        self.unreached += 1

    def count_reset(self, connection: Connection) -> None:
        if connection in self._open and id(connection) not in self._were_reset:
            self._were_reset.add(id(connection))
            self.reset += 1
            self._tell("reset", connection)

    def closed(self, connection: Connection) -> None:
        if connection in self._open:
            del self._open[connection]
            self._tell("closed", connection)
        self._were_reset.discard(id(connection))

    def close(self) -> None:
        """Reset what is still open, and listen no more."""
        for connection in list(self._open):
            connection.abort()
        self.reactor.remove(self._listen_fd)
        self._listener.close()
        os.close(self._reserve)
        self.stock.close()

    def _bind(self, listen: Address) -> socket.socket:
        family, where = resolve(listen, socket.SOCK_STREAM)
        listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.prepare(listener)
            listener.bind(where)
            if where[1] == 0:  # only a port asked for stays bound while it refuses
                where = listener.getsockname()
                listener.close()
                listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.prepare(listener)
                listener.bind(where)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise ResourceError(f"tcp {spoken(listen)}", error.strerror or str(error)) from None
        return listener

    def _accept(self, _: int) -> None:
        for _attempt in range(_ACCEPTS):
            try:
                client, _peer = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._turn_away(error)
                return
            self._on_client()
            client.setblocking(False)
            self.prepare(client)
            self.connections += 1
            connection = Connection(self, client, self.pace.now_ns())
            self._open[connection] = None
            self._tell("opened", connection)

    def _turn_away(self, error: OSError) -> None:
        """No descriptor is left: take the client with the one in reserve, and reset it."""
        if not self.refused:
            self._say(f"{error.strerror}: clients are reset (raise the limit: ulimit -n)")
        os.close(self._reserve)
        try:
            client, _ = self._listener.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
            client.close()
            self.refused += 1
        except OSError:
            self._say("a client could not even be reset")
        self._reserve = os.open(os.devnull, os.O_RDONLY)

    def _turn(self, now_ns: int) -> int | None:
        """Act where light has begun or ended; when it does so next."""
        while self._passed < len(self._edges) and self._edges[self._passed] <= now_ns:
            self._passed += 1
        self._act(dark=self._is_dark)
        return self._edges[self._passed] if self._passed < len(self._edges) else None

    @property
    def _is_dark(self) -> bool:
        return self._passed % 2 == 0

    def _act(self, *, dark: bool) -> None:
        is_closed = not self.is_enabled or (self._behaviour is Behaviour.REFUSE and dark and self.pace.begun)
        if is_closed is self._is_listening:
            self._set_listening(not is_closed)
        if self._behaviour is Behaviour.HALF_OPEN and dark:
            for connection in self._open:
                connection.forget_upstream()

    def _set_listening(self, wanted: bool) -> None:
        """Stop listening, or begin again, on the same bound socket: clients are refused by the system."""
        if wanted:
            try:
                self._listener.listen(_BACKLOG)
            except OSError as error:
                raise ResourceError(f"tcp {spoken(self.address)}", error.strerror or str(error)) from None
            self.reactor.add(self._listen_fd, self._accept, select.EPOLLIN)
        else:
            self.reactor.remove(self._listen_fd)
            self._listener.shutdown(socket.SHUT_RD)
        self._is_listening = wanted

    def _lose_patience(self, now_ns: int) -> int | None:
        """Reset connections that an outage has held for too long; when the next one's time has come."""
        if self._behaviour is not Behaviour.RESET or not self._is_dark:
            return None
        dark_ns = self._edges[self._passed - 1] if self._passed else 0
        for connection in list(self._open):
            until_ns = max(dark_ns, connection.opened_ns) + self._patience_ns
            if until_ns > now_ns:
                return until_ns
            self.count_reset(connection)
            connection.abort()
        return None

    def _doom(self, now_ns: int) -> int | None:
        """Reset connections that have lived as long as they may; when the next one has."""
        if self.doom_ns is None:
            return None
        for connection in list(self._open):
            until_ns = max(connection.opened_ns, self._doomed_ns) + self.doom_ns
            if until_ns > now_ns:
                return until_ns
            self.count_reset(connection)
            connection.abort()
        return None

    def _tell(self, what: str, connection: Connection) -> None:
        if self.notice is not None:
            self.notice(what, connection)
        if self.witness is not None:
            self.witness(what, connection)

    @staticmethod
    def _say(line: str) -> None:
        print(f"proxy: {line}", file=sys.stderr, flush=True)


def resolve(where: Address, kind: socket.SocketKind) -> tuple[socket.AddressFamily, Address]:
    """Family and numeric address of a host; ResourceError if its name has none."""
    try:
        found = socket.getaddrinfo(*where, type=kind, flags=socket.AI_PASSIVE if not where[0] else 0)
    except (OSError, UnicodeError) as error:
        raise ResourceError(spoken(where), getattr(error, "strerror", None) or str(error)) from None
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))
