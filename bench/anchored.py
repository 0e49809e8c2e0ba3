"""Do different clients meet one and the same sky? curl and a Python client through a door that records.

    python bench/anchored.py [--times 5] [--bound "2 ms"] [--json]

Records a sky of 4 s with two outages and five runs of erased slots. Each client in turn uploads 4 MB through
``linkemu proxy RECORD --anchor first-byte --record …``, then the two records are compared. Wanted: the same
erased slots, to the last one, and edges of each outage, as bytes met them, that differ by no more than the
bound. When a client begins and ends is its own affair. Exit code 1 unless it was so each time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

from linkemu import units
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.record import opening
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording

RATE_BPS = 16_000_000
DARK = [(0.6, 1.0, Cause.CLOUD), (1.6, 1.8, Cause.FAULT)]
ERASED = [(200, 20), (450, 3), (1300, 45), (2050, 150), (2500, 7)]
SIZE = 4_000_000  # 2 s of light: every outage falls into the transfer
LINKEMU = (sys.executable, "-m", "linkemu.cli.main")


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
            size = rest = int(self.headers["Content-Length"])
            while rest:
                rest -= len(self.rfile.read(min(rest, 65536)))
            got.append(size)
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
    if connection.getresponse().status != 201:
        raise ConnectionError("the upload was refused")
    connection.close()


def played(what: Path, record: Path, to: str, client: Callable[[str], None]) -> opening.Record:
    """Let a client through the door that plays and records; what was recorded."""
    options = ["--to", to, "--anchor", "first-byte", "--record", str(record), "--json"]
    with subprocess.Popen(
        [*LINKEMU, "proxy", str(what), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as door:
        try:
            assert door.stderr is not None
            line = door.stderr.readline()
            if not line.startswith("listening on tcp "):
                raise ConnectionError(line)
            client(line.split()[3].rstrip(","))
            door.communicate(timeout=60)  # the sky ends
        finally:
            if door.poll() is None:
                door.send_signal(signal.SIGKILL)
    return opening.load(record)


def erased(record: opening.Record) -> list[tuple[int, int]]:
    """The runs of erased slots that the door has met on the way up."""
    events = record.trace("sky").events
    return [(e["slot"], e["count"]) for e in events if e["what"] == "erased" and e["who"].endswith(" up")]


def outage_edges(record: opening.Record) -> list[float]:
    """Last light before each outage and first light after it, as bytes on the way up met them."""
    (report,) = record.document("reports")
    (up,) = (way for way in report["ways"] if way["direction"] == "up")
    pairs = pairwise(up["edges"])
    return [moment for before, after in pairs for moment in (before["last_s"], after["first_s"])]


def pair(room: Path, to: str, bound_s: float) -> dict[str, Any]:
    """Both clients, one after the other, and how their records differ."""
    Recording.begin(room / "sky", "test", Played(sky()), Pace()).finish()
    payload = room / "payload"
    payload.write_bytes(b"\x5a" * SIZE)
    one = played(room / "sky", room / "curl", to, lambda at: by_curl(at, payload))
    two = played(room / "sky", room / "python", to, lambda at: by_python(at, payload))
    edges = [outage_edges(each) for each in (one, two)]
    apart_s = [abs(a - b) for a, b in zip(*edges, strict=True)]
    return {
        "same_erased_slots": erased(one) == erased(two) == ERASED,
        "same_sky_trace": one.trace("sky").digest == two.trace("sky").digest,
        "outage_edges_s": edges,
        "edges_apart_most_s": max(apart_s),
        "within_bound": max(apart_s) <= bound_s,
        "connections": [e["what"] for each in (one, two) for e in each.trace("doors").events],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--bound", default="2 ms")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    bound_s = units.duration_s(given.bound)
    rows = []
    with sink() as (to, got):
        for _ in range(given.times):
            with tempfile.TemporaryDirectory(prefix="linkemu-") as room:
                rows.append(pair(Path(room), to, bound_s))
    whole = got == [SIZE] * (2 * given.times)
    if given.json:
        print(json.dumps({"uploads_whole": whole, "pairs": rows}, indent=1))
    else:
        for row in rows:
            print(
                f"same erased slots: {row['same_erased_slots']}, same trace: {row['same_sky_trace']}, "
                f"edges of outages apart at most {row['edges_apart_most_s'] * 1e3:.3f} ms"
            )
    good = (row["same_erased_slots"] and row["same_sky_trace"] and row["within_bound"] for row in rows)
    return 0 if whole and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
