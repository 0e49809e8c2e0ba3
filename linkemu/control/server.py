"""The control API's server: a thread with a loop of its own beside whatever a command waits for.

It listens on loopback only, and knows its token before anybody can connect. The data plane is a process of
its own, so nothing that is asked here makes a byte late but what the data plane itself does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import secrets
import socket
import threading
from pathlib import Path
from typing import Self

from linkemu.access.settings import Address, spoken
from linkemu.control import api, toxiproxy
from linkemu.control.wire import Wire
from linkemu.errors import InputError, ResourceError
from linkemu.link.timeline import Sky
from linkemu.runtime.web import Server, listen

_START_S = 10.0
_MOST_CONNECTIONS = 256  # a stream of events holds one


class Control:
    """Order of calls: construct (binds, ResourceError if it can't), ``start``, ``close``; or ``with``."""

    def __init__(self, address: Address, *, toxiproxy_address: Address | None = None) -> None:
        """InputError unless the addresses are loopback: whoever can connect could change the link."""
        self.token = secrets.token_urlsafe(24)
        self._listener = _bind(address, "--control")
        self._toxiproxy = None
        if toxiproxy_address is not None:
            try:
                self._toxiproxy = _bind(toxiproxy_address, "--toxiproxy")
            except BaseException:
                self._listener.close()
                raise
        self.url = f"http://{spoken(self._listener.getsockname()[:2])}"
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()

    @property
    def toxiproxy_url(self) -> str | None:
        return None if self._toxiproxy is None else f"http://{spoken(self._toxiproxy.getsockname()[:2])}"

    def start(self, desk: socket.socket, sky: Sky) -> None:
        """Serve the data plane at the other end of ``desk``; returns once requests are answered."""
        links = {f"{link.station}:{link.satellite}": number for number, link in enumerate(sky.links)}
        own = desk.dup()  # whoever gave it may close it at any time
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(own, links)), name="control", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise ResourceError("control", f"doesn't answer within {_START_S:.0f} s")

    def start_apart(self, sky: Sky) -> socket.socket:
        """Serve a data plane that is yet to be started; returns the end of the channel for it."""
        ours, theirs = socket.socketpair()
        with ours:
            self.start(ours, sky)
        return theirs

    def save(self, path: Path) -> None:
        """Write address and token where only the user may read them, as ``linkemu.client`` takes them."""
        try:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump({"url": self.url, "token": self.token}, file)
        except OSError as error:
            raise ResourceError(str(path), error.strerror or str(error)) from None

    def close(self) -> None:
        """Answer no more; streams are ended."""
        if self._thread is not None and self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # its loop has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        for listener in (self._listener, self._toxiproxy):
            if listener is not None:
                listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _serve(self, desk: socket.socket, links: dict[str, int]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        wire = Wire(desk)
        doors = [(api.application(wire, links, self.token), self._listener)]
        if self._toxiproxy is not None:
            doors.append((toxiproxy.application(wire, links), self._toxiproxy))
        servers = [(Server(each, most_connections=_MOST_CONNECTIONS), listener) for each, listener in doors]
        try:
            async with asyncio.TaskGroup() as group:
                for server, listener in servers:
                    group.create_task(server.serve(sockets=[listener]), name="http")
                self._ready.set()
                await self._stopping.wait()
                wire.close()  # which ends every stream
                for server, _ in servers:
                    server.should_exit = True
        finally:
            wire.close()


def _bind(address: Address, where: str) -> socket.socket:
    host, port = address
    numeric = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(numeric).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InputError(where, f"{host} is not a loopback address, such as 127.0.0.1 or [::1]")
    return listen((numeric, port), where)
