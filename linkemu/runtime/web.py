"""HTTP doors: the listening socket, and uvicorn on it, in the event loop of whoever ends it.

The node of a ground station and the control API listen and serve alike; what they answer is theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from linkemu.errors import ResourceError

if TYPE_CHECKING:
    from linkemu.contract import Address

_BACKLOG = 128


def listen(address: Address, name: str) -> socket.socket:
    """A listening socket, port 0: any free one; ResourceError in one line if the address can't be had.

    Its connections send small answers at once, where Nagle's algorithm would hold them back for the client's
    delayed ACK, 40 ms and more: Linux hands TCP_NODELAY down from a listener to what it accepts.
    """
    host, port = address
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise ResourceError(f"{name} {where}", error.strerror or str(error)) from None
    listener.setblocking(False)
    return listener


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: whoever runs the process ends it."""

    def __init__(self, application: ASGIApp, *, most_connections: int | None = None) -> None:
        """Once it is told to end, open requests have a second to do so."""
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            limit_concurrency=most_connections,
            http="h11",
            ws="none",
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(application: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until cancelled; open ones then have a second to end."""
    server = Server(application)
    try:
        await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown(sockets=[listener])
        raise
    finally:
        listener.close()
