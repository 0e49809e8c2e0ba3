"""Keeps browsers out of a listener without a token: a page could else reach any port of its reader's machine.

They can't leave out an ``Origin`` where it matters, nor send a loopback ``Host`` for a name that was rebound.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class NoBrowser:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            if (
                "origin" in headers
                or headers.get("user-agent", "").startswith("Mozilla/")
                or name not in _HOSTS
            ):
                await PlainTextResponse("User agent not allowed", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)
