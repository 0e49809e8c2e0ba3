"""One client's voyage: its server, the link (``linkemu proxy`` or ``linkemu exec``), its command, its end.

The commands are the public ones, as processes. A voyage judges nothing; it tells what came of it.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linkemu.link.timeline import Sky
from tests.acceptance.clients.client import Client, Place
from tests.access import doors
from tests.cli.invoked import CONFIGS, LINKEMU, ROOT

PATIENCE_S = 90.0  # of the test, for a client that should end long before
GATEWAY = "10.71.0.2"
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Voyage:
    """What came of it. ``report`` is the proxy's (of the last door) or the exec's."""

    code: int
    lasted_s: float  # to the client's end, of scenario time or (proxy) of a clock that began before it
    said: str  # by the client, on stdout
    errors: str  # on stderr; by exec, what the command itself and its server say there too
    served: str  # by the server, if it ran on this machine's side
    arrived: bytes | None  # None: there is no such file
    payload: bytes
    report: dict[str, Any]


def by_proxy(
    client: Client, room: Path, sky: Sky, outage: str = "hold", anchor: str = "first-byte"
) -> Voyage:
    """Through a door of its own; time begins to go with the first connection."""
    with ExitStack() as stack:
        place = _furnish(client, room, sky, stack)
        near, proxies = (_LOOPBACK, 0), list[_Proxy]()
        for protocol in client.doors:  # of one port number, for iperf3
            options = ("--udp",) if protocol == "udp" else ("--outage", outage)
            door = _proxy(room, place.far, near, ("--anchor", anchor, *options))
            proxies.append(stack.enter_context(door))
            near = proxies[-1].address
        place = Place(room, place.far, near)
        began_s = time.monotonic()
        code = _run(client, client.words(place), room)
        lasted_s = time.monotonic() - began_s
        report = [each.end() for each in proxies][-1]
        return _voyage(client, place, code, lasted_s, report)


def by_exec(client: Client, room: Path, sky: Sky) -> Voyage:
    """In a network of its own; the server is on the satellite's side, or behind a port of it."""
    with ExitStack() as stack:
        place = _furnish(client, room, sky, stack, own=client.by == "forward")
        port = place.far[1]
        place = Place(room, place.far, (GATEWAY, port))
        if client.by == "forward":
            reach: tuple[str, ...] = ("--forward", f"{port}={_LOOPBACK}:{port}")
        else:
            reach = ("--serve", shlex.join(map(str, client.server(place))))
        words = (*LINKEMU, "exec", CONFIGS / "demo.toml", "--sky", room / "sky", *reach)
        code = _run(client, (*words, "--json", room / "report", "--", *client.words(place)), room)
        assert (room / "report").exists(), (room / "errors").read_text()
        report = json.loads((room / "report").read_text())
        return _voyage(client, place, code, report["end_s"], report)


def _voyage(client: Client, place: Place, code: int, lasted_s: float, report: dict[str, Any]) -> Voyage:
    try:
        arrived: bytes | None = client.arrived(place)
    except (FileNotFoundError, ValueError):
        arrived = None
    said, errors, served = (place.room / each for each in ("said", "errors", "served"))
    told = served.read_text() if served.exists() else ""
    payload = place.file.read_bytes()
    return Voyage(code, lasted_s, said.read_text(), errors.read_text(), told, arrived, payload, report)


def _furnish(client: Client, room: Path, sky: Sky, stack: ExitStack, own: bool = True) -> Place:
    """File, directories and sky; and the server if it is ``own`` to this machine, listening."""
    sky.save(room / "sky")
    kind = socket.SOCK_DGRAM if client.doors == ("udp",) else socket.SOCK_STREAM
    far = (_LOOPBACK if own else "0.0.0.0", doors.free_port(kind))
    place = Place(room, far, far)
    for directory in (place.there, place.here):
        directory.mkdir()
    place.file.write_bytes(random.Random(client.name).randbytes(client.size))
    client.prepare(place)
    if own:
        process = stack.enter_context(_server(client.server(place), room / "served"))
        ready = doors.eventually(lambda: process.poll() is not None or _serves(client, place), 60.0)
        assert ready and process.poll() is None, (room / "served").read_text()
    return place


@contextmanager
def _server(words: tuple[object, ...], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    with said.open("w") as output:
        process = subprocess.Popen([*map(str, words)], cwd=ROOT, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _serves(client: Client, place: Place) -> bool:
    """Whether its port is taken in the way that it should be: asked of the kernel, no connection is made."""
    table = "udp" if client.doors == ("udp",) else "tcp"
    state = "07" if table == "udp" else "0A"  # unconnected; listening
    rows = [row.split() for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return any(int(row[1].rpartition(":")[2], 16) == place.far[1] and row[3] == state for row in rows)


def _run(client: Client, words: tuple[object, ...], room: Path) -> int:
    """The command's exit code, -9 if the test's patience has ended it."""
    environment = {**os.environ, **dict(client.environment), "no_proxy": "*"}
    with (room / "said").open("w") as said, (room / "errors").open("w") as errors:
        process = subprocess.Popen(
            [*map(str, words)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=errors,
            start_new_session=True,
        )
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()


@dataclass
class _Proxy:
    process: subprocess.Popen[str]
    address: tuple[str, int]

    def end(self) -> dict[str, Any]:
        """By Ctrl-C, as a person does; its report."""
        self.process.send_signal(signal.SIGINT)
        out, errors = self.process.communicate(timeout=30)
        assert self.process.returncode in (0, 130), errors
        report: dict[str, Any] = json.loads(out)
        return report


@contextmanager
def _proxy(
    room: Path, far: tuple[str, int], near: tuple[str, int], options: tuple[str, ...]
) -> Iterator[_Proxy]:
    ends = ("--listen", f"{near[0]}:{near[1]}", "--to", f"{far[0]}:{far[1]}")
    words = ("proxy", "--sky", room / "sky", *ends, "--json", *options)
    process = subprocess.Popen(
        [*LINKEMU, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        listening = re.search(r"listening on \w+ ([\d.]+):(\d+), to", line)
        assert listening, line
        yield _Proxy(process, (listening[1], int(listening[2])))
    finally:
        process.kill()
        process.communicate()
