"""The ends of every measurement: a source, a sink and a prober, the same for all contestants.

    python ends.py sink --host 127.0.0.1 --port 0 --warm 0.5 --seconds 2
    python ends.py source HOST PORT SECONDS [--pace BPS]
    python ends.py probe HOST PORT SECONDS

Standard library only, so that it runs as any user in any network. The sink says on standard output, in lines
of JSON, its port, the beginning of its window and what it saw, and measures at the far end alone: bytes are
counted and thrown away by the kernel (MSG_TRUNC), messages carry the CLOCK_MONOTONIC at which they left. Both
ends use reno, and the source sends from one block, as costs of its own would hide the relay's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator

BULK, PROBE = b"B", b"P"  # the first byte of a connection says what it is
MESSAGE = 64
_STAMP = struct.Struct("<q")
_BLOCK = 1 << 20
_SAMPLE_NS = 200_000
_GAPS_S = (0.001, 0.004)  # between two messages: no beat with anybody's timer
_SO_MAX_PACING_RATE = 47  # asm-generic/socket.h
_PATIENCE_S = 10.0
_SECOND_NS = 1_000_000_000


def say(**content: object) -> None:
    """One line, short enough to be written whole."""
    os.write(1, json.dumps(content).encode() + b"\n")


def slope(samples: list[tuple[int, int]]) -> float:
    """Bit/s by least squares over (ns, bytes so far)."""
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_n = sum(n for _, n in samples) / len(samples)
    over = sum((t - mean_t) ** 2 for t, _ in samples)
    return sum((t - mean_t) * (n - mean_n) for t, n in samples) / over * 8 * _SECOND_NS


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def sink(host: str, port: int, warm_s: float, seconds: float) -> None:
    """Serve each connection in a process of its own, so that none keeps another from the processor."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    kinds: dict[bytes, Callable[[socket.socket, float, float], None]] = {BULK: swallow, PROBE: listen}
    with socket.create_server((host, port), backlog=16) as listener:
        _reno(listener)
        say(port=listener.getsockname()[1])
        while True:
            end, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                serve = kinds.get(end.recv(1))
                if serve is not None:
                    serve(end, warm_s, seconds)
                os._exit(0)
            end.close()


def swallow(end: socket.socket, warm_s: float, seconds: float) -> None:
    """Count what comes in a window that opens ``warm_s`` after the first bytes; swallow what comes then."""
    buffer = bytearray(_BLOCK)
    begins_ns = 0
    total = 0
    samples: list[tuple[int, int]] = []
    while size := end.recv_into(buffer, _BLOCK, socket.MSG_TRUNC):
        now_ns = time.monotonic_ns()
        total += size
        begins_ns = begins_ns or now_ns + round(warm_s * _SECOND_NS)
        if now_ns < begins_ns or (samples and now_ns - samples[-1][0] < _SAMPLE_NS):
            continue
        if not samples:
            say(bulk="begun")
        samples.append((now_ns, total))
        if now_ns > begins_ns + seconds * _SECOND_NS:
            break
    if len(samples) < 3:
        say(bulk="too short")
        return
    (first_ns, before), (last_ns, after) = samples[0], samples[-1]
    say(
        bulk="ended",
        bytes=after - before,
        mean_bps=(after - before) * 8 * _SECOND_NS / (last_ns - first_ns),
        slope_bps=slope(samples),
    )
    while end.recv_into(buffer, _BLOCK, socket.MSG_TRUNC):
        pass


def listen(end: socket.socket, warm_s: float, seconds: float) -> None:
    """How long each message was on its way, from ``warm_s`` on."""
    took_s: list[float] = []
    begins_ns = 0
    for sent_ns, now_ns in _messages(end):
        begins_ns = begins_ns or now_ns + round(warm_s * _SECOND_NS)
        if now_ns > begins_ns + seconds * _SECOND_NS:
            break
        if now_ns >= begins_ns:
            took_s.append((now_ns - sent_ns) / _SECOND_NS)
    took_s.sort()
    if not took_s:
        say(probe="too short")
        return
    say(
        probe="ended",
        messages=len(took_s),
        least_s=took_s[0],
        p50_s=quantile(took_s, 0.5),
        p99_s=quantile(took_s, 0.99),
        most_s=took_s[-1],
    )


def _messages(end: socket.socket) -> Iterator[tuple[int, int]]:
    """When each was sent, and when it was here."""
    rest = b""
    while data := end.recv(4096):
        now_ns = time.monotonic_ns()
        rest += data
        while len(rest) >= MESSAGE:
            yield _STAMP.unpack_from(rest)[0], now_ns
            rest = rest[MESSAGE:]


def source(host: str, port: int, seconds: float, pace_bps: int | None) -> None:
    """Send for so long, or until the sink has seen enough."""
    block = memoryview(bytes(_BLOCK))
    with connected(host, port) as end, contextlib.suppress(ConnectionError):
        if pace_bps is not None:
            end.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, struct.pack("=Q", pace_bps // 8))
        end.sendall(BULK)
        stop_s = time.monotonic() + seconds
        while time.monotonic() < stop_s:
            end.send(block)


def probe(host: str, port: int, seconds: float) -> None:
    """Small messages, each with the time of its leaving, at irregular moments."""
    gaps = random.Random(1)
    with connected(host, port) as end, contextlib.suppress(ConnectionError):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.sendall(PROBE)
        message = bytearray(MESSAGE)
        stop_s = time.monotonic() + seconds
        while time.monotonic() < stop_s:
            time.sleep(gaps.uniform(*_GAPS_S))
            _STAMP.pack_into(message, 0, time.monotonic_ns())
            end.sendall(message)


def connected(host: str, port: int) -> socket.socket:
    """A connection with reno, tried again while nobody listens yet."""
    give_up_s = time.monotonic() + _PATIENCE_S
    while True:
        end = socket.socket()
        _reno(end)
        try:
            end.connect((host, port))
            return end
        except ConnectionRefusedError:
            end.close()
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.05)


def _reno(end: socket.socket) -> None:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    far = parts.add_parser("sink")
    far.add_argument("--host", default="127.0.0.1")
    far.add_argument("--port", type=int, default=0)
    far.add_argument("--warm", type=float, default=0.5)
    far.add_argument("--seconds", type=float, default=2.0)
    for name in ("source", "probe"):
        near = parts.add_parser(name)
        near.add_argument("host")
        near.add_argument("port", type=int)
        near.add_argument("seconds", type=float)
        if name == "source":
            near.add_argument("--pace", type=int)
    told = parser.parse_args()
    if told.part == "sink":
        sink(told.host, told.port, told.warm, told.seconds)
    elif told.part == "source":
        source(told.host, told.port, told.seconds, told.pace)
    else:
        probe(told.host, told.port, told.seconds)


if __name__ == "__main__":
    main()
