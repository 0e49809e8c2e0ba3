"""How fast and how exact is ``linkemu proxy``, beside a direct connection and socat, if it is on PATH?

    python bench/dataplane/proxy.py [--seconds 2] [--rounds 3] [--only bulk,rate,delay,udp]

Each round runs every contestant once, so that a busy minute hits all alike; the table gives min, median and
max. socat has neither rate nor delay: it is the yardstick of CPU, not a rival in kind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from linkemu.access.settings import Address, Door, Proxy
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

RENO = b"reno"
UNBOUND_BPS = 10**12
_SINK = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0)); print(listener.getsockname()[1], flush=True)
while True:
    end, _ = listener.accept(); buffer = bytearray(1 << 20)
    while end.recv_into(buffer, 1 << 20, socket.MSG_TRUNC): pass
    end.close()
"""


_BLAST = """
import socket, sys, time
near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); near.connect(("127.0.0.1", int(sys.argv[1])))
per_s, seconds, sent, begun = int(sys.argv[2]), float(sys.argv[3]), 0, time.monotonic()
while (past := time.monotonic() - begun) < seconds:
    while sent < past * per_s:
        near.send(bytes(1200)); sent += 1
    time.sleep(0.0005)
print(sent)
"""


@dataclass
class Relay:
    """A contestant between client and server."""

    address: Address
    pid: int | None

    def cpu_s(self) -> float:
        if self.pid is None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def ours(
    to: Address, rate_bps: int = UNBOUND_BPS, delay_s: float = 0.005, *, udp: bool = False
) -> Iterator[Relay]:
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        Sky.of(*[constant("g", "s", way, rate_bps, delay_s, 600.0) for way in Direction]).save(room / "sky")
        queue = 64 << 20 if udp else None
        Proxy(room / "sky", (Door(("127.0.0.1", 0), to, "udp" if udp else "tcp"),), queue_bytes=queue).save(
            room / "proxy"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "linkemu.access.dataplane", room / "proxy"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        host, port = json.loads(process.stdout.readline())["doors"]["door"]
        try:
            yield Relay((host, port), process.pid)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def direct(to: Address) -> Iterator[Relay]:
    yield Relay(to, None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _program(command: list[str], port: int) -> Iterator[Relay]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}")
            if f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text():
                break
            time.sleep(0.05)
        yield Relay(("127.0.0.1", port), process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def socat(to: Address, *options: str) -> Iterator[Relay]:
    port = free_port()
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"
    with _program(["socat", *options, listen, f"TCP:{to[0]}:{to[1]}"], port) as relay:
        yield relay


Contestant = Callable[[Address], object]


@contextmanager
def sink() -> Iterator[Address]:
    process = subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield "127.0.0.1", int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def connected(address: Address) -> socket.socket:
    end = socket.socket()
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, RENO)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.connect(address)
    return end


def push(address: Address, seconds: float) -> tuple[int, float]:
    """Bytes written after half a second of warming up, and the time that it took."""
    block = memoryview(bytes(1 << 20))
    with connected(address) as end:
        warm_s = time.monotonic() + 0.5
        while time.monotonic() < warm_s:
            end.send(block)
        sent, begun_s = 0, time.monotonic()
        while (now_s := time.monotonic()) < begun_s + seconds:
            sent += end.send(block)
        return sent, now_s - begun_s


def bulk(relays: dict[str, Contestant], seconds: float, rounds: int) -> None:
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in relays}
    for _ in range(rounds):
        for name, relay in relays.items():
            with sink() as to, relay(to) as between:  # type: ignore[attr-defined]
                cpu_s = between.cpu_s()
                sent, took_s = push(between.address, seconds)
                used_s = between.cpu_s() - cpu_s
            figures[name].append((sent * 8 / took_s / 1e9, used_s / (sent / 1e9)))
    print("\nunbound rate, one connection          Gbit/s min / median / max     relay's CPU s/GB median")
    for name, runs in figures.items():
        speeds = sorted(speed for speed, _ in runs)
        cpu = statistics.median(cpu for _, cpu in runs)
        median = statistics.median(speeds)
        print(f"  {name:34}  {speeds[0]:6.1f} / {median:6.1f} / {speeds[-1]:6.1f}          {cpu:8.3f}")


