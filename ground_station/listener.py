"""The listening socket of the HTTP door, and uvicorn on it, in the event loop of the node that ends it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from linkemu.contract import Address
from linkemu.errors import ResourceError


def bind(address: Address) -> socket.socket:
    """The listening socket of the door; ResourceError in one line if the address can't be had."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ResourceError(f"http door {host}:{port}", (error.strerror or str(error)).lower()) from error
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: whoever runs the node ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(application: Starlette, listener: socket.socket) -> None:
    """Answer requests until cancelled; open ones then have a second to end."""
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        http="h11",
        ws="none",
    )
    server = _Server(config)
    try:
        await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown(sockets=[listener])
        raise
    finally:
        listener.close()
