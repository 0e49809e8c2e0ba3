"""The uploader that everybody writes first: one request, one time limit, no second thought."""

from __future__ import annotations

import http.client

PATIENCE_S = 4.0


def upload(host: str, port: int, name: str, data: bytes) -> None:
    """OSError or HTTPException if anything at all goes wrong on the way."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("PUT", f"/{name}", data)
        status = connection.getresponse().status
        if status >= 300:
            raise ConnectionError(f"the server answered {status}")
    finally:
        connection.close()
