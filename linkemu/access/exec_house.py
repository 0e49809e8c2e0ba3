"""The house of ``linkemu exec``: a client's network and a gateway's, with nothing between them but the laser.

``python -m linkemu.access.exec_house ORDER CHANNEL SKY CONTROL TAP``: JSON, and four descriptors, of which
the last two may be -1, none. Builds three networks: the client's, the gateway's, and one in the middle for
packet sockets. This process keeps them, plays the link (exec_plane) and is the parent of exec_init, below
which all commands run. No network leads outside.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from linkemu.access import exec_init, exec_order, namespace, packet, tun
from linkemu.access.exec_netlink import Address, Netlink
from linkemu.access.exec_order import CLIENT_4, CLIENT_6, DEVICE, GATEWAY_4, GATEWAY_6, Granted, Order
from linkemu.errors import LinkemuError, ResourceError

_HARDWARE = bytes.fromhex("0271 6c69 6e6b")  # locally administered; both ends share it, so none need be asked
_QUEUE_PACKETS = 1000
_ROWS = 500  # of live faults in one message, which has its limit
_CLIENT: tuple[Address, ...] = (CLIENT_4, CLIENT_6)
_GATEWAY: tuple[Address, ...] = (GATEWAY_4, GATEWAY_6)


@dataclass(slots=True)
class End:
    """One end of the laser: the network, the descriptor that carries its packets, and who counts drops."""

    network: int
    carrier: int
    link_bytes: int
    netlink: Netlink
    socket: socket.socket | None = None  # behind ``carrier``, unless that is a TUN
    socket_drops: int = 0

    def read(self, limit: int) -> tuple[bytes, int]:
        """The next frame and when it came, CLOCK_MONOTONIC ns. BlockingIOError if there is none."""
        if self.socket is not None:
            return packet.read(self.socket, limit)
        return os.read(self.carrier, limit), time.monotonic_ns()

    def drops(self) -> int:
        """Packets that the kernel has dropped before they could be read."""
        if self.socket is None:
            return self.netlink.dropped(DEVICE)
        self.socket_drops += packet.dropped(self.socket)
        return self.socket_drops


@dataclass(frozen=True, slots=True)
class House:
    """Both ends, and what was granted to build them."""

    client: End
    gateway: End
    granted: Granted


def build(order: Order) -> House:
    """The two networks and what joins them; this process ends up in a third, which is empty.

    Raises:
        ResourceError: the kernel refuses something, with what to change.
    """
    rootless = namespace.isolate()
    middle = namespace.this_network()
    with _telling("network"):
        _silence()
    exact_first = ("packet", "tun") if packet.has_room() else ("tun", "packet")
    wanted = exact_first if order.carrier == "auto" else (order.carrier,)
    for carrier in wanted:
        try:
            client = _end(order, carrier, middle, is_gateway=False)
            gateway = _end(order, carrier, middle, is_gateway=True)
            return House(client, gateway, Granted(carrier, rootless))
        except ResourceError:
            if carrier == wanted[-1]:
                raise
        finally:
            namespace.enter_network(middle)
    raise AssertionError("a carrier is either had or refused")


def _end(order: Order, carrier: str, middle: int, *, is_gateway: bool) -> End:
    """A network of its own with the device, its addresses and routes; this process stays in it."""
    network = namespace.new_network()
    mine, others = (_GATEWAY, _CLIENT) if is_gateway else (_CLIENT, _GATEWAY)
    with _telling("network of the link"):
        _silence()
        end = _carried(carrier, network, middle, "gateway" if is_gateway else "client")
        end.netlink.set_mtu(DEVICE, order.mtu, _QUEUE_PACKETS)
        end.netlink.bring_up("lo")
        end.netlink.bring_up(DEVICE)
        for local, peer in zip(mine, others, strict=True):
            end.netlink.add_address(DEVICE, local, peer)
            if is_gateway:
                end.netlink.refuse_all_else(local)
            else:
                end.netlink.add_default_route(DEVICE, local)
        _settle_network(is_gateway=is_gateway, buffer_bytes=order.buffer_bytes)
    return end


def _carried(carrier: str, network: int, middle: int, name: str) -> End:
    """The device in the network where this process is, and the descriptor that its packets come from."""
    netlink = Netlink()
    if carrier == "tun":
        return End(network, tun.open_tun(DEVICE), 0, netlink)
    netlink.add_veth(DEVICE, name, middle, _HARDWARE)
    namespace.enter_network(middle)
    try:
        inside = Netlink()
        inside.set_mtu(name, 65535, _QUEUE_PACKETS)
        inside.bring_up(name)
        inside.close()
        opened = packet.open_packet(name)
    finally:
        namespace.enter_network(network)
    return End(network, opened.fileno(), packet.ETHERNET_BYTES, netlink, opened)


def _silence() -> None:
    """Before any device comes: no router is asked, no address made up, nothing said that no program says."""
    if not Path("/proc/sys/net/ipv6").exists():
        raise ResourceError("IPv6", "this kernel has none; boot without ipv6.disable=1")
    for name, value in (("accept_ra", 0), ("autoconf", 0), ("addr_gen_mode", 1), ("accept_dad", 0)):
        for scope in ("all", "default"):
            _set(f"ipv6/conf/{scope}/{name}", value)
    _set("ipv6/conf/default/router_solicitations", 0)


def _settle_network(*, is_gateway: bool, buffer_bytes: int) -> None:
    """Room for the bandwidth-delay product, ping for all, a gateway that answers for the unreachable."""
    _set("ipv4/tcp_rmem", f"4096 131072 {buffer_bytes}")
    _set("ipv4/tcp_wmem", f"4096 16384 {buffer_bytes}")
    _set("ipv4/ping_group_range", f"{os.getegid()} {os.getegid()}")
    if is_gateway:
        _set("ipv4/ip_forward", 1)
        _set("ipv6/conf/all/forwarding", 1)


def _set(name: str, value: object) -> None:
    Path("/proc/sys/net", name).write_text(f"{value}\n")


@contextlib.contextmanager
def _telling(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(what, error.strerror or str(error)) from None


def _doors(order: Order, house: House) -> list[socket.socket]:
    """Listeners of the gateway for the services of the host; whoever holds them serves them from outside."""
    middle = namespace.this_network()
    namespace.enter_network(house.gateway.network)
    try:
        return [_listener(forward.port) for forward in order.forwards]
    finally:
        namespace.enter_network(middle)


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", port))
    except OSError as error:
        raise ResourceError(f"port {port} of the gateway", error.strerror or str(error)) from None
    listener.listen(128)
    return listener


def main() -> int:
    """The process: builds, starts the commands, plays until they end; their exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # and there is none yet
    order = Order.from_json(sys.argv[1])
    channel, sky, control, tap = map(int, sys.argv[2:])
    os.set_inheritable(sky, False)
    speaking = _socket(channel)
    assert speaking is not None, "whoever starts it listens"
    try:
        return _run(order, speaking, sky, _socket(control), _socket(tap))
    except LinkemuError as error:
        told = error if isinstance(error, ResourceError) else ResourceError("link", str(error))
        _tell(speaking, exec_order.failure(told))
        return error.exit_code


