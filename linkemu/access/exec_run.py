"""The user's side of ``linkemu exec``: starts the house on a leash, forwards chosen services, tells the end.

This process stays in the machine's own network, and is the only one that could reach it: a forwarded port is
a listener of the gateway's network, handed over as a descriptor, whose connections are opened here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from linkemu.access.exec_capture import Capture, Captured
from linkemu.access.exec_order import Forward, Granted, Order
from linkemu.errors import ResourceError
from linkemu.link.channel import default_queue_bytes
from linkemu.link.delay import DelayCurve
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.record.played import Row
from linkemu.runtime.leash import leash
from linkemu.runtime.stopping import Stopping

_LARGEST = 1 << 18
_CHUNK = 1 << 18
_LEAST_BUFFER, _MOST_BUFFER = 16 << 20, 1 << 30
_MODULE = "linkemu.access.exec_house"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command ended, and what the link did meanwhile (None: it was never there)."""

    code: int
    granted: Granted | None
    report: dict[str, Any] | None
    faults: tuple[Row, ...] = ()  # all live ones, as they took effect
    captured: Captured | None = None


def run(
    order: Order,
    sky: Sky,
    control: socket.socket | None = None,
    capture: Capture | None = None,
    *,
    stopping: Stopping | None = None,
) -> Outcome:
    """Run the order to its end, as who holds the other end of ``control`` (access.desk) changes the link.

    Ctrl-C goes to the command, and what ``stopping`` hears as SIGTERM, with 3 s to obey (exec_init); whatever
    ends this process ends all others. There is no report if it was stopped before there was a link.

    Raises:
        ResourceError: the machine can't do it, with what to change; or the link was killed.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        order = replace(order, buffer_bytes=_buffer_bytes(order, sky))
        outcome = asyncio.run(_run(order, sky, control, capture, stopping))
    finally:
        signal.signal(signal.SIGINT, before)
    if outcome.report is None and not (stopping is not None and stopping.asked):
        raise ResourceError("data plane of exec", f"it ended with exit code {outcome.code}, and all with it")
    return outcome


def attempt(order: Order) -> Granted:
    """What the machine grants, tried by building the whole house and no more; ResourceError if it can't."""
    outcome = asyncio.run(_run(order, None))
    if outcome.granted is None:
        raise ResourceError("exec", f"the trial ended with exit code {outcome.code}")
    return outcome.granted


async def _run(
    order: Order,
    sky: Sky | None,
    control: socket.socket | None = None,
    capture: Capture | None = None,
    stopping: Stopping | None = None,
) -> Outcome:
    channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    file = os.memfd_create("sky", os.MFD_CLOEXEC)
    if sky is not None:
        sky.save(Path(f"/proc/self/fd/{file}"))
    writing = None if capture is None or sky is None else await capture.start(sky.links[order.link])
    tap = None if writing is None else writing.tap
    handed = [theirs.fileno(), file, *(-1 if each is None else each.fileno() for each in (control, tap))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", _MODULE, order.to_json(), *map(str, handed)),
        pass_fds=[each for each in handed if each >= 0],
        preexec_fn=leash(),
    )
    if stopping is not None:
        stopping.calls_in_loop(partial(_end, process))
    for each in (control, tap, theirs):
        if each is not None:
            each.close()
    os.close(file)
    with channel:
        channel.setblocking(False)
        answers = _Answers(order.forwards)
        listening = asyncio.create_task(answers.listen(channel), name="answers")
        code = await process.wait()
        await listening
        await answers.close()
    captured = None if writing is None else await writing.end()
    if answers.failed is not None:
        raise ResourceError(*answers.failed)
    code = code if code >= 0 else 128 - code
    return Outcome(code, answers.granted, answers.report, tuple(answers.faults), captured)


def _end(house: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        house.terminate()


def _buffer_bytes(order: Order, sky: Sky) -> int:
    """Enough for a round trip and a full queue; the kernel spends half of a buffer on its own books."""
    ways = [sky.timelines[order.link, direction] for direction in Direction]
    queue_bytes = order.queue_bytes or max(map(default_queue_bytes, ways))
    rate_bps = max(int(way.rate_bps.max()) for way in ways)
    flight_bytes = rate_bps * 2 * max(DelayCurve(way).longest() for way in ways) // (8 * 10**9)
    return min(_MOST_BUFFER, max(_LEAST_BUFFER, 4 * (queue_bytes + flight_bytes)))


class _Answers:
    """What the house says, and the doors that it hands over."""

    def __init__(self, forwards: tuple[Forward, ...]) -> None:
        self.granted: Granted | None = None
        self.report: dict[str, Any] | None = None
        self.faults: list[Row] = []
        self.failed: tuple[str, str] | None = None
        self._forwards = forwards
        self._servers: list[asyncio.Server] = []
        self._relays: set[asyncio.Task[None]] = set()

    async def listen(self, channel: socket.socket) -> None:
        """Until the house has closed its end."""
        while True:
            await _readable(channel)
            data, descriptors, _, _ = socket.recv_fds(channel, _LARGEST, 64)
            if not data:
                return
            message = json.loads(data)
            if "granted" in message:
                self.granted = Granted(**message["granted"])
                await self._open(descriptors)
            self.faults += message.get("faults", ())
            self.report = message.get("report", self.report)
            if "failed" in message:
                resource, problem = message["failed"]
                self.failed = (resource, problem)

    async def close(self) -> None:
        """No new connections; those that the command has left open end here."""
        for server in self._servers:
            server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _open(self, descriptors: list[int]) -> None:
        for forward, descriptor in zip(self._forwards, descriptors, strict=True):
            listener = socket.socket(fileno=descriptor)
            listener.setblocking(False)
            serve = partial(self._accept, forward)
            self._servers.append(await asyncio.start_server(serve, sock=listener, limit=_CHUNK))

    def _accept(self, forward: Forward, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(_relay(forward, reader, writer), name=f"relay of port {forward.port}")
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)


async def _relay(forward: Forward, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves one connection of the gateway with one to the host's service."""
    try:
        far_reader, far_writer = await asyncio.open_connection(forward.host, forward.host_port, limit=_CHUNK)
    except OSError:
        writer.transport.abort()  # the service refuses: so does the gateway
        return
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, far_writer), name="to the host")
            both.create_task(_copy(far_reader, writer), name="from the host")
    except* OSError:  # one end was reset: reset the other
        writer.transport.abort()
        far_writer.transport.abort()
    finally:
        for each in (writer, far_writer):
            each.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


async def _readable(channel: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(channel, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(channel)
