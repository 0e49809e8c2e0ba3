"""Many datagrams with one call: recvmmsg, with the kernel's stamp of each and what it has joined. Linux only.

recvmmsg isn't in Python's library, so it is called by ctypes, on arrays that are made once. Datagrams that a
client handed to its kernel in one piece (UDP_SEGMENT) come in one piece (UDP_GRO) and are told apart here by
their sizes. Control messages come in the kernel's order: stamp, drops, segment size (net/ipv4/udp.c).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import ResourceError
from linkemu.runtime.udp import wall_offset_ns

MOST = 256  # messages of one call
HEAD_BYTES = 2112  # of each message lie close together, so that small ones stay in the cache
_TAIL_BYTES = 65536
_NAME_BYTES = 28  # struct sockaddr_in6
_CONTROL_BYTES = 96
_SOL_UDP = 17
_UDP_GRO = 104  # linux/udp.h
_STAMP = socket.SOL_SOCKET | 35 << 32  # level and type of a control message as one word: SO_TIMESTAMPNS
_DROPS = socket.SOL_SOCKET | 40 << 32  # SO_RXQ_OVFL
_SEGMENT = _SOL_UDP | _UDP_GRO << 32
_PASSING = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EINTR)  # of earlier datagrams

_HEADER = np.dtype(  # struct mmsghdr, 64 bit
    [
        ("name", "u8"), ("namelen", "u4"), ("_1", "u4"), ("iov", "u8"), ("iovlen", "u8"),
        ("control", "u8"), ("controllen", "u8"), ("flags", "i4"), ("_2", "u4"), ("size", "u4"), ("_3", "u4"),
    ]
)  # fmt: skip

Integers = NDArray[np.int64]
Peer = tuple[str, int] | tuple[str, int, int, int]  # as sockets take it


@dataclass(slots=True)
class Catch:
    """What one call has taken, n messages; the arrays of bytes hold until the next call."""

    heads: NDArray[np.uint8]  # (n, HEAD_BYTES)
    tails: NDArray[np.uint8]  # (n, _TAIL_BYTES), what is longer
    sizes: Integers  # (n,)
    segments: Integers | None  # (n,) bytes of each of the datagrams that a message is joined of
    stamps_ns: Integers  # (n,) CLOCK_MONOTONIC
    names: NDArray[np.uint8]  # (n, 28) struct sockaddr
    drops: int | None  # dropped by the kernel so far, if it says so

    def only(self, kept: NDArray[np.bool_]) -> Catch:
        """The messages that are ``kept`` (n,) alone."""
        long = self.sizes.max() > HEAD_BYTES
        return replace(
            self,
            heads=self.heads[kept],
            tails=self.tails[kept] if long else self.tails[: kept.sum()],  # no copy where nothing is in them
            sizes=self.sizes[kept],
            segments=None if self.segments is None else self.segments[kept],
            stamps_ns=self.stamps_ns[kept],
            names=self.names[kept],
        )


def join_segments(end: socket.socket) -> bool:
    """Ask the kernel to hand over in one piece what was sent in one; False if it can't."""
    try:
        end.setsockopt(_SOL_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True


class Intake:
    """Room for one call's messages, used again by each."""

    def __init__(self) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
        self._heads = np.zeros((MOST, HEAD_BYTES), dtype=np.uint8)
        self._tails = np.zeros((MOST, _TAIL_BYTES), dtype=np.uint8)
        self._names = np.zeros((MOST, _NAME_BYTES), dtype=np.uint8)
        self._controls = np.zeros((MOST, _CONTROL_BYTES // 8), dtype=np.int64)
        self._vectors = np.zeros((MOST, 2, 2), dtype=np.uint64)
        self._headers = np.zeros(MOST, dtype=_HEADER)
        self._point()
        self._address = self._headers.ctypes.data

    def _point(self) -> None:
        rows = np.arange(MOST, dtype=np.uint64)
        for part, (room, size) in enumerate(((self._heads, HEAD_BYTES), (self._tails, _TAIL_BYTES))):
            self._vectors[:, part, 0] = room.ctypes.data + rows * size
            self._vectors[:, part, 1] = size
        headers = self._headers
        headers["name"] = self._names.ctypes.data + rows * _NAME_BYTES
        headers["iov"] = self._vectors.ctypes.data + rows * 32
        headers["iovlen"] = 2
        headers["control"] = self._controls.ctypes.data + rows * _CONTROL_BYTES
        headers["namelen"], headers["controllen"] = _NAME_BYTES, _CONTROL_BYTES

    def take(self, fd: int, most: int = MOST) -> Catch | None:
        """At most ``most`` messages that wait at a socket; None if none does. ResourceError if it fails."""
        offset_ns = wall_offset_ns()
        count = self._call(fd, self._address, most, socket.MSG_DONTWAIT, None)
        while count < 0:
            error = ctypes.get_errno()
            if error == errno.EAGAIN:
                return None
            if error not in _PASSING:
                raise ResourceError("udp", os.strerror(error))
            count = self._call(fd, self._address, most, socket.MSG_DONTWAIT, None)
        taken = self._headers[:count]
        sizes = taken["size"].astype(np.int64)
        controls, lengths = self._controls[:count], taken["controllen"].astype(np.int64)
        stamps_ns = controls[:, 2] * 1_000_000_000 + controls[:, 3] + offset_ns
        is_stamped = (controls[:, 1] == _STAMP) & (lengths >= 32)
        if not is_stamped.all():
            stamps_ns[~is_stamped] = time.monotonic_ns()
        drops, segments = self._rest(controls, lengths, is_stamped) if lengths.max() > 32 else (None, None)
        taken["namelen"], taken["controllen"] = _NAME_BYTES, _CONTROL_BYTES
        return Catch(
            self._heads[:count], self._tails[:count], sizes, segments, stamps_ns, self._names[:count], drops
        )

    def _rest(
        self, controls: Integers, lengths: Integers, is_stamped: NDArray[np.bool_]
    ) -> tuple[int | None, Integers | None]:
        """Drops and segment sizes, behind the stamps."""
        place = np.where(is_stamped, 4, 0)  # in words
        drops: int | None = None
        segments: Integers | None = None
        while (here := np.flatnonzero(place * 8 + 16 < lengths)).size:
            kind = controls[here, place[here] + 1]
            value = controls[here, place[here] + 2] & 0xFFFFFFFF
            if (kind == _DROPS).any():
                drops = int(value[kind == _DROPS][-1])
            if (kind == _SEGMENT).any():
                segments = np.zeros(len(lengths), dtype=np.int64) if segments is None else segments
                segments[here[kind == _SEGMENT]] = value[kind == _SEGMENT]
            place[here] += (controls[here, place[here]] + 7) // 8
        return drops, segments


def peer(name: bytes) -> Peer:
    """The address in a struct sockaddr, as sockets take it."""
    port = int.from_bytes(name[2:4])
    if int.from_bytes(name[:2], "little") == socket.AF_INET6:
        scope = int.from_bytes(name[24:28], "little")
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port, 0, scope
    return socket.inet_ntop(socket.AF_INET, name[4:8]), port
