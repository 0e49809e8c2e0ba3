"""A small server that takes files, with what a client needs to go on after a lost connection.

    HEAD  /NAME                     Upload-Offset: bytes that are here; whoever asks takes the upload over
    PATCH /NAME  Upload-Offset: N   bytes from N on, kept as they come; 409 if N isn't where the file ends
    PUT   /NAME                     the whole file at once; what breaks off is dropped
    GET   /NAME                     Content-Digest: sha-256 of what is here, and no body

Kept in memory: it stands in a test for the server that you have.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE_BYTES = 1 << 14


class Depot(ThreadingHTTPServer):
    """Files by name; ``owner`` counts who has taken an upload over, so that a late byte of an earlier
    connection never lands in the file."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.files: dict[str, bytearray] = {}
        self.owner: dict[str, int] = {}
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is nothing to tell of."""


class Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Depot

    def do_HEAD(self) -> None:
        with self.server.lock:
            self.server.owner[self.path] = self.server.owner.get(self.path, 0) + 1
            size = len(self.server.files.setdefault(self.path, bytearray()))
        self._answer(200, "Upload-Offset", str(size))

    def do_PATCH(self) -> None:
        offset, left = int(self.headers["Upload-Offset"]), int(self.headers["Content-Length"])
        owner = self.server.owner.get(self.path, 0)
        is_taken = True
        while left and (part := self.rfile.read1(min(left, PIECE_BYTES))):
            left -= len(part)
            is_taken = is_taken and self._append(offset, owner, part)
            offset += len(part)
        if left == 0:
            self._answer(204 if is_taken else 409)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) == int(self.headers["Content-Length"]):
            self.server.files[self.path] = bytearray(body)
            self._answer(201)

    def do_GET(self) -> None:
        digest = hashlib.sha256(self.server.files.get(self.path, b"")).digest()
        self._answer(200, "Content-Digest", f"sha-256=:{base64.b64encode(digest).decode()}:")

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _append(self, offset: int, owner: int, part: bytes) -> bool:
        with self.server.lock:
            file = self.server.files.setdefault(self.path, bytearray())
            if len(file) != offset or self.server.owner.get(self.path, 0) != owner:
                return False
            file += part
            return True

    def _answer(self, status: int, key: str = "", value: str = "") -> None:
        self.send_response(status)
        if key:
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def running() -> Iterator[Depot]:
    with Depot() as depot:
        threading.Thread(target=depot.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield depot
        finally:
            depot.shutdown()