def rate(seconds: float, rounds: int) -> None:
    print("\nrate asked                            error median (bytes written over the time it took)")
    for rate_bps in (10_000_000, 100_000_000, 1_000_000_000, 5_000_000_000):
        errors = []
        for _ in range(rounds):
            errors.append(_rate_error(rate_bps, seconds))
        print(f"  {rate_bps / 1e6:8.0f} Mbit/s                      {statistics.median(errors):+.3%}")


def _rate_error(rate_bps: int, seconds: float) -> float:
    """Seen by the sink: from the first arrival after half a second to the last."""
    arrivals: list[tuple[float, int]] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drain() -> None:
            end, _ = listener.accept()
            buffer = bytearray(1 << 20)
            with end:
                while size := end.recv_into(buffer, 1 << 20, socket.MSG_TRUNC):
                    arrivals.append((time.monotonic(), size))

        thread = threading.Thread(target=drain)
        thread.start()
        code = (
            "import socket, sys, time; end = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
            "stop = time.monotonic() + float(sys.argv[2]); block = bytes(1 << 18)\n"
            "while time.monotonic() < stop: end.send(block)"
        )
        with ours(listener.getsockname(), rate_bps) as relay:
            program = [sys.executable, "-c", code, str(relay.address[1]), str(seconds + 0.5)]
            subprocess.run(program, check=True)
            time.sleep(0.2)
        thread.join()
    kept = [
        (at_s, size) for at_s, size in arrivals if arrivals[0][0] + 0.5 <= at_s <= arrivals[0][0] + seconds
    ]
    carried = sum(size for _, size in kept[1:])
    return carried * 8 / (kept[-1][0] - kept[0][0]) / rate_bps - 1


def delay(seconds: float) -> None:
    print("\nround trip of 64 B, us more than asked     p50 / p99")
    for one_way_s in (0.005, 0.12):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=_echo, args=(listener,), daemon=True).start()
            with ours(listener.getsockname(), 10**9, one_way_s) as relay, connected(relay.address) as end:
                late = []
                stop_s = time.monotonic() + seconds
                while time.monotonic() < stop_s:
                    begun_s = time.perf_counter()
                    end.sendall(bytes(64))
                    end.recv(64)
                    late.append((time.perf_counter() - begun_s - 2 * one_way_s) * 1e6)
        late.sort()
        p50, p99 = (late[int(len(late) * share)] for share in (0.5, 0.99))
        print(f"  {one_way_s * 1e3:5.0f} ms each way                       {p50:6.0f} / {p99:.0f}")


def _echo(listener: socket.socket) -> None:
    end, _ = listener.accept()
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with end:
        while data := end.recv(4096):
            end.sendall(data)


def udp(seconds: float) -> None:
    """Offered faster and faster, until some are lost."""
    print("\nUDP, 1200 B: offered and delivered, kilo-packets a second")
    for offered in (20_000, 40_000, 80_000, 160_000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
            far.bind(("127.0.0.1", 0))
            far.settimeout(1.5)
            with ours(far.getsockname(), 10**11, udp=True) as relay:
                program = [sys.executable, "-c", _BLAST, str(relay.address[1]), str(offered), str(seconds)]
                with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as blast:
                    got = _count(far)
                    sent = int(blast.communicate()[0])
        print(f"  {sent / seconds / 1e3:6.1f} {got / seconds / 1e3:6.1f}   lost {1 - got / sent:.2%}")


def _count(far: socket.socket) -> int:
    count = 0
    buffer = bytearray(2048)
    try:
        while far.recv_into(buffer):
            count += 1
    except TimeoutError:
        return count
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="bulk,rate,delay,udp")
    options = parser.parse_args()
    wanted = options.only.split(",")
    relays: dict[str, Contestant] = {
        "direct": direct,
        "linkemu proxy, 5 ms": ours,
        "linkemu proxy, 120 ms": lambda to: ours(to, delay_s=0.12),
    }
    if shutil.which("socat"):
        relays |= {"socat": socat, "socat -b 1 MiB": lambda to: socat(to, "-b", "1048576")}
    print(f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}", end=", ")
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    if "socat" not in relays:
        print("socat is not on PATH: no yardstick beside the direct connection")
    if "bulk" in wanted:
        bulk(relays, options.seconds, options.rounds)
    if "rate" in wanted:
        rate(options.seconds, options.rounds)
    if "delay" in wanted:
        delay(options.seconds)
    if "udp" in wanted:
        udp(options.seconds)


if __name__ == "__main__":
    main()
