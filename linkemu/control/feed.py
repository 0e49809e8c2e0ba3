"""Events for any number of readers, each at its own pace: a slow one loses the oldest, and is told how many.

Nothing is asked of the data plane while nobody reads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from linkemu.access.line import Document
from linkemu.control.wire import Wire
from linkemu.errors import ResourceError

MOST_READERS = 64
MOST_WAITING = 1024  # events a reader


class Reader:
    """What waits for one reader."""

    def __init__(self) -> None:
        self._waiting: deque[Document] = deque()
        self._left_out = 0
        self._news = asyncio.Event()

    def put(self, event: Document) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._left_out += 1
        self._waiting.append(event)
        self._news.set()

    async def next(self) -> Document:
        """The next event, as soon as there is one."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            return {"event": "left-out", "at_s": self._waiting[0]["at_s"], "count": left_out}
        return self._waiting.popleft()


class Feed:
    """Of one data plane."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._readers: set[Reader] = set()

    async def open(self) -> Reader:
        """One more reader; ``close`` it. ResourceError if there are too many."""
        if len(self._readers) >= MOST_READERS:
            raise ResourceError("events", f"{MOST_READERS} readers are connected already")
        reader = Reader()
        self._readers.add(reader)
        if len(self._readers) == 1:
            try:
                await self._wire.hear(self._tell)
            except BaseException:
                self._readers.discard(reader)  # or nobody would ask again
                raise
        return reader

    async def close(self, reader: Reader) -> None:
        self._readers.discard(reader)
        if not self._readers:
            await self._wire.hear(None)

    def _tell(self, event: Document) -> None:
        for reader in self._readers:
            reader.put(event)


async def events(reader: Reader, kinds: frozenset[str]) -> AsyncIterator[Document]:
    """The events of some kinds, or of all if none is named."""
    while True:
        event = await reader.next()
        if not kinds or event["event"] in kinds or event["event"] == "left-out":
            yield event
