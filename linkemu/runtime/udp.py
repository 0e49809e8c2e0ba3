"""One UDP socket as terminals and the emulator use it: big buffers, kernel stamps, drops counted, no copies
that can be had without. Datagrams are opaque here.

The receive stamp is the kernel's (SO_TIMESTAMPNS, CLOCK_REALTIME), turned into CLOCK_MONOTONIC by an offset
that is taken anew for each batch, so that neither a step of the wall clock nor a busy process bends it.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from linkemu.errors import ResourceError

if TYPE_CHECKING:
    from linkemu.contract import Address

RECEIVE_BYTES = 128 << 20  # about a second of 1 Gbit/s, as the kernel counts; only what waits takes memory
SEND_BYTES = 32 << 20
_SO_RCVBUFFORCE = 33  # Linux asm-generic/socket.h; needs CAP_NET_ADMIN, else SO_RCVBUF up to rmem_max
_SO_SNDBUFFORCE = 32
_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_TIMESPEC = struct.Struct("@ll")
_COUNT = struct.Struct("@I")
_LARGEST_BYTES = 65536
_READINGS = 5
_CLOSE_NS = 5_000
_NEVER_NS = 1 << 62


class Port:
    """A bound UDP socket. ``drops`` is what the kernel has dropped in front of it, as far as it has said."""

    def __init__(self, address: Address, peer: Address | None = None) -> None:
        """ResourceError if the address can't be had. With ``peer``, hears and sends to that address alone."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        where = f"udp {address[0]}:{address[1]}"
        try:
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:  # no descriptor is left
            raise ResourceError(where, error.strerror or str(error)) from None
        self.drops = 0
        self._buffer = bytearray(_LARGEST_BYTES)
        self._view = memoryview(self._buffer)
        try:
            self._set_up(address, peer)
        except OSError as error:
            self.socket.close()
            raise ResourceError(where, error.strerror or str(error)) from None

    def _set_up(self, address: Address, peer: Address | None) -> None:
        self.socket.setblocking(False)
        _grow(self.socket, _SO_RCVBUFFORCE, socket.SO_RCVBUF, RECEIVE_BYTES)
        _grow(self.socket, _SO_SNDBUFFORCE, socket.SO_SNDBUF, SEND_BYTES)
        for option in (_SO_TIMESTAMPNS, _SO_RXQ_OVFL):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 1)
        self.socket.bind(address)
        if peer is not None:
            self.socket.connect(peer)

    @property
    def address(self) -> Address:
        host, port = self.socket.getsockname()[:2]
        return host, port

    def batch(self, limit: int) -> Iterator[tuple[memoryview, Address, int]]:
        """(datagram, sender, CLOCK_MONOTONIC ns of its arrival) for at most ``limit`` waiting datagrams.

        The view is valid until the next one is asked for.
        """
        offset_ns = wall_offset_ns()
        for _ in range(limit):
            try:
                size, extras, _, sender = self.socket.recvmsg_into([self._buffer], 128)
            except BlockingIOError:
                return
            except ConnectionRefusedError:  # an earlier datagram met nobody: it is lost, as on any link
                continue
            stamp_ns = self._read_extras(extras, offset_ns)
            yield self._view[:size], sender, stamp_ns if stamp_ns else time.monotonic_ns()

    def _read_extras(self, extras: list[tuple[int, int, bytes]], offset_ns: int) -> int:
        stamp_ns = 0
        for _, kind, data in extras:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(data)
                stamp_ns = seconds * 1_000_000_000 + nanoseconds + offset_ns
            elif kind == _SO_RXQ_OVFL:
                self.drops = _COUNT.unpack(data)[0]
        return stamp_ns

    def send(self, *parts: bytes | memoryview, to: Address | None = None) -> bool:
        """Send one datagram made of ``parts``; False if the system could not take it, and it is lost."""
        try:
            if to is None:
                self.socket.sendmsg(parts)
            else:
                self.socket.sendmsg(parts, (), 0, to)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise ResourceError(f"udp {self.address[0]}:{self.address[1]}", str(error)) from None
        return True

    def close(self) -> None:
        self.socket.close()


def _grow(sock: socket.socket, forced: int, polite: int, size: int) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced, size // 2)  # the kernel doubles it
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, polite, size // 2)


def wall_offset_ns() -> int:
    """CLOCK_MONOTONIC less CLOCK_REALTIME, read closely together: the closest of a few readings.

    A process that loses its processor between two readings would take the pause for an offset.
    """
    closest_ns, offset_ns = _NEVER_NS, 0
    for _ in range(_READINGS):
        before_ns, wall_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after_ns - before_ns < closest_ns:
            closest_ns, offset_ns = after_ns - before_ns, (before_ns + after_ns) // 2 - wall_ns
        if closest_ns < _CLOSE_NS:
            break
    return offset_ns
