"""Does ``linkemu proxy`` keep to a whole pass: bytes, edges of outages and lateness, at the far sink?

    python bench/dataplane/drift.py [--for 580] [--json]      a real pass of the ISS with clouds and fades
    python bench/dataplane/drift.py --quick [--for 5]         a link written by hand, with frequent outages

One connection always has bytes to send, from before the first light on, so the timeline says when each byte
is due at the sink: integral of the rate, less erased slots, and the light time. Compared are the bytes,
how late each read is, and first and last light around each stretch that is dark for 5 ms or more.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from linkemu.access.lit import lit_capacity
from linkemu.access.settings import Address, Door, Proxy
from linkemu.forecast import forecast
from linkemu.link.capacity import BYTE, Capacity
from linkemu.link.delay import DelayCurve
from linkemu.link.timeline import Cause, LinkTimeline, Sky, constant
from linkemu.machine import Direction
from linkemu.scenario import load

ROOT = Path(__file__).resolve().parents[2]
DARK_NS = 5_000_000
PASS = """
name = "drift"
seed = 7
start = "2024-05-10T18:46:00Z"
duration = "600 s"
elements = ["{elements}"]

[[satellite]]
id = "iss"
norad = 25544
terminal = "illuma-t"

[[station]]
id = "koganei"
preset = "nict-koganei"
mask = "3 deg"
terminal = "ogs-illuma"
http = "127.0.0.1:0"

[station.weather]
visibility = "5 km"
"""
CLOUD = '\n[[cloud]]\nstation = "koganei"\nstart = "{} s"\nduration = "{} s"\n'
BEGIN_S = 20.0  # the first light comes at 24.5 s


@dataclass
class Outcome:
    """Times in seconds; shares of the bytes that the timeline's capacity allows."""

    seconds: float
    carried_bytes: int
    capacity_bytes: int
    error: float  # of the sum of bytes
    late_least_s: float  # below 0: a byte came early
    late_p50_s: float
    late_p99_s: float
    late_most_s: float
    edges: int
    edge_p10_s: float
    edge_p50_s: float
    edge_p99_s: float
    edge_most_s: float


def real_pass() -> tuple[Sky, float]:
    """And the scenario time at which to begin, in the dark."""
    elements = ROOT / "configs" / "elements" / "stations_2024-05-09.tle"
    clouds = "".join(CLOUD.format(130 + 50 * i, 1 + 1.1 * i) for i in range(7))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "pass.toml"
        file.write_text(PASS.format(elements=elements) + clouds)
        return forecast(load(file)).sky, BEGIN_S


