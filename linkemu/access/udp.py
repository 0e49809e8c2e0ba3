"""The UDP door: each client gets an upstream socket of its own; datagrams go through linkemu.link's Channel.

A datagram is charged by its payload, waits whole for light, and is lost if a slot that it touches is erased
or the queue is full: exactly as between the nodes. Stamps are the kernel's.
"""

from __future__ import annotations

import select
import socket
import time

from linkemu.access.gauge import Gauge
from linkemu.access.pace import Pace
from linkemu.access.reactor import Reactor
from linkemu.access.settings import Address
from linkemu.access.tcp import resolve
from linkemu.errors import ResourceError
from linkemu.link.channel import Channel, Delivery
from linkemu.runtime.udp import Port

_BATCH = 32  # a longer one would keep what is due waiting
_SILENCE_S = 120.0  # after which a client is forgotten; RFC 4787 asks at least that of a translator
_MOST_CLIENTS = 4096
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


class Parcel(bytes):
    """A datagram that knows its client; the channel sees bytes."""

    client: Client


class Client:
    """One client address and the socket that speaks to the server for it."""

    def __init__(self, door: UdpDoor, address: Address, port: Port) -> None:
        self.door = door
        self.address = address
        self.port = port
        self.heard_s = time.monotonic()


class UdpDoor:
    """Order of calls: construct (binds), then ``step`` after each round of the reactor, ``close``.

    Doors of one link share its channels; whichever steps first passes on what is due, of all of them.
    """

    def __init__(
        self,
        listen: Address,
        to: Address,
        channels: tuple[Channel, Channel],
        gauges: tuple[Gauge, Gauge],
        reactor: Reactor,
        pace: Pace,
        *,
        at_first_byte: bool,
    ) -> None:
        """``channels`` and ``gauges`` are client to server and back. ResourceError if there's no address."""
        self._there, self._back = channels
        self._gauges = gauges
        self._reactor = reactor
        self._pace = pace
        self._at_first_byte = at_first_byte
        self._family, self._to = resolve(to, socket.SOCK_DGRAM)
        _, where = resolve(listen, socket.SOCK_DGRAM)
        self._port = Port(where)
        self.address = self._port.address
        self._clients: dict[Address, Client] = {}
        self._latest_ns = [0, 0]
        self._is_more: set[Client | None] = set()  # ports whose batch was full; None is the door's own
        self._earlier_drops = 0
        self.connections = self.refused = self.unsent = 0
        self.is_enabled = True
        reactor.add(self._port.socket.fileno(), lambda _: self._is_more.add(None), select.EPOLLIN)

    def step(self) -> int | None:
        """Take what has come, send what is due; the next scenario time at which something is."""
        full = [client for client in self._is_more if self._take(client)]
        self._is_more = set(full)
        self._send(self._there, to_server=True)
        self._send(self._back, to_server=False)
        if full:
            return self._pace.now_ns()
        times = [time for time in (self._there.next_ns(), self._back.next_ns()) if time is not None]
        return min(times, default=None)

    def enable(self, wanted: bool) -> None:
        """Take datagrams again, or drop all that come from now on, from either side."""
        self.is_enabled = wanted

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing flies."""
        return self._there.drained and self._back.drained

    @property
    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped in front of the door, as far as it has said."""
        return (
            self._earlier_drops + self._port.drops + sum(each.port.drops for each in self._clients.values())
        )

    def close(self) -> None:
        for client in list(self._clients.values()):
            self._forget(client)
        self._reactor.remove(self._port.socket.fileno())
        self._port.close()

    def _take(self, client: Client | None) -> bool:
        """Put a batch on the link; True if more may be waiting."""
        port, channel, way = (self._port, self._there, 0) if client is None else (client.port, self._back, 1)
        if client is not None and client.address not in self._clients:
            return False
        count = 0
        for view, sender, stamp_ns in port.batch(_BATCH):
            count += 1
            if not self.is_enabled:
                self.refused += 1
                continue
            if self._at_first_byte:
                self._pace.begin()
            owner = self._client_of(sender) if client is None else client
            if owner is None:
                continue
            owner.heard_s = time.monotonic()
            parcel = Parcel(view)
            parcel.client = owner
            now_ns = max(self._latest_ns[way], self._pace.scenario_ns(stamp_ns))
            self._latest_ns[way] = now_ns
            channel.offer(parcel, now_ns)
            self._gauges[way].taken(len(parcel), channel.queued_bytes)
        return count == _BATCH

    def _send(self, channel: Channel, *, to_server: bool) -> None:
        for delivery in channel.due(self._pace.now_ns()):
            parcel = delivery.datagram
            if isinstance(parcel, Parcel):
                door = parcel.client.door
                if not door._pass_on(parcel, to_server=to_server):
                    door.unsent += 1
                door._measure(door._gauges[0 if to_server else 1], delivery)

    def _pass_on(self, parcel: Parcel, *, to_server: bool) -> bool:
        client = parcel.client
        if client.address not in self._clients:
            return False
        try:
            return client.port.send(parcel) if to_server else self._port.send(parcel, to=client.address)
        except ResourceError:  # too long for the far path, or no route: lost there, as on any network
            return False

    def _measure(self, gauge: Gauge, delivery: Delivery) -> None:
        size = len(delivery.datagram)
        gauge.delivered(size, delivery.start_ns, delivery.end_ns, delivery.due_ns, self._pace.now_ns())

    def _client_of(self, address: Address) -> Client | None:
        """The client at an address, new if need be; None if there is no room for one more."""
        known = self._clients.get(address)
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
        client = self._clients[address] = Client(self, address, port)
        self._reactor.add(port.socket.fileno(), lambda _: self._is_more.add(client), select.EPOLLIN)
        self.connections += 1
        return client

    def _forget_silent(self) -> bool:
        """Make room; False if every client was heard lately."""
        before_s = time.monotonic() - _SILENCE_S
        silent = [client for client in self._clients.values() if client.heard_s < before_s]
        for client in silent:
            self._forget(client)
        return bool(silent)

    def _forget(self, client: Client) -> None:
        del self._clients[client.address]
        self._earlier_drops += client.port.drops
        self._reactor.remove(client.port.socket.fileno())
        client.port.close()
