"""What is changed by the control API while a run is recorded comes again in its replay, at the same slots."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from linkemu.access.exec_order import Order
from linkemu.access.exec_run import attempt
from linkemu.client import Every, Link
from linkemu.errors import ResourceError
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.record import opening
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

LINKEMU = (sys.executable, "-m", "linkemu.cli.main")
LASTS_S = 3.0
STANDING = {"link": 0, "direction": "up", "start_ns": 0, "end_ns": None, "name": "override-1"}
SENDER = """
import socket, sys, time
ends = time.monotonic() + 2.5
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("sending", file=sys.stderr, flush=True)
while time.monotonic() < ends:
    out.sendto(bytes(400), ("10.71.0.2", 9000))
    time.sleep(0.002)
"""


def recorded_sky(directory: Path, lasts_s: float) -> Path:
    """A sky with one outage of its own, and a live fault of a run before, whose name is the first given."""
    dark = [(0.3, 0.4, Cause.CLOUD)]
    sky = Sky.of(*(constant("g", "s", way, 10**7, 0.005, lasts_s, dark=dark) for way in Direction))
    faults = ({**STANDING, "delay_added_ns": 1_000_000},)
    Recording.begin(directory, "test", Played(sky, faults=faults), Pace()).finish()
    return directory


def change(control: Path) -> None:
    """Impose and lift by the API: an outage, every other slot of one direction, one that its session ends."""
    with Link.at(control) as link:

        def last(since_s: float, seconds: float = 0.2) -> None:
            until(lambda: link.state()["now_s"] >= since_s + seconds)

        last(0.0, 0.5)
        with link.outage() as outage:
            last(outage.start_s)
        with link.override(direction="up", erasure=Every(2)) as erasure:
            last(erasure.start_s)
        last(link.impose(direction="down", rate="5 Mbit/s").start_s)


@contextmanager
def drained(connections: int) -> Iterator[str]:
    """A server that reads all it is sent."""

    def drain(server: socket.socket) -> None:
        for _ in range(connections):
            client, _ = server.accept()
            with client, suppress(OSError):
                while client.recv(1 << 16):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drain, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def push(line: str) -> None:
    """Send without end through the door that the command has told of, until it closes."""
    host, _, port = line.split()[3].rstrip(",").rpartition(":")
    with socket.create_connection((host, int(port)), 20) as client, suppress(OSError):
        while True:
            client.sendall(bytes(1 << 16))


def through_doors(*words: object, control: Path | None = None) -> None:
    command = [*LINKEMU, *map(str, words), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as door:
        try:
            assert door.stderr is not None
            line = next(each for each in door.stderr if each.startswith("listening"))
            client = threading.Thread(target=push, args=(line,), daemon=True)
            client.start()
            if control is not None:
                change(control)
            door.communicate(timeout=60)
            client.join(20)
        finally:
            door.kill()
    assert door.returncode == 0


def edges(record: opening.Record) -> list[list[tuple[float, float]]]:
    """Where light was asked for in each stretch that carried something, by direction."""
    (report,) = record.document("reports")
    return [[(each["start_s"], each["end_s"]) for each in way["edges"]] for way in report["ways"]]


def by_name(rows: tuple[dict[str, Any], ...]) -> dict[str, list[dict[str, Any]]]:
    return {name: [row for row in rows if row["name"] == name] for name in {row["name"] for row in rows}}


def shows_all(record: opening.Record) -> None:
    """What was changed is there, as it took effect."""
    rows = by_name(record.played.faults)
    assert {name: len(each) for name, each in rows.items()} == {
        "override-1": 1,
        "override-2": 2,
        "override-3": 1,
        "override-4": 1,
    }
    for row in (each for name, each in rows.items() if name != "override-1" for each in each):
        assert row["end_ns"] % 1_000_000 == 0
        assert row["end_ns"] - row["start_ns"] > 100_000_000


def test_a_proxy_changed_by_the_api_replays_as_it_was(tmp_path: Path) -> None:
    source = recorded_sky(tmp_path / "sky", LASTS_S)
    with drained(2) as to:
        asked = ("--to", to, "--anchor", "first-byte", "--control-file", tmp_path / "control")
        through_doors("proxy", source, *asked, "--record", tmp_path / "one", control=tmp_path / "control")
        through_doors("replay", tmp_path / "one", "--record", tmp_path / "two")
    one, two = (opening.load(tmp_path / name) for name in ("one", "two"))
    shows_all(one)
    assert by_name(two.played.faults) == by_name(one.played.faults)
    outage = by_name(one.played.faults)["override-2"][0]
    up, _ = edges(one)
    assert outage["start_ns"] / 1e9 in {end for _, end in up}
    assert edges(two)[0] == up


def test_exec_changed_by_the_api_replays_as_it_was(tmp_path: Path) -> None:
    try:
        attempt(Order(command=()))
    except ResourceError as error:
        pytest.skip(f"exec can't run here: {error}")
    source = recorded_sky(tmp_path / "sky", 60.0)
    control = tmp_path / "control"
    words = ("exec", source, "--record", tmp_path / "one", "--control-file", control)
    command = [*map(str, (*LINKEMU, *words)), "--", sys.executable, "-c", SENDER]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            next(process.stderr)  # where control is
            assert next(process.stderr) == "sending\n"
            change(control)
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == 0, said
    again = ("exec", tmp_path / "one", "--record", tmp_path / "two", "--json", tmp_path / "report")
    command = [*map(str, (*LINKEMU, *again)), "--", sys.executable, "-c", SENDER]
    subprocess.run(command, check=True, timeout=60)
    one, two = (opening.load(tmp_path / name) for name in ("one", "two"))
    shows_all(one)
    assert by_name(two.played.faults) == by_name(one.played.faults)
    up, again_up = edges(one)[0], edges(two)[0]
    outage = by_name(one.played.faults)["override-2"][0]
    assert outage["start_ns"] / 1e9 in {end for _, end in up}
    stretches = sorted({*up[:-1], *again_up[:-1]})  # the last ends with the sender
    assert all(a[1] <= b[0] for a, b in pairwise(stretches)), "a stretch is the other's, or no part of any"
    assert len(set(up[:-1]) & set(again_up[:-1])) >= 2
    told = json.loads((tmp_path / "report").read_text())["directions"][0]
    first = one.document("reports")[0]["ways"][0]
    assert min(told["erased_packets"], first["erased_packets"]) >= 1, "every other slot, for 0.2 s"
