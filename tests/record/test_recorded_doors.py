"""Two clients that know nothing of us, each anchored to its first byte, meet one and the same sky."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.record import difference, opening
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

RATE_BPS = 16_000_000
DARK = [(0.6, 1.0, Cause.CLOUD), (1.6, 1.8, Cause.FAULT)]
ERASED = [(200, 20), (450, 3), (1300, 45), (2050, 150), (2500, 7)]
SIZE = 4_000_000  # 2 s of light: every outage falls into the transfer
BOUND_S = 0.05  # 2 ms on a quiet machine: bench/anchored.py


def sky() -> Sky:
    return Sky.of(
        *(constant("g", "s", way, RATE_BPS, 0.005, 4.0, dark=DARK, erased=ERASED) for way in Direction)
    )


@contextmanager
def sink() -> Iterator[tuple[str, list[int]]]:
    """An HTTP server that takes uploads; its address, and the sizes that it got."""
    got: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            rest = int(self.headers["Content-Length"])
            got.append(rest)
            while rest:
                rest -= len(self.rfile.read(min(rest, 65536)))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def by_curl(address: str, payload: Path) -> None:
    command = ["curl", "-sS", "-f", "-H", "Expect:", "-T", str(payload), f"http://{address}/up"]
    subprocess.run(command, check=True, timeout=60)


def by_python(address: str, payload: Path) -> None:
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("PUT", "/up", payload.read_bytes())
    assert connection.getresponse().status == 201
    connection.close()


def played(what: Path, record: Path, to: str, client: Callable[[str], None]) -> opening.Record:
    """Let a client through the door of ``linkemu proxy``, which plays and records; what it recorded."""
    command = [sys.executable, "-m", "linkemu.cli.main", "proxy", str(what), "--to", to, "--json"]
    options = ["--anchor", "first-byte", "--record", str(record)]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as door:
        try:
            assert door.stderr is not None
            line = door.stderr.readline()
            assert line.startswith("listening on tcp "), line
            client(line.split()[3].rstrip(","))
            out, _ = door.communicate(timeout=60)  # the sky ends
        finally:
            if door.poll() is None:
                door.send_signal(signal.SIGKILL)
    assert json.loads(out)["connections"] == 1
    return opening.load(record)


def test_two_clients_meet_the_same_erased_slots_and_edges(tmp_path: Path) -> None:
    Recording.begin(tmp_path / "sky", "test", Played(sky()), Pace()).finish()
    payload = tmp_path / "payload"
    payload.write_bytes(b"\x5a" * SIZE)
    with sink() as (to, got):
        one = played(tmp_path / "sky", tmp_path / "curl", to, lambda at: by_curl(at, payload))
        two = played(tmp_path / "sky", tmp_path / "python", to, lambda at: by_python(at, payload))
    assert got == [SIZE, SIZE]

    for record in (one, two):
        events = record.trace("sky").events
        up = [(e["slot"], e["count"]) for e in events if e["what"] == "erased" and e["who"].endswith(" up")]
        assert up == ERASED
        assert events[0]["digest"] == sky().digest()
        assert [e["what"] for e in record.trace("doors").events] == ["opened", "closed"]
    assert one.trace("sky").digest == two.trace("sky").digest

    found = difference.compare(one, two, within_s=BOUND_S)
    assert found.compared_traces == ("sky",)
    assert (found.records, found.outages, found.sky_is_same) == ((), (), True)
    assert [each for each in found.edges if " up," in each.subject] == []


def test_a_recorded_proxy_opens_its_doors_again(tmp_path: Path) -> None:
    """linkemu replay DIR: the door, its anchor and its server are those of the run."""
    Recording.begin(tmp_path / "sky", "test", Played(sky()), Pace()).finish()
    payload = tmp_path / "payload"
    payload.write_bytes(b"\x5a" * 100_000)
    with sink() as (to, got):
        first = played(tmp_path / "sky", tmp_path / "one", to, lambda at: by_python(at, payload))
        command = [sys.executable, "-m", "linkemu.cli.main", "replay", str(tmp_path / "one"), "--for", "1 s"]
        with subprocess.Popen(
            [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as door:
            try:
                assert door.stderr is not None
                by_python(door.stderr.readline().split()[3].rstrip(","), payload)
                out, _ = door.communicate(timeout=60)
            finally:
                if door.poll() is None:
                    door.send_signal(signal.SIGKILL)
    assert got == [100_000, 100_000]
    assert json.loads(out)["connections"] == 1
    assert json.loads(out)["at_s"] < 2.0, "only a second of the sky was played"
    assert first.manifest.command == "proxy"