def quick() -> tuple[Sky, float]:
    """Rates that change, outages, erased slots, and a light time that moves by 20 us/s."""
    lit = [(10**8, 0.25), (4 * 10**8, 0.15), (0, 0.1), (2 * 10**8, 0.3), (0, 0.05), (5 * 10**7, 0.15)]
    edges, rates = [0, 10**9], [0]
    for rate_bps, seconds in lit * 30:
        edges.append(edges[-1] + round(seconds * 1e9))
        rates.append(rate_bps)
    erased = [(slot, 7) for slot in range(1000, edges[-1] // 10**6, 233)]
    return Sky.of(*(_quick_way(way, edges, rates, erased) for way in Direction)), 0.0


def _quick_way(
    way: Direction, edges: list[int], rates: list[int], erased: list[tuple[int, int]]
) -> LinkTimeline:
    plain = constant("ground", "orbit", way, 1, 0.005, edges[-1] / 1e9, erased=erased)
    curve = plain.delay_s.copy()
    curve[0, 1] = 20e-6 * plain.delay_length_ns / 1e9
    return replace(
        plain,
        edge_ns=np.array(edges),
        rate_bps=np.array(rates),
        cause=np.array([Cause.NONE if rate else Cause.CLOUD for rate in rates], dtype=np.uint8),
        known=np.zeros(len(rates), dtype=np.bool_),
        delay_s=curve,
    )


@contextmanager
def plane(sky: Sky, start_s: float, to: Address) -> Iterator[tuple[Address, int]]:
    """Where it listens, and CLOCK_MONOTONIC (ns) at scenario time 0. The server is on the ground."""
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        sky.save(room / "sky")
        door = Door(("127.0.0.1", 0), to, uplink="server")
        Proxy(room / "sky", (door,), start_s=start_s).save(room / "proxy.json")
        program = [sys.executable, "-m", "linkemu.access.dataplane", str(room / "proxy.json")]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            try:
                assert process.stdout is not None
                said = json.loads(process.stdout.readline())
                host, port = said["doors"]["door"]
                yield (host, port), said["zero_ns"]
            finally:
                process.kill()


_FLOOD = """
import socket, sys
end = socket.socket()
end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
end.connect((sys.argv[1], int(sys.argv[2])))
block = bytes(1 << 18)
while True:
    end.send(block)
"""


def watch(sky: Sky, start_s: float, seconds: float) -> Outcome:
    """Play from ``start_s``, and compare what comes out of it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        plane(sky, start_s, listener.getsockname()) as (address, zero_ns),
        subprocess.Popen([sys.executable, "-c", _FLOOD, address[0], str(address[1])]) as flood,
    ):
        try:
            end, _ = listener.accept()
            with end:
                seen = _read(end, zero_ns, zero_ns + round((start_s + seconds) * 1e9))
        finally:
            flood.kill()
    return judge(sky.timelines[0, Direction.DOWN], seen, seconds)


def _read(end: socket.socket, zero_ns: int, until_ns: int) -> list[tuple[int, int]]:
    """(scenario ns, bytes so far) after each read."""
    room, total, seen = bytearray(1 << 20), 0, list[tuple[int, int]]()
    end.settimeout(0.1)
    while (now_ns := time.monotonic_ns()) < until_ns:
        try:
            size = end.recv_into(room, len(room), socket.MSG_TRUNC)
        except TimeoutError:
            continue
        except ConnectionResetError:  # the scenario has ended
            break
        if not size:
            break
        now_ns = time.monotonic_ns()
        total += size
        seen.append((now_ns - zero_ns, total))
    return seen


def judge(timeline: LinkTimeline, seen: list[tuple[int, int]], seconds: float) -> Outcome:
    capacity, delay = lit_capacity(timeline), DelayCurve(timeline)

    def due_ns(total: int) -> int:
        left_ns = capacity.reach(total * BYTE)
        return left_ns + delay(left_ns)

    late = sorted(at_ns - due_ns(total) for at_ns, total in seen)
    times, totals = [at_ns for at_ns, _ in seen], [total for _, total in seen]
    tail = bisect_left(times, times[-1] - (times[-1] - times[0]) // 20)
    best = min(range(tail, len(seen)), key=lambda i: times[i] - due_ns(totals[i]))
    left_ns = times[best] - delay(times[best] - delay(times[best]))
    asked = capacity.position(left_ns) // BYTE
    edges = sorted(_edges(capacity, delay, times, totals))
    return Outcome(
        seconds,
        totals[best],
        asked,
        totals[best] / asked - 1,
        late[0] / 1e9,
        late[len(late) // 2] / 1e9,
        late[len(late) * 99 // 100] / 1e9,
        late[-1] / 1e9,
        len(edges),
        edges[len(edges) // 10] / 1e9,
        edges[len(edges) // 2] / 1e9,
        edges[len(edges) * 99 // 100] / 1e9,
        edges[-1] / 1e9,
    )


def _edges(capacity: Capacity, delay: DelayCurve, times: list[int], totals: list[int]) -> Iterator[int]:
    """How far first and last light were from the timeline, in ns, around each dark stretch."""
    for (_, dark_ns), (light_ns, _end) in pairwise(capacity.lights()):
        before = capacity.position(dark_ns) // BYTE
        first = bisect_right(totals, before)  # the read that brings the first byte of the new light
        if light_ns - dark_ns >= DARK_NS and 0 < first < len(totals):
            yield abs(times[first] - light_ns - delay(light_ns))
            yield abs(times[first - 1] - dark_ns - delay(dark_ns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--for", dest="seconds", type=float, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sky, start_s = quick() if options.quick else real_pass()
    seconds = options.seconds or (5.0 if options.quick else 580.0)
    found = watch(sky, start_s, seconds)
    if options.json:
        print(json.dumps(asdict(found)))
        return
    load_1 = os.getloadavg()[0]
    print(f"{found.seconds:g} s, {found.carried_bytes / 1e6:.1f} MB at the sink, load {load_1:.1f}")
    print(f"  bytes against the timeline's capacity  {found.error:+.4%}")
    print(
        "  late, p50 / p99 / most                ", _ms(found.late_p50_s, found.late_p99_s, found.late_most_s)
    )
    print(f"  {found.edges} edges, p50 / p99 / most".ljust(41), end="")
    print(_ms(found.edge_p50_s, found.edge_p99_s, found.edge_most_s))


def _ms(*seconds: float) -> str:
    return " / ".join(f"{each * 1e3:.3f}" for each in seconds) + " ms"


if __name__ == "__main__":
    main()
