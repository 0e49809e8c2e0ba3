"""The client of a station's door against doors that refuse, break off or talk nonsense."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.cli.crossed import share
from linkemu.cli.crossing import state
from linkemu.cli.stationdoor import Custody, Sight, StationDoor
from linkemu.errors import FormatError, InputError, IntegrityError, LinkemuError, ResourceError

TOLD = {
    "id": "put-1",
    "location": "/custody/put-1",
    "action": "put",
    "satellite": "iss",
    "name": "a b.bin",
    "state": "sending",
    "problem": None,
    "size_bytes": 10,
    "done_bytes": 4,
    "sha256": "00",
    "times": {},
    "next_window": {"start": {"scenario_s": 12.5}},
}


@contextmanager
def door(status=200, body=b"{}", headers=(), *, read_body=True, length=None):
    """A door that gives one answer to everything, and keeps what it was asked."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def answer(self):
            size = int(self.headers.get("Content-Length", 0))
            asked.append(
                (self.command, self.path, dict(self.headers), self.rfile.read(size) if read_body else b"")
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_GET = do_PUT = answer

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield StationDoor("koganei", ("127.0.0.1", server.server_address[1])), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_put_sends_the_bytes_with_their_length_and_digest(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x" * 3_000_000)
    blocks = []
    with door(202, json.dumps(TOLD).encode()) as (client, asked):
        custody = client.put("iss", "dir/a b.bin", file, 3, blocks.append)
    ((method, path, headers, body),) = asked
    assert (method, path) == ("PUT", "/files/iss/dir/a%20b.bin?priority=3")
    assert headers["Content-Length"] == "3000000"
    digest = base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()
    assert headers["Content-Digest"] == f"sha-256=:{digest}:"
    assert body == file.read_bytes()
    assert sum(blocks) == 3_000_000
    assert (custody.id, share(custody), custody.next_window_s) == ("put-1", 0.4, 12.5)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InputError), (404, InputError), (409, InputError), (413, InputError), (507, ResourceError)],
)
def test_a_refusal_says_why_and_whom_it_blames(status, kind, tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x")
    with door(status, b'{"error": "no room"}') as (client, _), pytest.raises(kind, match="no room"):
        client.put("iss", "f", file)


def test_a_refusal_before_all_is_read_is_heard(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x" * 20_000_000)
    refused = door(507, b'{"error": "no space left"}', read_body=False)
    with refused as (client, _), pytest.raises(ResourceError):
        client.put("iss", "f", file)


def test_nobody_there(monkeypatch):
    monkeypatch.setattr("linkemu.cli.stationdoor.RETRY_PAUSES_S", (0.01,))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(
        ResourceError, match=rf"^station koganei at http://127.0.0.1:{port}: connection refused$"
    ):
        StationDoor("koganei", ("127.0.0.1", port)).custodies()


@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
            lambda each: json.dumps(each).encode()
        ),
    )
)
def test_nonsense_is_a_format_error(body):
    with door(200, body) as (client, _), pytest.raises(FormatError):
        client.custody("x")


@pytest.mark.parametrize(("before", "anew"), [("verified", False), ("failed", True)])
def test_an_order_that_failed_is_renewed(before, anew):
    entry = {
        **TOLD,
        "action": "get",
        "state": before,
        "custody": [{**TOLD, "action": "get", "state": before}],
    }
    with door(202, json.dumps(entry).encode()) as (client, asked):
        assert isinstance(client.order("iss", "a b.bin"), Custody)
    (_, path, headers, _) = asked[-1]
    assert path == "/files/iss/a%20b.bin?priority=0"
    assert (headers.get("Cache-Control") == "no-cache") is anew


def test_what_has_landed_is_not_ordered():
    with door(200, b'{"custody": []}') as (client, asked):
        assert client.order("iss", "f", anew=True) is None
        assert asked[-1][2]["Cache-Control"] == "no-cache"


def test_fetch_writes_whole_and_checks(tmp_path):
    content = b"light" * 500_000
    good = hashlib.sha256(content).hexdigest()
    target = tmp_path / "out"
    with door(200, content, [("ETag", f'"{good}"')]) as (client, _):
        assert client.fetch("iss", "f", target) == good
    assert target.read_bytes() == content
    with door(200, content + b"!", [("ETag", f'"{good}"')]) as (client, _), pytest.raises(IntegrityError):
        client.fetch("iss", "f", tmp_path / "bad")
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_fetch_that_breaks_off_leaves_nothing(tmp_path):
    with door(200, b"half", [("ETag", '"00"')], length=1000) as (client, _), pytest.raises(LinkemuError):
        client.fetch("iss", "f", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_is_the_machines_fault(tmp_path):
    with door(200, b"x") as (client, _), pytest.raises(ResourceError, match="nowhere"):
        client.fetch("iss", "f", tmp_path / "nowhere" / "out")


@pytest.mark.parametrize(
    ("sight", "cause", "words"),
    [
        (Sight("iss", 1.0, True, 155_000_000, 0.0), None, "link open, 155.0 Mbit/s"),
        (Sight("iss", 1.0, False, 0, 91.0), "below the mask, known in advance", "next window in 90.0 s"),
        (Sight("iss", 1.0, False, 0, 0.0), "cloud, not known in advance", "cloud, not known in advance"),
        (
            Sight("iss", 1.0, True, 1, 0.0),
            "blocked: cloud, not known in advance",
            "blocked: cloud, not known in advance",
        ),
        (Sight("iss", 1.0, False, 0, 0.0), None, "no light in the window"),
        (Sight("iss", 1.0, False, 0, None), None, "no further window"),
    ],
)
def test_a_link_in_words(sight, cause, words):
    assert state(sight, cause) == words
