"""The same uploader, fit for a link that comes and goes.

What has changed, each for an outage that `naive` didn't live through:

- it asks where the file ends and goes on from there, instead of beginning again: light may never last long
  enough for the whole of it;
- it waits for an answer once in a large piece, as the way may take a second; what has arrived of a piece
  counts, as the server keeps bytes as they come;
- whatever breaks, times out or is refused is tried again, with a pause, for as long as the sky may take;
- it believes nothing but the digest of what has arrived.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import time

PIECE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16  # SILENCE_S counts for each
SILENCE_S = 4.0  # of one connection; then a new one is tried
PAUSE_S = 0.2


def upload(host: str, port: int, name: str, data: bytes, *, patience_s: float = 90.0) -> None:
    """TimeoutError if the file is not there after ``patience_s``."""
    end_s = time.monotonic() + patience_s
    while True:
        try:
            if _attempt(host, port, f"/{name}", data):
                return
        except (OSError, http.client.HTTPException):
            time.sleep(PAUSE_S)
        if time.monotonic() > end_s:
            raise TimeoutError(f"{name} has not arrived within {patience_s:g} s")


def _attempt(host: str, port: int, path: str, data: bytes) -> bool:
    """As far as one connection leads; True once the server holds the same bytes."""
    connection = http.client.HTTPConnection(host, port, timeout=SILENCE_S, blocksize=BLOCK_BYTES)
    try:
        offset = int(_ask(connection, "HEAD", path)["Upload-Offset"])
        while offset < len(data):
            piece = data[offset : offset + PIECE_BYTES]
            told = {"Upload-Offset": str(offset), "Content-Length": str(len(piece))}
            _ask(connection, "PATCH", path, io.BytesIO(piece), told)
            offset += len(piece)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return _ask(connection, "GET", path)["Content-Digest"] == f"sha-256=:{digest}:"
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: io.BytesIO | None = None,
    headers: dict[str, str] | None = None,
) -> http.client.HTTPMessage:
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    response.read()
    if response.status >= 300:
        raise ConnectionError(f"the server answered {response.status}")
    return response.headers
