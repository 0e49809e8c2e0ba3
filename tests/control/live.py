"""A data plane over a sky written by hand, its control API, and a client of it: all real, all on loopback."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from doors import echo, exactly, server, sky

from linkemu.access.launch import DataPlane
from linkemu.access.settings import Address, Anchor, Door, Proxy
from linkemu.client import Link, Override
from linkemu.control.server import Control
from linkemu.link.timeline import Sky

DELAY_S = 0.005


@dataclass
class World:
    """What a test may touch."""

    plane: DataPlane
    control: Control
    link: Link
    far: Address

    def connect(self, door: str = "door") -> socket.socket:
        return socket.create_connection(self.plane.addresses[door], 20.0)

    def ask(
        self, method: str, path: str, document: object = None, *, token: str | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of a request by hand."""
        body = document if document is None or isinstance(document, str) else json.dumps(document)
        connection = http.client.HTTPConnection(self.control.url.removeprefix("http://"), timeout=20.0)
        try:
            sent = self.control.token if token is None else token
            connection.request(method, path, body, {"Authorization": f"Bearer {sent}"} if sent else {})
            response = connection.getresponse()
            is_endless = response.getheader("content-type") == "text/event-stream"
            text = b"" if is_endless else response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()


@contextmanager
def world(
    far: Address,
    played: Sky | None = None,
    doors: Sequence[Door] = (),
    *,
    toxiproxy: Address | None = None,
    anchor: Anchor = "listen",
) -> Iterator[World]:
    """All of it; everything has ended when the block has."""
    played = played or sky(10**8, DELAY_S, 600.0)
    told = Proxy(Path(), tuple(doors) or (Door(("127.0.0.1", 0), far),), anchor=anchor)
    with Control(("127.0.0.1", 0), toxiproxy_address=toxiproxy) as control:
        plane = DataPlane.start(told, played)
        try:
            control.start(plane.control, played)
            with Link(control.url, control.token) as link:
                yield World(plane, control, link, far)
        finally:
            plane.close()


@pytest.fixture(scope="module")
def echoed() -> Iterator[World]:
    """A world that several tests share, over a server that sends back; each leaves it as it was."""
    with server(echo) as far, world(far.address) as shared:
        yield shared


def standing(link: Link) -> list[Override]:
    """Those that nothing has ended: one that was lifted is shown until its slot's edge, a moment later."""
    return [each for each in link.overrides() if each.end_s is None]


def trip_s(client: socket.socket, data: bytes = b"x") -> float:
    """How long some bytes take there and back."""
    begun_s = time.monotonic()
    client.sendall(data)
    assert exactly(client, len(data)) == data
    return time.monotonic() - begun_s


def sockets() -> set[str]:
    """Those that this process has open, the control API's among them."""
    found: set[str] = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile by another thread
            found.add(str(each.readlink()))
    return {each for each in found if each.startswith("socket:")}
