"""The bus over MQTT: a client that outlives its broker, and keeps what a new broker must be told again.

All retained messages of this client are held here and sent anew after every reconnection, since an embedded
broker forgets them when it dies. Everything else is telemetry: queued while short, dropped oldest first. The
last will is spoken by the broker when this process is gone. Nothing here raises for want of a broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt

from linkemu.errors import InputError
from linkemu.runtime.bus import Bus, Inbox, Note, NullBus, Payload, as_bytes, matches

_KEEPALIVE_S = 10  # iotcore refuses 0; a dead peer is noticed after at most 1.5 times this
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_CALL_S = 5.0  # a broker that doesn't acknowledge for so long is left and tried again
_FLUSH_S = 1.0
_NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # without it 44 ms a round trip (Nagle, delayed ACK)

_quiet = logging.getLogger("linkemu.paho")  # paho's own chatter: its errors come to us as MqttError
_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """Where a broker listens: ``mqtt://[user[:password]@]host[:port]``, or ``mqtts://`` over TLS."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """InputError in one line, which never repeats a password, if ``text`` is no such URL."""
        where = f"broker {text.rpartition('@')[2]!r}"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise InputError(where, str(error)) from None
        if parts.scheme not in ("mqtt", "mqtts"):
            raise InputError(where, 'expected a URL such as "mqtt://host:1883" or "mqtts://user@host"')
        if not parts.hostname:
            raise InputError(where, "the URL names no host")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise InputError(where, "nothing may follow host and port")
        tls = parts.scheme == "mqtts"
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or (8883 if tls else 1883), username, password, tls)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says, retained, when this client vanishes without a goodbye."""

    topic: str
    payload: bytes


def connect(url: str | None, client_id: str, will: Will | None = None) -> Bus:
    """A bus to the broker at ``url``; NullBus if there is none. Needs a running loop; returns at once."""
    if url is None:
        return NullBus()
    bus = MqttBus(BrokerUrl.parse(url), client_id, will)
    bus.start()
    return bus


class _Client(aiomqtt.Client):
    """aiomqtt's client, less a race of 2.5.1: it asks the loop to watch a socket for writing one turn later,
    by number. When the socket is closed in between, the number is bad, or already the next connection's.
    """

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        def write() -> None:
            try:
                client.loop_write()
            except OSError as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def watch() -> None:
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(watch)


class MqttBus:
    """A Bus that reconnects for as long as it is open."""

    def __init__(
        self, broker: BrokerUrl, client_id: str, will: Will | None = None, *, queue_limit: int = 1000
    ) -> None:
        self.dropped = 0  # telemetry messages that found no room
        self.connections = 0  # made so far
        self.trouble: str | None = None  # why there is no connection, since the last attempt
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._retained: dict[str, bytes] = {}
        self._pending: dict[str, None] = {}  # retained topics to be sent, oldest change first
        self._telemetry: deque[tuple[str, bytes]] = deque()
        self._queue_limit = queue_limit
        self._inboxes: list[Inbox] = []
        self._wanted: deque[str] = deque()  # filters to subscribe to on this connection
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; once."""
        self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="mqtt")

    def publish(self, topic: str, payload: Payload, retain: bool = False) -> None:
        data = as_bytes(payload)
        if not topic or "+" in topic or "#" in topic:
            raise ValueError(f"{topic!r} is a filter, not a topic")
        if retain:
            self._retained[topic] = data
            self._pending[topic] = None
        else:
            if len(self._telemetry) >= self._queue_limit:
                self._telemetry.popleft()
                self.dropped += 1
            self._telemetry.append((topic, data))
        self._wake()

    async def subscribe(self, topic_filter: str) -> AsyncIterator[Note]:
        inbox = Inbox(topic_filter)
        self._inboxes.append(inbox)
        self._wanted.append(topic_filter)
        self._wake()
        try:
            async for note in inbox.notes():
                yield note
        finally:
            self._inboxes.remove(inbox)

    async def close(self) -> None:
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _FLUSH_S)
        self._task.cancel()
        await asyncio.wait([self._task])
        for inbox in self._inboxes:
            inbox.close()

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            made = self.connections
            try:
                await self._one_connection()
            except (aiomqtt.MqttError, OSError, TimeoutError) as error:
                self.trouble = str(error) or "no answer"
            failures = 0 if self.connections > made else failures + 1
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])

    async def _one_connection(self) -> None:
        """Connect and carry messages both ways, until the connection fails."""
        async with self._client() as client:
            self.connections += 1
            self.trouble = None
            self._pending = dict.fromkeys(self._retained)
            self._wanted = deque(dict.fromkeys(inbox.topic_filter for inbox in self._inboxes))
            self._wake()
            sending = asyncio.create_task(self._send(client), name="mqtt-send")
            receiving = asyncio.create_task(self._receive(client), name="mqtt-receive")
            try:
                await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, receiving):
                    task.cancel()
                await asyncio.wait((sending, receiving))
            for task in (sending, receiving):
                if not task.cancelled():
                    task.result()

    def _client(self) -> _Client:
        will = None
        if self._will is not None:
            will = aiomqtt.Will(self._will.topic, self._will.payload, qos=1, retain=True)
        return _Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            identifier=self._client_id,
            will=will,
            keepalive=_KEEPALIVE_S,
            timeout=_CALL_S,
            tls_context=ssl.create_default_context() if self._broker.tls else None,
            socket_options=_NODELAY,
            logger=_quiet,
        )

    async def _send(self, client: _Client) -> None:
        while True:
            if self._wanted:
                await client.subscribe(self._wanted[0], qos=1)
                self._wanted.popleft()
            elif self._pending:
                topic = next(iter(self._pending))
                del self._pending[topic]  # a change while it is on its way makes it pending again
                await client.publish(topic, self._retained[topic], qos=1, retain=True)
                if not self._retained[topic] and topic not in self._pending:
                    del self._retained[topic]
            elif self._telemetry:
                topic, data = self._telemetry.popleft()
                await client.publish(topic, data, qos=0)
            else:
                self._idle.set()
                self._work.clear()
                await self._work.wait()

    async def _receive(self, client: _Client) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            note = Note(message.topic.value, payload, bool(message.retain))
            for inbox in self._inboxes:
                if matches(inbox.topic_filter, note.topic):
                    inbox.put(note)
