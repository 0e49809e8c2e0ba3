"""Datagrams of one size leave with one call, cut apart by the kernel (UDP_SEGMENT). Linux only."""

from __future__ import annotations

import socket
import struct

from linkemu.access.intake import Peer

_SOL_UDP = 17
_UDP_SEGMENT = 103  # linux/udp.h
_MOST_SEGMENTS = 64  # UDP_MAX_SEGMENTS of kernels before 6.9
_MOST_BYTES = 65_000  # of one call, headers apart
_SEGMENT_BYTES = struct.Struct("@H")


def post(out: socket.socket, data: bytes | memoryview, count: int, to: Peer | None) -> int:
    """Write ``count`` datagrams of equal size that lie end to end; how many could not be.

    Those are lost, as on any network: too long for the far path, no route, no room. ``to`` is None for a
    connected socket.
    """
    size = len(data) // count
    at_once = 1 if size == 0 else max(1, min(_MOST_SEGMENTS, _MOST_BYTES // size))
    failed = 0
    for first in range(0, count, at_once):
        part = data[first * size : (first + at_once) * size]
        if _write(out, part, size if len(part) > size else 0, to):
            continue
        if len(part) <= size:
            failed += 1
            continue
        for at in range(0, len(part), size):  # what the path's MTU forbids to be cut may yet be fragmented
            failed += not _write(out, part[at : at + size], 0, to)
    return failed


def _write(out: socket.socket, data: bytes | memoryview, segment: int, to: Peer | None) -> bool:
    """One write, cut into ``segment`` bytes each (0: not cut); False if it failed."""
    cut = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT_BYTES.pack(segment))] if segment else []
    for _ in range(2):
        try:
            if to is None:
                out.sendmsg([data], cut)
            else:
                out.sendmsg([data], cut, 0, to)
        except ConnectionRefusedError:  # an earlier datagram met nobody
            continue
        except OSError:
            return False
        return True
    return False