def _socket(descriptor: int) -> socket.socket | None:
    """The one that was handed over, kept from the commands."""
    if descriptor < 0:
        return None
    handed = socket.socket(fileno=descriptor)
    handed.set_inheritable(False)
    return handed


def _run(
    order: Order, channel: socket.socket, sky: int, control: socket.socket | None, tap: socket.socket | None
) -> int:
    house = build(order)
    doors = _doors(order, house)
    _tell(channel, {"granted": asdict(house.granted)}, [door.fileno() for door in doors])
    for door in doors:
        door.close()
    if not order.command:
        return 0
    from linkemu.access.exec_plane import play  # numpy starts threads, and isolate() needs to be alone

    init = exec_init.start(order, house.client.network, house.gateway.network)
    signal.signal(signal.SIGTERM, lambda number, frame: init.end())
    report, faults = play(order, house, sky, init, control, tap)
    for place in range(0, len(faults), _ROWS):
        _tell(channel, {"faults": faults[place : place + _ROWS]})
    _tell(channel, {"report": report})
    return init.exit_code()


def _tell(channel: socket.socket, message: dict[str, object], descriptors: list[int] | None = None) -> None:
    try:
        socket.send_fds(channel, [json.dumps(message).encode()], descriptors or [])
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ECONNRESET):
            raise


if __name__ == "__main__":
    sys.exit(main())
