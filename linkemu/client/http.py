"""HTTP to the control API, by http.client: JSON questions over one connection, and streams over their own.

Refusals become the errors that they were: InputError, AbsentError, ResourceError.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from linkemu.errors import AbsentError, FormatError, InputError, LinkemuError, ResourceError

Document = dict[str, Any]


class Http:
    """May be used by several threads."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in ("", "http") or parts.hostname is None or port is None:
            raise InputError("url", f"{url!r} is not http://HOST:PORT")
        self.url = f"http://{parts.netloc}"
        self._host, self._port = parts.hostname, port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def ask(self, method: str, path: str, document: object = None) -> Document:
        """The answer's object, empty if it has none."""
        body = None if document is None else json.dumps(document)
        with self._lock:
            status, text = self._exchange(method, path, body)
        return _answer(status, text)

    def stream(self, path: str) -> Stream:
        """Server-sent events, over a connection of their own."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.connect()
            sock = connection.sock
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            if response.status != 200:
                _answer(response.status, response.read())
            sock.settimeout(None)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ResourceError(self.url, _words(error)) from None
        except LinkemuError:
            connection.close()
            raise
        return Stream(connection, response, sock)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: str | None) -> tuple[int, bytes]:
        """Once more over a new connection if the one at hand had been closed while it was idle."""
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        while True:
            is_old = self._connection is not None
            connection = self._connection or http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout_s
            )
            self._connection = None
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                answer = response.status, response.read()
            except (ConnectionError, http.client.RemoteDisconnected) as error:
                connection.close()
                if not is_old:
                    raise ResourceError(self.url, _words(error)) from None
                continue
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise ResourceError(self.url, _words(error)) from None
            self._connection = connection
            return answer


class Stream:
    """Events of one connection; ends when either side closes it, ours also while another thread reads."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, sock: socket.socket
    ) -> None:
        self._connection = connection
        self._response = response
        self._sock = sock

    def __iter__(self) -> Iterator[Document]:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            while line := self._response.readline():  # ValueError, AttributeError: closed meanwhile
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed already
            self._sock.shutdown(socket.SHUT_RDWR)  # a thread that reads holds a lock that ``close`` wants
        self._response.close()
        self._connection.close()


def _answer(status: int, text: bytes) -> Document:
    try:
        document = json.loads(text or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise FormatError(f"the control API answered {status} with {text[:60]!r}")
    if status < 400:
        return document
    where, _, problem = str(document.get("error", status)).partition(": ")
    if status == 404:
        raise AbsentError(where, problem)
    if status in (409, 503):
        raise ResourceError(where, problem)
    raise InputError(where, problem)


def _words(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).lower()
