"""Clients and servers for the tests of exec, as programs of their own: ``python exec_clients.py WHAT ...``.

They know nothing of linkemu. Each prints one JSON document.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GATEWAY, PORT = "10.71.0.2", 7000
_CHUNK = 1 << 18


def ping(host: str, count: str, pause_s: str) -> dict[str, object]:
    """ICMP echo as ping(8) does it without rights: round trips in seconds, None for what never came back."""
    six = ":" in host
    kind = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    with socket.socket(kind[0], socket.SOCK_DGRAM, kind[1]) as echo:
        echo.connect((host, 0))
        trips: list[float | None] = []
        for sequence in range(int(count)):
            began = time.perf_counter()
            echo.send(struct.pack(">BBHHH", 128 if six else 8, 0, 0, 0, sequence) + bytes(56))
            trips.append(_answer(echo, sequence, began))
            time.sleep(float(pause_s))
    return {"trips_s": trips}


def _answer(echo: socket.socket, sequence: int, began: float) -> float | None:
    echo.settimeout(1.0)
    try:
        while struct.unpack_from(">H", echo.recv(2048), 6)[0] != sequence:
            pass
    except TimeoutError:
        return None
    return time.perf_counter() - began


def payload(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def send(size: str, host: str = GATEWAY, port: str = str(PORT)) -> dict[str, object]:
    """Upload over TCP, half-close, and read what the sink says of it."""
    began = time.perf_counter()
    with socket.create_connection((host, int(port)), timeout=60) as peer:
        connected_s = time.perf_counter() - began
        data = payload(int(size))
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        answer = json.loads(_all(peer)[0])
    return {"connected_s": connected_s, "sent": hashlib.sha256(data).hexdigest(), **answer}


def sink(host: str = "0.0.0.0", port: str = str(PORT)) -> dict[str, object]:
    """One connection: everything it sends, and an answer."""
    with socket.create_server((host, int(port))) as listener:
        peer, _ = listener.accept()
        with peer:
            data, first, last = _all(peer)
            digest = hashlib.sha256(data).hexdigest()
            peer.sendall(json.dumps({"received": digest, "took_s": last - first}).encode())
    return {}


def _all(peer: socket.socket) -> tuple[bytes, float, float]:
    parts, first, last = [], 0.0, 0.0
    while part := peer.recv(_CHUNK):
        last = time.perf_counter()
        first = first or last
        parts.append(part)
    return b"".join(parts), first, last


def web(directory: str, port: str = str(PORT)) -> None:
    """An HTTP server that keeps what is PUT, until killed."""

    class Keeper(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            Path(directory, Path(self.path).name).write_bytes(body)
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

    ThreadingHTTPServer(("0.0.0.0", int(port)), Keeper).serve_forever()


def blast(rate_pps: str, seconds: str, size: str = "1000") -> dict[str, object]:
    """Numbered UDP datagrams to the gateway at an even pace."""
    pause, count = 1 / float(rate_pps), int(float(rate_pps) * float(seconds))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        began = time.perf_counter()
        for number in range(count):
            while (rest := began + number * pause - time.perf_counter()) > 0:
                time.sleep(rest)
            out.sendto(
                struct.pack(">Qd", number, time.perf_counter()) + bytes(int(size) - 16), (GATEWAY, PORT)
            )
    time.sleep(1.0)  # what waits and flies, at most 60 ms, arrives: its network ends with this command
    return {"sent": count}


def count(host: str = "0.0.0.0", port: str = str(PORT)) -> None:
    """A line (number, sent, received) on stdout for each datagram, until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        bound.bind((host, int(port)))
        while True:
            data = bound.recv(2048)
            number, sent = struct.unpack_from(">Qd", data)
            print(number, sent, time.perf_counter(), flush=True)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])), flush=True)
