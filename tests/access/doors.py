"""A data plane as a process over a sky written by hand, and what tests ask of it from outside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from linkemu.access import settings
from linkemu.access.gauge import DoorReport
from linkemu.access.settings import Address, Anchor, End, Outages, Proxy
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from tests.ports import free_port as free_port
from tests.waiting import eventually as eventually
from tests.waiting import least as least
from tests.waiting import moment

ROOT = Path(__file__).resolve().parents[2]
DELAY_S = 0.005


@dataclass
class Door:
    """A running data plane; ``began_s`` is CLOCK_MONOTONIC at scenario time 0, if it has begun."""

    process: subprocess.Popen[str]
    address: Address
    began_s: float
    reports: list[DoorReport] = field(default_factory=list)

    def connect(self, timeout_s: float = 20.0) -> socket.socket:
        return socket.create_connection(self.address, timeout_s)

    def now_s(self) -> float:
        """Scenario time."""
        return time.monotonic() - self.began_s

    def until(self, now_s: float) -> None:
        """Wait for a moment of the sky."""
        moment(self.began_s + now_s)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def memory_bytes(self) -> int:
        """Resident."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def finish(self) -> DoorReport:
        """End it, and what it says of itself."""
        self.process.terminate()
        assert self.process.stdout is not None
        (said,) = json.loads(self.process.stdout.readline())["reports"]
        report = DoorReport.of(said)
        assert self.process.wait(10) == 0
        self.reports.append(report)
        return report


def sky(
    rate_bps: int,
    delay_s: float = DELAY_S,
    duration_s: float = 60.0,
    *,
    dark: Sequence[tuple[float, float]] = (),
    erased: Sequence[tuple[int, int]] = (),
    down_bps: int | None = None,
) -> Sky:
    rates = {Direction.UP: rate_bps, Direction.DOWN: down_bps or rate_bps}
    spans = [(start, end, Cause.CLOUD) for start, end in dark]
    return Sky.of(
        *[
            constant("ground", "orbit", way, rate, delay_s, duration_s, dark=spans, erased=erased)
            for way, rate in rates.items()
        ]
    )


@contextmanager
def door(
    room: Path,
    played: Sky,
    to: Address,
    *,
    udp: bool = False,
    listen: Address = ("127.0.0.1", 0),
    outage: str = "hold",
    uplink: End = "client",
    anchor: Anchor = "listen",
    start_s: float = 0.0,
    queue_bytes: int | None = None,
) -> Iterator[Door]:
    """A data plane that listens; killed at the end if it is still there."""
    played.save(room / "sky")
    Proxy(
        room / "sky",
        (settings.Door(listen, to, "udp" if udp else "tcp", Outages.parse(outage), uplink),),
        start_s,
        anchor,
        queue_bytes,
    ).save(room / "proxy.json")
    process = subprocess.Popen(
        [sys.executable, "-m", "linkemu.access.dataplane", room / "proxy.json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        host, port = said["doors"]["door"]
        yield Door(process, (host, port), (said["zero_ns"] or 0) / 1e9)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass
class Server:
    """Accepts, and lets ``serve`` have each connection in a thread of its own."""

    address: Address
    errors: list[BaseException] = field(default_factory=list)


@contextmanager
def server(serve: Callable[[socket.socket], object], host: str = "127.0.0.1") -> Iterator[Server]:
    """A TCP server on a free port; what ``serve`` raises fails the test, connection errors apart."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=2048) as listener:
        running = Server(listener.getsockname()[:2])

        def attend(connection: socket.socket) -> None:
            with connection:
                try:
                    serve(connection)
                except (ConnectionError, TimeoutError, BrokenPipeError):
                    return
                except BaseException as error:
                    running.errors.append(error)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield running
        listener.shutdown(socket.SHUT_RD)
    assert running.errors == []


def read_all(connection: socket.socket) -> bytes:
    """To the end of the stream."""
    parts = []
    while part := connection.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


def echo(connection: socket.socket) -> None:
    """Send back what comes; end when it ends."""
    while part := connection.recv(1 << 16):
        connection.sendall(part)


def exactly(connection: socket.socket, size: int) -> bytes:
    """``size`` bytes, fewer only at the end."""
    parts = bytearray()
    while len(parts) < size and (part := connection.recv(size - len(parts))):
        parts += part
    return bytes(parts)


@contextmanager
def blasting(client: socket.socket) -> Iterator[None]:
    """Sends as fast as it is taken, until the block ends."""

    def blast() -> None:
        try:
            while True:
                client.sendall(bytes(1 << 16))
        except OSError:
            return

    thread = threading.Thread(target=blast, daemon=True)
    thread.start()
    try:
        yield
    finally:
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        thread.join()
