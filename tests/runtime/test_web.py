"""HTTP doors: what is listened on, and that no small answer waits for the acknowledgement of another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse

from linkemu.errors import ResourceError
from linkemu.runtime import web


def far_end(client: socket.socket) -> socket.socket:
    """The other end of a connection within this process."""
    for path in list(Path("/proc/self/fd").iterdir()):
        if not path.is_socket():
            continue
        end = socket.socket(fileno=os.dup(int(path.name)))
        with contextlib.suppress(OSError):  # it is not connected
            if end.family == client.family and end.getpeername() == client.getsockname():
                return end
        end.close()
    raise AssertionError("it is in no descriptor of this process")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_door_answers_at_once_and_closes_what_it_listened_on(host: str) -> None:
    listener = web.listen((host, 0), "door")
    address = listener.getsockname()[:2]
    door = asyncio.create_task(web.serve(PlainTextResponse("hello"), listener))
    where = f"[{host}]" if ":" in host else host
    async with httpx.AsyncClient() as client, client.stream("GET", f"http://{where}:{address[1]}/") as answer:
        own = answer.extensions["network_stream"].get_extra_info("socket")
        with far_end(own) as far:
            assert far.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert await answer.aread() == b"hello"
    door.cancel()
    with pytest.raises(asyncio.CancelledError):
        await door
    assert listener.fileno() == -1


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")])
def test_an_address_in_use_is_told_in_one_line(host: str, told: str) -> None:
    with web.listen((host, 0), "door") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=rf"^door {told}:{port}: Address already in use$"):
            web.listen((host, port), "door")
