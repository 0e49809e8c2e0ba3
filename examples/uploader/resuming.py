"""The same uploader, fit for a link that comes and goes.

What has changed, each for an outage that `naive` didn't live through:

- it asks where the file ends and goes on from there, instead of beginning again: light may never last long
  enough for the whole of it;
- it sends small pieces, so that little is under way when a connection is lost;
- whatever breaks, times out or is refused is tried again, with a pause, for as long as the sky may take;
- it believes nothing but the digest of what has arrived.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import time

PIECE_BYTES = 1 << 17
SILENCE_S = 3.0  # of one connection; then a new one is tried
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
    connection = http.client.HTTPConnection(host, port, timeout=SILENCE_S)
    try:
        offset = int(_ask(connection, "HEAD", path)["Upload-Offset"])
        while offset < len(data):
            piece = data[offset : offset + PIECE_BYTES]
            _ask(connection, "PATCH", path, piece, {"Upload-Offset": str(offset)})
            offset += len(piece)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return _ask(connection, "GET", path)["Content-Digest"] == f"sha-256=:{digest}:"
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> http.client.HTTPMessage:
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    response.read()
    if response.status >= 300:
        raise ConnectionError(f"the server answered {response.status}")
    return response.headers
