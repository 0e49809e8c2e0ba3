"""Server-sent events over ASGI, until the client is gone: https://html.spec.whatwg.org/multipage/server-sent-events.html

The client's going is heard from the server and not found out by writing, as a lease ends with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.types import Receive, Scope, Send

from linkemu.access.line import Document

_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class Stream:
    """A response whose ``events`` are sent as they come; ``ended`` is awaited whatever ends it."""

    def __init__(self, events: AsyncIterator[Document], ended: Callable[[], Awaitable[None]]) -> None:
        self._events = events
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b": linkemu\n\n", "more_body": True})
            telling = asyncio.create_task(self._tell(send), name="events")
            leaving = asyncio.create_task(_left(receive), name="client leaves")
            try:
                await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (telling, leaving):
                    task.cancel()
                await asyncio.gather(telling, leaving, return_exceptions=True)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._ended()))

    async def _tell(self, send: Send) -> None:
        async for event in self._events:
            data = json.dumps(event, allow_nan=False)
            text = f"event: {event['event']}\ndata: {data}\n\n"
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
