"""The bus as a program sees it: publish and forget, subscribe and iterate.

Publishing never waits: what the bus can't carry away it drops, telemetry first and oldest first, while of
each retained topic the newest message is kept until it is delivered. Data never depends on the bus (law 2 of
the link): with no broker there is NullBus, under the virtual clock MemoryBus, else linkemu.runtime.mqtt's.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Payload = bytes | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """One message as it came."""

    topic: str
    payload: bytes
    retained: bool = False  # it was kept by the broker from before the subscription


class Bus(Protocol):
    """What nodes and the emulator are given."""

    def publish(self, topic: str, payload: Payload, retain: bool = False) -> None:
        """Hand a message over and return at once. Mappings are sent as JSON."""
        ...

    def subscribe(self, topic_filter: str) -> AsyncIterator[Note]:
        """Messages that match (``+`` one level, ``#`` the rest), retained ones first, until closed."""
        ...

    async def close(self) -> None:
        """Deliver what a short while allows, and end."""
        ...


def as_bytes(payload: Payload) -> bytes:
    """The bytes on the wire."""
    if isinstance(payload, bytes):
        return payload
    return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()


def matches(topic_filter: str, topic: str) -> bool:
    """Whether ``topic`` falls under an MQTT filter (MQTT 3.1.1, section 4.7)."""
    levels = topic.split("/")
    wanted = topic_filter.split("/")
    for place, part in enumerate(wanted):
        if part == "#":
            return True
        if place >= len(levels) or part not in ("+", levels[place]):
            return False
    return len(levels) == len(wanted)


class Inbox:
    """Notes for one subscriber, bounded: when it doesn't keep up, the oldest go, and are counted."""

    def __init__(self, topic_filter: str, limit: int = 10_000) -> None:
        self.topic_filter = topic_filter
        self.dropped = 0
        self._notes: deque[Note] = deque()
        self._limit = limit
        self._came = asyncio.Event()
        self._closed = False

    def put(self, note: Note) -> None:
        if len(self._notes) >= self._limit:
            self._notes.popleft()
            self.dropped += 1
        self._notes.append(note)
        self._came.set()

    def close(self) -> None:
        self._closed = True
        self._came.set()

    async def notes(self) -> AsyncIterator[Note]:
        """Each note once, until closed."""
        while True:
            while self._notes:
                yield self._notes.popleft()
            if self._closed:
                return
            self._came.clear()
            await self._came.wait()


class NullBus:
    """No bus: messages go nowhere and none comes."""

    def publish(self, topic: str, payload: Payload, retain: bool = False) -> None:
        as_bytes(payload)  # a message that is no JSON is a mistake with or without a broker

    async def subscribe(self, topic_filter: str) -> AsyncIterator[Note]:
        nothing: tuple[Note, ...] = ()
        for note in nothing:
            yield note

    async def close(self) -> None:
        return None


class MemoryBus:
    """A bus within one process and one event loop, as under the virtual clock. Keeps retained messages."""

    def __init__(self) -> None:
        self.count = 0
        self._retained: dict[str, bytes] = {}
        self._inboxes: list[Inbox] = []

    def publish(self, topic: str, payload: Payload, retain: bool = False) -> None:
        data = as_bytes(payload)
        self.count += 1
        if retain and data:
            self._retained[topic] = data
        elif retain:
            self._retained.pop(topic, None)
        for inbox in self._inboxes:
            if matches(inbox.topic_filter, topic):
                inbox.put(Note(topic, data))

    async def subscribe(self, topic_filter: str) -> AsyncIterator[Note]:
        inbox = Inbox(topic_filter)
        for topic, data in self._retained.items():
            if matches(topic_filter, topic):
                inbox.put(Note(topic, data, retained=True))
        self._inboxes.append(inbox)
        try:
            async for note in inbox.notes():
                yield note
        finally:
            self._inboxes.remove(inbox)

    async def close(self) -> None:
        for inbox in self._inboxes:
            inbox.close()
