"""Two clients that know nothing of us, each anchored to its first byte, meet one and the same sky."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from socket import create_connection, create_server

import pytest

from linkemu.access.settings import Door, Proxy
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.record import opening
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from tests.waiting import least

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

BOUND = "20 ms"
BENCH = Path(__file__).parents[2] / "bench" / "anchored.py"
LINKEMU = (sys.executable, "-m", "linkemu.cli.main")
FAULT = {"link": 0, "direction": "up", "start_ns": 0, "end_ns": 400_000_000, "rate_cap_bps": 0}


def test_curl_and_a_python_client_meet_the_same_erased_slots_and_edges() -> None:
    """The bench of it; its bound of 2 ms is for a machine with time to spare."""

    def apart_s() -> float:
        command = (sys.executable, str(BENCH), "--times", "1", "--bound", BOUND, "--json")
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        told = json.loads(done.stdout)
        (row,) = told["pairs"]
        assert told["uploads_whole"]
        assert row["same_erased_slots"]
        assert row["same_sky_trace"]
        assert len(row["outage_edges_s"][0]) >= 4, "two outages of the sky"
        assert row["connections"] == ["opened", "closed"] * 2
        assert done.returncode == (0 if row["within_bound"] else 1)
        return float(row["edges_apart_most_s"])

    assert least(apart_s, 0.02) <= 0.02


def _echoed(line: str) -> bytes:
    """Send a word through the door that the command has told of; what comes back."""
    host, _, port = line.split()[3].rstrip(",").rpartition(":")
    with create_connection((host, int(port)), 20) as client:
        client.sendall(b"word")
        return client.recv(4)


def _through(*arguments: object) -> tuple[bytes, dict[str, object]]:
    """Run the command until its sky ends, with one client; the answer, and the report."""
    command = [*LINKEMU, *map(str, arguments), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as door:
        try:
            assert door.stderr is not None
            answer = _echoed(door.stderr.readline())
            out, _ = door.communicate(timeout=60)
        finally:
            if door.poll() is None:
                door.send_signal(signal.SIGKILL)
    return answer, json.loads(out)


def test_a_recorded_proxy_opens_its_doors_again_under_the_same_faults(tmp_path: Path) -> None:
    """linkemu replay DIR: door, anchor, server and live faults are those of the run."""
    dark = [(1.5, 1.6, Cause.CLOUD)]
    sky = Sky.of(*(constant("g", "s", way, 10**7, 0.005, 2.0, dark=dark) for way in Direction))
    Recording.begin(tmp_path / "sky", "test", Played(sky, faults=(FAULT,)), Pace()).finish()
    with create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server, 2), daemon=True).start()
        to = f"127.0.0.1:{server.getsockname()[1]}"
        asked = ("--to", to, "--anchor", "first-byte", "--record", tmp_path / "one")
        answer, report = _through("proxy", tmp_path / "sky", *asked)
        first = opening.load(tmp_path / "one")
        again, part = _through("replay", tmp_path / "one", "--for", "1 s", "--record", tmp_path / "two")
    assert (answer, again) == (b"word", b"word")
    assert first.manifest.command == "proxy"
    assert first.played.faults == (FAULT,)
    for said in (report, part):
        up = said["ways"][0]  # type: ignore[index]
        assert up["edges"][0]["start_s"] == 0.4, "the fault came first"
    second = opening.load(tmp_path / "two")
    assert part["at_s"] < 2.0  # type: ignore[operator]  # only a second of the sky was played
    assert max(event["t"] for event in second.trace("sky").events) <= 1_000_000_000
    assert second.played.faults == (FAULT,)


REPORTS = """
import sys
from pathlib import Path
from linkemu.access.plane import Plane
from linkemu.access.settings import Proxy
plane = Plane(Proxy.load(Path(sys.argv[1])))
plane.run()
print(*(plane.reports()[0].at_s for _ in range(2)))
"""


def test_a_report_is_of_the_end_of_its_run_however_long_the_disk_takes_then(tmp_path: Path) -> None:
    Sky.of(*(constant("g", "s", way, 10**7, 0.005, 0.2) for way in Direction)).save(tmp_path / "sky")
    door = Door(("127.0.0.1", 0), ("127.0.0.1", 9))
    Proxy(tmp_path / "sky", (door,), record=tmp_path).save(tmp_path / "proxy")
    command = (sys.executable, "-c", REPORTS, str(tmp_path / "proxy"))
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    first, second = map(float, told.split())
    assert first == second >= 0.2


def test_exec_records_and_plays_a_recorded_run(tmp_path: Path) -> None:
    """The ping waits for the end of the recorded fault; what the link did meanwhile is in the trace."""
    runs = [(0.25, 2), (2.5, 3), (2.75, 1)]
    dark = [(start_s, start_s + n / 100, Cause.FAULT) for start_s, n in runs]
    sky = Sky.of(*(constant("g", "s", way, 10**7, 0.005, 20.0, dark=dark) for way in Direction))
    Recording.begin(tmp_path / "sky", "test", Played(sky, faults=(FAULT,)), Pace()).finish()
    command = [*LINKEMU, "exec", str(tmp_path / "sky"), "--record", str(tmp_path / "one")]
    said = subprocess.run(
        [*command, "--", "ping", "-c", "1", "-W", "5", "10.71.0.2"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    record = opening.load(tmp_path / "one")
    assert (record.manifest.command, record.played.faults) == ("exec", (FAULT,))
    (report,) = record.document("reports")
    assert report["ways"][0]["edges"][0]["start_s"] == 0.4, "the fault came first"
    seen = [event["t"] for event in record.trace("sky").events if event["what"] == "dark"]
    assert seen[:2] == [250_000_000] * 2
    assert max(seen) <= report["end_s"] * 1e9
    refused = subprocess.run([*LINKEMU, "replay", str(tmp_path / "one")], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "was recorded by exec" in refused.stderr


def _echo(server, clients: int) -> None:
    for _ in range(clients):
        client, _ = server.accept()
        with client:
            client.sendall(client.recv(4))
