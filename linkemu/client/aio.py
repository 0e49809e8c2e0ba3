"""The same for programs under asyncio: each call runs in a thread, blocks are ``async with``.

Questions are few and short, so threads cost nothing that matters here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from linkemu.client.blocks import Scope
from linkemu.client.http import Document
from linkemu.client.link import Link, Override


class AsyncLink:
    """``Link`` with awaitable calls; ``link`` is the blocking one."""

    def __init__(self, url: str, token: str, link: str | None = None) -> None:
        self.link = Link(url, token, link)

    async def __aenter__(self) -> Self:
        self.link.__enter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.link.close)

    async def set(self, **said: Any) -> Override | None:
        return await asyncio.to_thread(self.link.set, **said)

    async def impose(self, **said: Any) -> Override:
        return await asyncio.to_thread(self.link.impose, **said)

    async def lift(self, override: Override | str) -> None:
        await asyncio.to_thread(self.link.lift, override)

    async def reset(self) -> None:
        await asyncio.to_thread(self.link.reset)

    async def state(self) -> Document:
        return await asyncio.to_thread(self.link.state)

    async def report(self) -> list[Document]:
        return await asyncio.to_thread(self.link.report)

    async def enable(self, door: str, wanted: bool = True) -> None:
        await asyncio.to_thread(self.link.enable, door, wanted)

    @asynccontextmanager
    async def override(self, **said: Any) -> AsyncIterator[Override]:
        """For a block; lifted also when the task is cancelled."""
        scope = self.link.override(**said)
        entering = asyncio.ensure_future(asyncio.to_thread(scope.__enter__))
        try:
            yield await asyncio.shield(entering)
        finally:
            await asyncio.shield(_left(scope, entering))

    def outage(self, **said: Any) -> Any:
        """No light for a block: ``async with link.outage():``."""
        return self.override(rate=0, **said)

    async def events(self, *kinds: str) -> AsyncIterator[Document]:
        """What happens from now on."""
        stream = await asyncio.to_thread(self.link.events, *kinds)
        try:
            while (event := await asyncio.to_thread(next, stream, None)) is not None:
                yield event
        finally:
            stream.close()


async def _left(scope: Scope, entering: asyncio.Future[Override]) -> None:
    """Leave a block: of a task that was cancelled while it entered, as soon as it has."""
    await asyncio.wait([entering])
    if entering.exception() is None:
        await asyncio.to_thread(scope.__exit__, None, None, None)
