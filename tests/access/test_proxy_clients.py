"""Real clients that know nothing of linkemu, through the proxy and an outage in mid-transfer."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doors import ROOT, door, eventually, sky

pytestmark = pytest.mark.acceptance
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
DARK = [(0.3, 0.8)]


class Store(http.server.BaseHTTPRequestHandler):
    """PUT keeps a body, GET gives a file back, from a byte on if it is asked so."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]

    def do_PUT(self) -> None:
        self.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        body = self.files[self.path]
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        self.wfile.write(body[begin:])

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Shop(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A connection that the outage has reset is what the test is about."""


@contextmanager
def store() -> Iterator[tuple[tuple[str, int], dict[str, bytes]]]:
    handler = type("Shelf", (Store,), {"files": {}})
    with Shop(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield ("127.0.0.1", server.server_address[1]), handler.files  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def curl(*arguments: object) -> None:
    command = ["curl", "-sS", "--fail", "--max-time", "60", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "no_proxy": "*"})


def resumed(part: Path, url: str) -> bool:
    try:
        curl("-C", "-", "-o", part, url)
    except subprocess.CalledProcessError:
        return False
    return True


@needs_curl
@pytest.mark.parametrize("outage", ["hold", "arq"])
def test_curl_puts_a_file_through_an_outage(tmp_path, outage):
    data = os.urandom(8_000_000)
    (tmp_path / "file").write_bytes(data)
    played = sky(80_000_000, dark=DARK, erased=[(slot, 5) for slot in range(100, 2000, 50)])
    with store() as (far, files), door(tmp_path, played, far, outage=outage) as way:
        curl("-T", tmp_path / "file", f"http://127.0.0.1:{way.address[1]}/file")
        report = way.finish()
    assert hashlib.sha256(files["/file"]).digest() == hashlib.sha256(data).digest()
    assert len(report.ways[0].edges) > 1 or report.ways[0].edges[0].start_s >= DARK[0][1]


@needs_curl
def test_curl_resumes_what_an_outage_has_broken_off(tmp_path):
    data = os.urandom(4_000_000)
    part: Path = tmp_path / "part"
    played = sky(80_000_000, dark=[(0.4, 1.5)])
    with store() as (far, files), door(tmp_path, played, far, outage="reset:300ms") as way:
        files["/file"] = data
        url = f"http://127.0.0.1:{way.address[1]}/file"
        with pytest.raises(subprocess.CalledProcessError):
            for _ in range(20):  # one of them is under way when the light ends
                curl("-o", part, url)
        assert len(part.read_bytes()) < len(data)
        assert eventually(lambda: resumed(part, url))  # the outage may cost another attempt
        assert way.finish().reset >= 1
    assert part.read_bytes() == data
