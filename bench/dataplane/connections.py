"""A thousand connections through ``linkemu proxy``: has each its share, and do all have the link's rate?

    python bench/dataplane/connections.py [--count 1000] [--rate-mbps 1000] [--seconds 10] [--json]

All clients always have bytes to send. The data plane runs as an ordinary user (nobody, when root starts
this), within the limits that are given. Everything is seen at the far sink, in a window after warming up:
bytes of each connection, and how late the sum is against the ideal line. A busy machine makes arrivals late,
never early, so the rate is taken between the least late of the first and of the last quarter of the window.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from linkemu.access import dataplane
from linkemu.access.settings import Address, Door, Proxy
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

NOBODY = 65534
DELAY_S = 0.005
BUFFER_BYTES = 1 << 16
BLOCK = bytes(1 << 16)


@dataclass
class Outcome:
    """``least`` and ``most`` are shares of the mean of all connections."""

    connections: int
    seconds: float
    rate_error: float
    least: float
    most: float
    starved: int
    descriptors: int
    memory_MB: float
    cpu_share: float
    kept_waiting: float  # share of the window in which the data plane could have run, and others did
    user: int


@contextmanager
def plane_as_nobody(rate_bps: int, to: Address) -> Iterator[tuple[int, Address]]:
    """The data plane's process and address; it has no privileges, whoever calls."""
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        room.chmod(0o755)
        Sky.of(*[constant("g", "s", way, rate_bps, DELAY_S, 600.0) for way in Direction]).save(room / "sky")
        Proxy(room / "sky", (Door(("127.0.0.1", 0), to),)).save(room / "proxy.json")
        for file in room.iterdir():
            file.chmod(0o644)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _serve(writer, room / "proxy.json")
        os.close(writer)
        try:
            with os.fdopen(reader) as said:
                host, port = json.loads(said.readline())["doors"]["door"]
                yield pid, (host, port)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
            os.waitpid(pid, 0)


def _serve(out: int, file: Path) -> None:
    """In the child: forked, not executed, as nobody may not execute an interpreter in somebody's home."""
    code = 70
    try:
        os.dup2(out, 1)
        sys.stdout = os.fdopen(1, "w")
        Sky.load(Proxy.load(file).sky)  # what these import can't be read later
        socket.getaddrinfo("127.0.0.1", 1)
        np.unique(np.zeros(1))
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        sys.argv = ["dataplane", str(file)]
        code = dataplane.main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


_FLOOD = """
import select, socket, sys
host, port, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
block, epoll, ends = bytes(size), select.epoll(), {}
for _ in range(count):
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    end.connect((host, port))
    end.setblocking(False)
    ends[end.fileno()] = end
    epoll.register(end.fileno(), select.EPOLLOUT)
while True:
    for fd, _ in epoll.poll():
        try:
            ends[fd].send(block)
        except BlockingIOError:
            pass
"""


class Sink:
    """Counts what comes, by connection and in all."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.totals: dict[int, int] = {}
        self.sum = 0
        self._ends: dict[int, socket.socket] = {}
        self._epoll = select.epoll()
        self._epoll.register(self.listener.fileno(), select.EPOLLIN)
        self._room = bytearray(1 << 18)

    def round(self) -> float:
        """Take all that is there; the time before the taking, so that no byte seems to have come early."""
        events = self._epoll.poll(0.1, 2048)
        for fd, _ in events:
            if fd == self.listener.fileno():
                end, _peer = self.listener.accept()
                end.setblocking(False)
                self._ends[end.fileno()], self.totals[end.fileno()] = end, 0
                self._epoll.register(end.fileno(), select.EPOLLIN)
                continue
            with suppress(BlockingIOError):
                size = self._ends[fd].recv_into(self._room, len(self._room), socket.MSG_TRUNC)
                self.totals[fd] += size
                self.sum += size
        return time.monotonic()

    def close(self) -> None:
        for end in (*self._ends.values(), self.listener):
            end.close()
        self._epoll.close()


def measure(count: int, rate_bps: int, seconds: float, warm_s: float) -> Outcome:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sink = Sink()
    with plane_as_nobody(rate_bps, sink.listener.getsockname()) as (pid, address):
        program = [sys.executable, "-c", _FLOOD, address[0], str(address[1]), str(count), str(BUFFER_BYTES)]
        with subprocess.Popen(program) as flood:
            try:
                while sum(total > 0 for total in sink.totals.values()) < count and flood.poll() is None:
                    sink.round()
                if flood.poll() is not None:
                    raise SystemExit("the clients have died")
                return _watch(sink, pid, rate_bps, seconds, warm_s)
            finally:
                flood.kill()
                sink.close()


def _watch(sink: Sink, pid: int, rate_bps: int, seconds: float, warm_s: float) -> Outcome:
    end_s = time.monotonic() + warm_s
    while time.monotonic() < end_s:
        sink.round()
    begun, begun_s, cpu_s, kept_s = dict(sink.totals), time.monotonic(), _cpu_s(pid), _kept_waiting_s(pid)
    seen: list[tuple[float, int]] = []
    while not seen or seen[-1][0] < begun_s + seconds:
        at_s = sink.round()
        seen.append((at_s, sink.sum))
    shares = [total - begun[fd] for fd, total in sink.totals.items()]
    mean = statistics.fmean(shares)
    return Outcome(
        len(shares),
        seconds,
        _rate_error(seen, rate_bps),
        min(shares) / mean,
        max(shares) / mean,
        sum(1 for share in shares if share == 0),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6,
        (_cpu_s(pid) - cpu_s) / seconds,
        (_kept_waiting_s(pid) - kept_s) / seconds,
        Path(f"/proc/{pid}").stat().st_uid,
    )


def _rate_error(seen: list[tuple[float, int]], rate_bps: int) -> float:
    quarter = (seen[-1][0] - seen[0][0]) / 4
    first, last = (
        min(part, key=lambda one: one[0] - 8 * one[1] / rate_bps)
        for part in (
            [one for one in seen if one[0] < seen[0][0] + quarter],
            [one for one in seen if one[0] > seen[-1][0] - quarter],
        )
    )
    return 8 * (last[1] - first[1]) / (last[0] - first[0]) / rate_bps - 1


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kept_waiting_s(pid: int) -> float:
    """On the run queue, by the kernel's schedstat."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rate-mbps", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warm", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outcome = measure(options.count, round(options.rate_mbps * 1e6), options.seconds, options.warm)
    if options.json:
        print(json.dumps(asdict(outcome)))
        return
    print(f"{outcome.connections} connections over {outcome.seconds:g} s, data plane of uid {outcome.user}")
    print(f"  sum against the link's rate  {outcome.rate_error:+.3%}")
    print(
        f"  least and most of the mean   {outcome.least:.1%}, {outcome.most:.1%}; {outcome.starved} starved"
    )
    print(f"  descriptors, memory          {outcome.descriptors}, {outcome.memory_MB:.0f} MB")
    print(f"  CPU, and kept from it        {outcome.cpu_share:.0%}, {outcome.kept_waiting:.0%}")


if __name__ == "__main__":
    main()
