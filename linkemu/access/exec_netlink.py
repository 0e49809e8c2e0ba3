"""A few words of rtnetlink, so that no ``ip`` need be installed: links, addresses, routes of one network.

Bytes as in linux/rtnetlink.h, if_link.h and veth.h. A socket speaks for the network in which it was opened,
wherever its process goes later. What the network is to look like is none of this file's business.
"""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst, src, tos, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")

_NLMSG_ERROR = 2
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 18, 20, 24
_REQUEST, _ACK, _CREATE, _EXCLUSIVE = 0x1, 0x4, 0x400, 0x200
_IFLA_ADDRESS, _IFLA_NAME, _IFLA_MTU, _IFLA_QUEUE, _IFLA_INFO, _IFLA_STATS64, _IFLA_NETNS = (
    1,
    3,
    4,
    13,
    18,
    23,
    28,
)
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_PEER, _IFA_LOCAL, _IFA_F_NODAD = 1, 2, 0x02
_RTA_OIF = 4
_TABLE_MAIN, _PROTOCOL_STATIC, _SCOPE_LINK, _UNICAST, _UNREACHABLE = 254, 4, 253, 1, 7
_IFF_UP, _IFF_NOARP, _IFF_MULTICAST = 0x1, 0x80, 0x1000
_TX_DROPPED = 7  # place in struct rtnl_link_stats64, whose fields are 64 bits each

Address = IPv4Address | IPv6Address


class Netlink:
    """Speaks to the network in which it was opened. OSError with the kernel's answer if it refuses."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sequence = 0

    def add_veth(self, name: str, peer: str, peer_network: int, hardware: bytes) -> None:
        """Two Ethernet ends: ``name`` here, with this hardware address, and ``peer`` in another network."""
        end = _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_NAME, peer) + _number(_IFLA_NETNS, peer_network)
        data = _attribute(_INFO_DATA, _attribute(_VETH_PEER, end))
        info = _attribute(_IFLA_INFO, _text(_INFO_KIND, "veth") + data)
        named = _text(_IFLA_NAME, name) + _attribute(_IFLA_ADDRESS, hardware)
        self._ask(_RTM_NEWLINK, _CREATE | _EXCLUSIVE, _LINK.pack(0, 0, 0, 0, 0) + named + info)

    def set_mtu(self, name: str, mtu: int, queue_packets: int) -> None:
        sizes = _number(_IFLA_MTU, mtu) + _number(_IFLA_QUEUE, queue_packets)
        self._ask(_RTM_NEWLINK, 0, _LINK.pack(0, 0, self.index(name), 0, 0) + sizes)

    def bring_up(self, name: str) -> None:
        """Up, and without ARP, neighbours or multicast, so that nothing travels but what a program sends."""
        change = _IFF_UP | _IFF_NOARP | _IFF_MULTICAST
        flags = _IFF_UP | _IFF_NOARP
        if name == "lo":
            change = flags = _IFF_UP
        self._ask(_RTM_NEWLINK, 0, _LINK.pack(0, 0, self.index(name), flags, change))

    def add_address(self, name: str, local: Address, peer: Address) -> None:
        """``local`` on a link whose other end is ``peer``."""
        head = _ADDRESS.pack(_family(local), local.max_prefixlen, _IFA_F_NODAD, 0, self.index(name))
        ends = _attribute(_IFA_LOCAL, local.packed) + _attribute(_IFA_PEER, peer.packed)
        self._ask(_RTM_NEWADDR, _CREATE | _EXCLUSIVE, head + ends)

    def add_default_route(self, name: str, source: Address) -> None:
        """Everything of this version of IP that has no better route goes out by ``name``."""
        head = _ROUTE.pack(_family(source), 0, 0, 0, _TABLE_MAIN, _PROTOCOL_STATIC, _SCOPE_LINK, _UNICAST, 0)
        self._ask(_RTM_NEWROUTE, _CREATE | _EXCLUSIVE, head + _number(_RTA_OIF, self.index(name)))

    def refuse_all_else(self, source: Address) -> None:
        """What has no better route is answered by ICMP: unreachable."""
        head = _ROUTE.pack(_family(source), 0, 0, 0, _TABLE_MAIN, _PROTOCOL_STATIC, 0, _UNREACHABLE, 0)
        self._ask(_RTM_NEWROUTE, _CREATE | _EXCLUSIVE, head)

    def index(self, name: str) -> int:
        """The number of a link; OSError if there is none of that name."""
        answer = self._ask(_RTM_GETLINK, 0, _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_NAME, name))
        return int(_LINK.unpack_from(answer)[2])

    def dropped(self, name: str) -> int:
        """Packets that the kernel could not hand to whoever reads from a TUN: its queue was full."""
        answer = self._ask(_RTM_GETLINK, 0, _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_NAME, name))
        for kind, body in _attributes(answer[_LINK.size :]):
            if kind == _IFLA_STATS64:
                return int(struct.unpack_from("=Q", body, 8 * _TX_DROPPED)[0])
        return 0

    def close(self) -> None:
        self._socket.close()

    def _ask(self, kind: int, flags: int, body: bytes) -> bytes:
        """Send one request; the body of its answer, empty for a mere acknowledgement."""
        self._sequence += 1
        wanted = _REQUEST | flags | (0 if kind == _RTM_GETLINK else _ACK)
        header = _HEADER.pack(_HEADER.size + len(body), kind, wanted, self._sequence, 0)
        self._socket.send(header + body)
        answer = self._socket.recv(1 << 16)
        length, answered, _, _, _ = _HEADER.unpack_from(answer)
        if answered == _NLMSG_ERROR:
            code = _ERROR.unpack_from(answer, _HEADER.size)[0]
            if code:
                raise OSError(-code, os.strerror(-code))
            return b""
        return answer[_HEADER.size : length]


def _family(address: Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _attribute(kind: int, body: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(body), kind) + body + bytes(-len(body) % 4)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, number: int) -> bytes:
    return _attribute(kind, struct.pack("=I", number))


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found.append((kind, data[_ATTRIBUTE.size : length]))
        data = data[length + -length % 4 :]
    return found
