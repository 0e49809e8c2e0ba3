"""A packet socket on an Ethernet device: the way to carry packets where no TUN may be opened.

PACKET_VNET_HDR gives the same virtio_net_hdr as a TUN, before an Ethernet header of 14 bytes. The socket
reads what the device receives and never what it sends, and speaks for the network in which it was opened.
The kernel stamps what arrives (CLOCK_REALTIME), which is turned into CLOCK_MONOTONIC here.
"""

from __future__ import annotations

import socket
import struct
import time

from linkemu.errors import ResourceError

ETHERNET_BYTES = 14
RECEIVE_BYTES = 256 << 20  # what waits there has its stamp, and time: it needn't be read before it is due
ENOUGH_BYTES = 16 << 20  # with less, bursts of TCP are dropped
_ETH_P_ALL = 0x0003  # linux/if_ether.h
_SOL_PACKET = 263
_PACKET_STATISTICS, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 6, 15, 23  # linux/if_packet.h
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h
_OLDEST_NS = 1_000_000_000  # older than this, somebody has set the wall clock
_TIMESPEC = struct.Struct("@ll")
_COUNTS = struct.Struct("=II")  # packets, drops since last asked


def open_packet(name: str) -> socket.socket:
    """A socket on device ``name`` of this process's network; ResourceError if it can't be had."""
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except OSError as error:
        raise ResourceError("packet socket", error.strerror or str(error)) from None
    try:
        opened.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        opened.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _grow(opened)
        opened.bind((name, _ETH_P_ALL))
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise ResourceError(f"packet socket on {name}", error.strerror or str(error)) from None
    return opened


def has_room() -> bool:
    """Whether a socket of this process may hold bursts: root's may, others' by net.core.rmem_max."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        _grow(probe)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= ENOUGH_BYTES


def read(opened: socket.socket, limit: int) -> tuple[bytes, int]:
    """The next frame, and when it came (CLOCK_MONOTONIC ns). BlockingIOError if there is none."""
    data, extras, _, _ = opened.recvmsg(limit, 64)
    for _, kind, stamp in extras:
        if kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            age_ns = time.time_ns() - seconds * 1_000_000_000 - nanoseconds
            # asked after the age: to be kept from the processor in between makes it later, never earlier
            return data, time.monotonic_ns() - min(max(0, age_ns), _OLDEST_NS)
    return data, time.monotonic_ns()


def dropped(opened: socket.socket) -> int:
    """Packets that the kernel has dropped in front of the socket since this was last asked."""
    return int(_COUNTS.unpack(opened.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _COUNTS.size))[1])


def _grow(opened: socket.socket) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BYTES)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
