"""The ends of a measurement of datagrams: a source that offers so many a second, and a sink that counts.

    python blast.py sink SIZE
    python blast.py source HOST PORT SIZE PER_SECOND SECONDS --from PORT [--segments N]

Standard library only. The source sends batches by sendmmsg, or, with ``--segments``, lets the kernel cut
large writes (UDP_SEGMENT, as QUIC clients do): a dear source would hide the relay. The sink takes batches by
recvmmsg, 16 bytes of each datagram with MSG_TRUNC, and says after each silence how many there were (their
bytes over SIZE, as UDP_GRO may hand over several at once).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import socket
import time

_UDP_SEGMENT, _UDP_GRO = 103, 104  # linux/udp.h
_BATCH = 64
_KEPT = 16  # bytes of each datagram that the sink lets the kernel copy
_NAP_S = 50e-6
_SILENCE_S = 0.15
_BUFFER = 32 << 20
_MSG_WAITFORONE = 0x10000
_SO_BUFFERS = {socket.SO_RCVBUF: 33, socket.SO_SNDBUF: 32}  # the forms that go over the system's limit (root)


class _IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """struct mmsghdr of sys/socket.h."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_IoVec)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_uint),
        ("length", ctypes.c_uint),
    ]


class Batch:
    """Headers of ``count`` datagrams, all from or to one buffer of ``size`` bytes: nobody reads them."""

    def __init__(self, count: int, size: int) -> None:
        self._buffer = ctypes.create_string_buffer(size)
        self._vector = _IoVec(ctypes.addressof(self._buffer), size)
        self.headers = (_Header * count)()
        for header in self.headers:
            header.vectors = ctypes.pointer(self._vector)
            header.vector_count = 1


_libc = ctypes.CDLL(None, use_errno=True)


def roomy(end: socket.socket) -> None:
    """As much buffer as the system grants, in both directions."""
    for option, forced in _SO_BUFFERS.items():
        end.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        try:
            end.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
        except PermissionError:
            continue  # an ordinary user has what the limit allows


def say(**content: object) -> None:
    os.write(1, json.dumps(content).encode() + b"\n")


def sink(size: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        roomy(end)
        end.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
        end.bind(("127.0.0.1", 0))
        end.settimeout(_SILENCE_S)
        say(port=end.getsockname()[1])
        batch = Batch(_BATCH, _KEPT)
        while True:
            try:
                first = end.recv_into(bytearray(_KEPT), _KEPT, socket.MSG_TRUNC)
            except TimeoutError:
                continue
            more, over_s = _drain(end, batch)
            say(datagrams=(first + more) // size, over_s=over_s)


def _drain(end: socket.socket, batch: Batch) -> tuple[int, float]:
    """Bytes until nothing has come for a while, and how long they came."""
    taken = 0
    begun_s = heard_s = time.monotonic()
    while time.monotonic() - heard_s < _SILENCE_S:
        count = _libc.recvmmsg(
            end.fileno(),
            batch.headers,
            _BATCH,
            socket.MSG_TRUNC | socket.MSG_DONTWAIT | _MSG_WAITFORONE,
            None,
        )
        if count <= 0:
            time.sleep(_NAP_S)
            continue
        heard_s = time.monotonic()
        taken += sum(header.length for header in batch.headers[:count])
    return taken, heard_s - begun_s


def source(to: tuple[str, int], size: int, per_s: float, seconds: float, local: int, segments: int) -> None:
    """Offer evenly, catching up after each nap; the number sent is said at the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        roomy(end)
        end.bind(("127.0.0.1", local))
        end.connect(to)
        if segments > 1:
            end.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, size)
        batch, whole = Batch(_BATCH, size), bytes(size * segments)
        sent, begun_s = 0, time.monotonic()
        while (past_s := time.monotonic() - begun_s) < seconds:
            owed = int(past_s * per_s) - sent
            if owed < segments:
                time.sleep(_NAP_S)
            elif segments > 1:
                end.send(whole)
                sent += segments
            else:
                sent += max(0, _libc.sendmmsg(end.fileno(), batch.headers, min(owed, _BATCH), 0))
        say(sent=sent, seconds=time.monotonic() - begun_s)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("sink").add_argument("size", type=int)
    near = parts.add_parser("source")
    near.add_argument("host")
    near.add_argument("port", type=int)
    near.add_argument("size", type=int)
    near.add_argument("per_second", type=float)
    near.add_argument("seconds", type=float)
    near.add_argument("--from", dest="local", type=int, required=True)
    near.add_argument("--segments", type=int, default=1)
    told = parser.parse_args()
    if told.part == "sink":
        sink(told.size)
    else:
        to = (told.host, told.port)
        source(to, told.size, told.per_second, told.seconds, told.local, told.segments)


if __name__ == "__main__":
    main()
