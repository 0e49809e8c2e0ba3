"""The UDP door: each client gets an upstream socket of its own; datagrams go through linkemu.link's Lane.

A datagram is charged by its payload, waits whole for light, and is lost if a slot that it touches is erased
or the queue is full: exactly as between the nodes. Stamps are the kernel's, so sockets needn't be read at
once: while datagrams keep coming they are read together, a few times in a light time. Runs leave together.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

import numpy as np

from linkemu.access.gauge import Gauge
from linkemu.access.intake import MOST, Catch, Intake, Peer, join_segments, peer
from linkemu.access.mail import Mail, Parcel, Trays
from linkemu.access.outlet import post
from linkemu.access.pace import Pace
from linkemu.access.reactor import Reactor
from linkemu.access.settings import Address
from linkemu.access.tcp import resolve
from linkemu.errors import ResourceError
from linkemu.link.channel import Delivery
from linkemu.link.lane import Lane
from linkemu.link.sheaf import Leg
from linkemu.runtime.udp import Port

_HEARD = select.EPOLLIN | select.EPOLLONESHOT
_CALLS = 4  # of reading, before what is due gets its turn
_LONG_MESSAGES = 16  # of up to 64 KiB, in one call
_LONG_BYTES = 4096
_PAUSE_NS = 500_000  # between two readings of a socket that is in use, at most
_PAUSES = 8  # and so many, at least, in a light time
_KERNEL_BYTES = 2304  # what a datagram of a page or less takes of its socket's buffer
_GATHER_NS = 50_000  # what is due within this time leaves together
_GATHER_MORE_NS = 200_000  # if there is so much
_MUCH = 8
_SILENCE_S = 120.0  # after which a client is forgotten; RFC 4787 asks at least that of a translator
_MOST_CLIENTS = 4096
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


class Client:
    """One client address and the socket that speaks to the server for it."""

    def __init__(self, door: UdpDoor, address: Peer, port: Port) -> None:
        self.door = door
        self.address = address
        self.ear = Ear(port, self)
        self.heard_s = time.monotonic()


class Ear:
    """A socket that is read: the door's own, or that of one client."""

    __slots__ = ("client", "drops", "is_open", "long", "most_waiting", "port")

    def __init__(self, port: Port, client: Client | None) -> None:
        self.port = port
        self.client = client
        self.drops = 0
        self.is_open = True
        self.long = join_segments(port.socket)  # until it turns out to be otherwise
        room = port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.most_waiting = max(1, room // _KERNEL_BYTES)


class UdpDoor:
    """Order of calls: construct (binds), then ``step`` after each round of the reactor, ``close``.

    Doors of one link share its lanes; whichever steps first passes on what is due, of all of them.
    """

    def __init__(
        self,
        listen: Address,
        to: Address,
        lanes: tuple[Lane, Lane],
        gauges: tuple[Gauge, Gauge],
        reactor: Reactor,
        pace: Pace,
        *,
        at_first_byte: bool,
    ) -> None:
        """``lanes`` and ``gauges`` are client to server and back. ResourceError if there's no address."""
        self._lanes = lanes
        self._gauges = gauges
        self._reactor = reactor
        self._pace = pace
        self._at_first_byte = at_first_byte
        self._family, self._to = resolve(to, socket.SOCK_DGRAM)
        _, where = resolve(listen, socket.SOCK_DGRAM)
        self._ear = Ear(Port(where), None)
        self.address = self._ear.port.address
        self._clients: dict[bytes, Client] = {}  # by their struct sockaddr
        self._busy: dict[Ear, None] = {}  # read again and again, until nothing is there
        self._intake = Intake()
        self._trays = Trays()
        self._pause_ns = min(_PAUSE_NS, *(lane.light.shortest() // _PAUSES for lane in lanes))
        self._read_ns = 0  # when the busy ones are read next
        self._gathered_ns = 0
        self._earlier_drops = 0
        self.connections = self.refused = self.unsent = 0
        self.is_enabled = True
        reactor.add(self._ear.port.socket.fileno(), self._hear(self._ear), _HEARD)

    def step(self) -> int | None:
        """Take what has come, send what is due; the next scenario time at which something is."""
        times: list[int | None] = []
        if self._busy:
            now_ns = self._pace.now_ns()
            if now_ns >= self._read_ns:
                self._read(now_ns)
            if self._busy:
                times.append(self._read_ns)
        for way, lane in enumerate(self._lanes):
            self._send(lane, way)
            next_ns = lane.next_ns()
            times.append(None if next_ns is None else max(next_ns, self._gathered_ns))
        return min((time for time in times if time is not None), default=None)

    def enable(self, wanted: bool) -> None:
        """Take datagrams again, or drop all that come from now on, from either side."""
        self.is_enabled = wanted

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing flies."""
        return all(lane.drained for lane in self._lanes)

    @property
    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped in front of the door, as far as it has said."""
        return self._earlier_drops + self._ear.drops + sum(each.ear.drops for each in self._clients.values())

    def close(self) -> None:
        for name in list(self._clients):
            self._forget(name)
        self._shut(self._ear)

    def _hear(self, ear: Ear) -> Callable[[int], None]:
        def heard(_: int) -> None:
            self._busy[ear] = None

        return heard

    def _read(self, now_ns: int) -> None:
        """Read all sockets that are in use, and listen again for those that aren't any more."""
        pause_ns = self._pause_ns if self._pace.begun else 0
        for ear in list(self._busy):
            calls = 0
            count = most = MOST if not ear.long else _LONG_MESSAGES
            while ear.is_open and count == most and calls < _CALLS:
                most = MOST if not ear.long else _LONG_MESSAGES
                count = self._take(ear, most)
                calls += 1
            if (calls == 1 and count == 0) or not ear.is_open:
                del self._busy[ear]
                if ear.is_open:
                    self._reactor.change(ear.port.socket.fileno(), _HEARD)
            elif calls == _CALLS:
                pause_ns = 0
            elif count * 4 > ear.most_waiting:
                pause_ns //= 4
        self._read_ns = now_ns + pause_ns

    def _take(self, ear: Ear, most: int) -> int:
        """Put what has come on the link; how many messages it was."""
        catch = self._intake.take(ear.port.socket.fileno(), most)
        if catch is None:
            return 0
        ear.long = bool((catch.sizes > _LONG_BYTES).any())
        if catch.drops is not None:
            ear.drops = catch.drops
        count = len(catch.sizes)
        if not self.is_enabled:
            self.refused += count
            return count
        if self._at_first_byte:
            self._pace.begin()
        owners: list[Client | None] = self._owners(catch) if ear.client is None else [ear.client]
        known = [owner for owner in owners if owner is not None]
        if not known:
            return count
        if len(known) < len(owners):
            catch = catch.only(np.array([owner is not None for owner in owners]))
        heard_s = time.monotonic()
        for owner in set(known):
            owner.heard_s = heard_s
        way = 0 if ear.client is None else 1
        mail = Mail(catch, known, self._trays)
        stamps_ns = self._pace.scenario_of(catch.stamps_ns)
        arrived_ns = stamps_ns if mail.parts is None else np.repeat(stamps_ns, mail.parts)
        refused = self._lanes[way].offer_many(mail, arrived_ns)
        if refused:
            mail.gone(refused)
        self._gauges[way].taken(int(catch.sizes.sum()), self._lanes[way].queued_bytes)
        return count

    def _owners(self, catch: Catch) -> list[Client | None]:
        """The client of each message, or of all."""
        names = catch.names
        if (names == names[0]).all():
            return [self._client_of(names[0].tobytes())]
        return [self._client_of(name.tobytes()) for name in names]

    def _send(self, lane: Lane, way: int) -> None:
        now_ns = self._pace.now_ns()
        for delivery in lane.due(now_ns):
            if isinstance(delivery.datagram, Parcel):
                delivery.datagram.client.door._send_one(delivery, delivery.datagram, way)
        for leg in lane.due_many(now_ns):
            self._gathered_ns = now_ns + (_GATHER_NS if leg.stop - leg.first < _MUCH else _GATHER_MORE_NS)
            mail = leg.placed.sheaf
            if isinstance(mail, Mail):
                mail.owner(0).door._send_leg(leg, mail, way)
            else:
                self._send_loose(leg, way)

    def _send_leg(self, leg: Leg, mail: Mail, way: int) -> None:
        placed, part = leg.placed, slice(leg.first, leg.stop)
        lost = None if placed.lost is None else placed.lost[part]
        for row, count in mail.runs(placed.rows[part], lost):
            self.unsent += self._pass_on(mail.owner(row), mail.bytes_of(row, count), count, way)
        mail.gone(leg.stop - leg.first)
        self._gauges[way].delivered_many(leg, self._pace.now_ns())

    def _send_loose(self, leg: Leg, way: int) -> None:
        """Those that an overlay has kept in the Channel for a while."""
        placed = leg.placed
        for place in range(leg.first, leg.stop):
            parcel = placed.sheaf.datagram(int(placed.rows[place]))
            if isinstance(parcel, Parcel):
                door, one = parcel.client.door, Leg(placed, place, place + 1)
                if placed.lost is None or not placed.lost[place]:
                    door.unsent += door._pass_on(parcel.client, parcel, 1, way)
                door._gauges[way].delivered_many(one, self._pace.now_ns())

    def _send_one(self, delivery: Delivery, parcel: Parcel, way: int) -> None:
        self.unsent += self._pass_on(parcel.client, parcel, 1, way)
        times = (delivery.start_ns, delivery.end_ns, delivery.due_ns)
        self._gauges[way].delivered(len(parcel), *times, self._pace.now_ns())

    def _pass_on(self, client: Client, data: bytes | memoryview, count: int, way: int) -> int:
        """Write ``count`` datagrams of equal size that lie end to end; how many could not be."""
        if not client.ear.is_open:
            return count
        out, to = (client.ear.port.socket, None) if way == 0 else (self._ear.port.socket, client.address)
        return post(out, data, count, to)

    def _client_of(self, name: bytes) -> Client | None:
        """The client at an address, new if need be; None if there is no room for one more."""
        known = self._clients.get(name)
        if known is not None:
            return known
        if len(self._clients) >= _MOST_CLIENTS and not self._forget_silent():
            self.refused += 1
            return None
        try:
            port = Port((_ANY[self._family], 0), self._to)
        except ResourceError:
            self.refused += 1
            return None
        client = self._clients[name] = Client(self, peer(name), port)
        self._reactor.add(port.socket.fileno(), self._hear(client.ear), _HEARD)
        self.connections += 1
        return client

    def _forget_silent(self) -> bool:
        """Make room; False if every client was heard lately."""
        before_s = time.monotonic() - _SILENCE_S
        silent = [name for name, client in self._clients.items() if client.heard_s < before_s]
        for name in silent:
            self._forget(name)
        return bool(silent)

    def _forget(self, name: bytes) -> None:
        client = self._clients.pop(name)
        self._earlier_drops += client.ear.drops
        self._shut(client.ear)

    def _shut(self, ear: Ear) -> None:
        ear.is_open = False
        self._busy.pop(ear, None)
        self._reactor.remove(ear.port.socket.fileno())
        ear.port.close()
