"""Doors beside a run: an operator's live fault acts on them as on its nodes, and they are recorded too."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from linkemu.access.heard import Heard
from linkemu.access.imposed import Standings
from linkemu.link.overlay import outage
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from linkemu.record import opening
from linkemu.runtime.records import Records
from linkemu.schedule import Schedule
from tests import one_pass

LINKEMU = (sys.executable, "-m", "linkemu.cli.main")
DOOR = """
[[door]]
id = "web"
to = "127.0.0.1:TO"
"""
MS = 10**6


def test_what_is_heard_acts_at_the_emulators_slots(tmp_path: Path) -> None:
    """Imposed, lifted early, and half a line that is still being written."""
    sky = Sky.of(*(constant("g", "s", way, 10**7, 0.005, 5.0) for way in Direction))
    key, records, standings = (0, Direction.UP), Records(tmp_path), Standings(sky)
    early = outage(100 * MS, 200 * MS, "early")
    records.keep_overlays([(key, early)])
    heard = Heard(records.overlays_file, Schedule.of(sky))
    heard.catch_up(standings)
    assert standings.journal() == [(key, early)]
    late, ended = outage(1050 * MS, None, "late"), outage(1050 * MS, 1400 * MS, "late")
    records.keep_overlays([(key, late)])
    assert heard.hear(standings, 1010 * MS) == {0}
    assert standings[key].lights == [(0, 100 * MS), (200 * MS, 1050 * MS)]
    assert heard.hear(standings, 1020 * MS) == set()
    with records.overlays_file.open("a") as file:
        file.write('{"overlays": [')
    assert heard.hear(standings, 1030 * MS) == set()
    records.overlays()  # an emulator that starts again cuts it off
    records.keep_overlays([(key, ended)])
    assert heard.hear(standings, 1360 * MS) == {0}
    assert standings[key].lights[-1][0] == 1400 * MS
    assert standings.journal()[1:] == [(key, late), (key, ended)]


def test_what_is_heard_too_late_begins_at_the_next_edge(tmp_path: Path) -> None:
    sky = Sky.of(*(constant("g", "s", way, 10**7, 0.005, 5.0) for way in Direction))
    records, standings = Records(tmp_path), Standings(sky)
    heard = Heard(records.overlays_file, Schedule.of(sky))
    heard.catch_up(standings)
    records.keep_overlays([((0, Direction.DOWN), outage(1000 * MS, 2000 * MS, "x"))])
    heard.hear(standings, 1500 * MS + 1)
    assert standings[0, Direction.DOWN].lights == [(0, 1501 * MS), (2000 * MS, 5000 * MS)]


@pytest.mark.acceptance
@pytest.mark.timeout(150)
def test_a_live_fault_reaches_the_doors_and_replays(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        came = threading.Event()
        threading.Thread(target=_drain, args=(server, came), daemon=True).start()
        place = tmp_path / "doors.toml"
        door = DOOR.replace("TO", str(server.getsockname()[1]))
        place.write_text(one_pass.text(9, door))
        one = _run(tmp_path, "run", place, "one", struck_after=came)
        two = _run(tmp_path, "replay", tmp_path / "one", "two")
    (fault, _) = one.played.faults
    assert (fault["rate_cap_bps"], fault["end_ns"] - fault["start_ns"]) == (0, 500 * MS)
    assert two.played.faults == one.played.faults
    for record in (one, two):
        assert set(record.traces()) == {"iss", "koganei", "sky", "doors"}
        assert next(event["what"] for event in record.trace("doors").events) == "opened"
        (report,) = record.document("reports")
        edges = report["ways"][0]["edges"]
        assert fault["start_ns"] / 1e9 in {edge["end_s"] for edge in edges}, edges
        assert fault["end_ns"] / 1e9 in {edge["start_s"] for edge in edges}, edges


def _run(
    room: Path, command: str, what: Path, name: str, struck_after: threading.Event | None = None
) -> opening.Record:
    """Run it with one client that sends all the time, strike it with an outage; what was recorded."""
    words = [command, what, "--dir", room / f"{name}-run", "--record", room / name, "--json"]
    with subprocess.Popen(
        [*LINKEMU, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stderr is not None
            line = next(each for each in run.stderr if each.startswith("door web"))
            client = threading.Thread(target=_push, args=(line,), daemon=True)
            client.start()
            if struck_after is not None:
                assert struck_after.wait(30)
                _strike(room / f"{name}-run")
            _, said = run.communicate(timeout=60)
            client.join(20)
        finally:
            run.kill()
    assert run.returncode == 0, said
    return opening.load(room / name)


def _strike(directory: Path) -> list[dict[str, Any]]:
    words = ("fault", "--kind", "outage", "--for", "500 ms", "--dir", str(directory), "--json")
    done = subprocess.run([*LINKEMU, *words], capture_output=True, text=True, timeout=30, check=True)
    effective: list[dict[str, Any]] = json.loads(done.stdout)["effective"]
    return effective


def _push(line: str) -> None:
    host, _, port = line.split()[3].rstrip(",").rpartition(":")
    with socket.create_connection((host, int(port)), 20) as client, suppress(OSError):
        while True:
            client.sendall(bytes(1 << 16))


def _drain(server: socket.socket, came: threading.Event) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client, suppress(OSError):
            while client.recv(1 << 16):
                came.set()
