"""What a program that watches and changes the link costs the bytes on it: python -m bench.dataplane.control.

Round trips of 64 B through a TCP door at 5 ms each way, beside a client of the control API that does nothing,
polls the state, reads events, or imposes and lifts overrides that change nothing. Late is what the round trip
takes beyond the light. Client and door share the machine with this script: figures are for comparison.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from linkemu.access.launch import DataPlane
from linkemu.access.settings import Door, Proxy
from linkemu.client import Link
from linkemu.control.server import Control
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

DELAY_S = 0.005
SIZE = 64

# The client is another process, as it is for its users: in this one it would delay the measurement itself.
CLIENT = """
import sys, time
from linkemu.client import Link
link, what, hertz = Link(sys.argv[1], sys.argv[2]), sys.argv[3], float(sys.argv[4])
events = link.events() if what != "poll" else None
print("ready", flush=True)
while True:
    if what == "poll":
        link.state()
    elif what == "change":
        with link.override(cap=10**15):
            pass
    else:
        next(events)
    time.sleep(1 / hertz)
"""


@contextmanager
def door() -> Iterator[tuple[DataPlane, Control]]:
    """A door over 1 Gbit/s to a server that sends back, under control."""
    played = Sky.of(*[constant("g", "s", way, 10**9, DELAY_S, 3600.0) for way in Direction])
    with socket.create_server(("127.0.0.1", 0)) as far:
        threading.Thread(target=echo, args=(far,), daemon=True).start()
        with Control(("127.0.0.1", 0)) as control:
            told = Door(("127.0.0.1", 0), far.getsockname()[:2])
            plane = DataPlane.start(Proxy(Path(), (told,)), played)
            try:
                control.start(plane.control, played)
                yield plane, control
            finally:
                plane.close()


def echo(listener: socket.socket) -> None:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := client.recv(1 << 16):
        client.sendall(data)


@contextmanager
def beside(control: Control, what: str, hertz: float) -> Iterator[None]:
    """A client of the control API at work; none for "nothing"."""
    if what == "nothing":
        yield
        return
    words = [sys.executable, "-c", CLIENT, control.url, control.token, what, str(hertz)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def lateness_us(client: socket.socket, seconds: float) -> list[float]:
    """Of round trips one after the other."""
    late, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        begun_s = time.monotonic()
        client.sendall(bytes(SIZE))
        got = 0
        while got < SIZE:
            got += len(client.recv(SIZE - got))
        late.append((time.monotonic() - begun_s - 2 * DELAY_S) * 1e6)
        time.sleep(0.002)
    return sorted(late)


def rounds(seconds: float, repeat: int, say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """All cases, interleaved."""
    cases = {"nothing": ("nothing", 1.0), "poll 20/s": ("poll", 20.0), "poll 200/s": ("poll", 200.0)}
    cases |= {"events": ("events", 1000.0), "change 10/s": ("change", 10.0)}
    found: dict[str, list[float]] = {name: [] for name in cases}
    with door() as (plane, control), socket.create_connection(plane.address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lateness_us(client, 0.2)
        for number in range(repeat):
            for name, (what, hertz) in cases.items():
                with beside(control, what, hertz):
                    found[name] += lateness_us(client, seconds)
            say(f"round {number + 1} of {repeat}")
        Link(control.url, control.token).reset()
    table = {}
    for name, late in found.items():
        late.sort()
        table[name] = {f"p{share}": late[min(len(late) - 1, len(late) * share // 100)] for share in (50, 99)}
        table[name] |= {"max": late[-1], "trips": len(late)}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each case in a round")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    table = rounds(asked.seconds, asked.repeat, lambda line: print(line, file=sys.stderr))
    if asked.json:
        print(json.dumps(table))
        return
    print(f"{'beside the bytes':18}{'p50':>9}{'p99':>9}{'max':>9}   us late, of round trips")
    for name, row in table.items():
        print(f"{name:18}{row['p50']:9.0f}{row['p99']:9.0f}{row['max']:9.0f}   {row['trips']:.0f}")


if __name__ == "__main__":
    main()
