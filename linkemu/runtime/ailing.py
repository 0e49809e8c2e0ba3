"""A node with faults of its own: a clock that is wrong, a process that stands still, a disk that fails.

Clock, Terminal and Disk of a node's Context are wrapped in these; the node can't tell. ``live`` keeps a node
under the virtual clock, where to kill is to cancel; processes are killed and frozen by runtime.warden.
What is to happen when stands in linkemu.schedule.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from linkemu.contract import NodeLink
from linkemu.disk import Buffer, Disk
from linkemu.errors import ResourceError
from linkemu.plan import Plan
from linkemu.rng import Stream
from linkemu.runtime.clock import Clock, Timer
from linkemu.runtime.node import Context
from linkemu.runtime.ports import OnDatagram, OnPlan, OnSensor, Terminal
from linkemu.schedule import NodeFault
from linkemu.sensor import Sensor

_ROTTEN_BYTES = 1024  # bits flip in reads of so much: stored data, not journals


class AilingClock:
    """A clock ahead by ``shift_ns`` and fast by ``drift_ppm``, whose timers wait while the node is frozen."""

    def __init__(self, clock: Clock, faults: Sequence[NodeFault]) -> None:
        self.true = clock
        skews = [each for each in faults if each.kind == "clock"]
        self._shift_s = sum(each.shift_ns for each in skews) / 1e9
        self._pace = 1.0 + sum(each.drift_ppm for each in skews) / 1e6
        self._frozen = [
            (each.start_ns / 1e9, math.inf if each.end_ns is None else each.end_ns / 1e9)
            for each in faults
            if each.kind == "freeze"
        ]

    def now(self) -> float:
        return self._shown(self.true.now())

    def thaw_s(self) -> float | None:
        """Until when, by the true clock, the node stands still now; None: it doesn't."""
        now = self.true.now()
        ends = [end for start, end in self._frozen if start <= now < end]
        return max(ends, default=None)

    def call_at(self, at: float, callback: Callable[[], object], *, essential: bool = False) -> Timer:
        return _AilingTimer(self, self._true_time(at), callback, essential)

    async def sleep_until(self, at: float) -> None:
        reached = asyncio.Event()
        timer = self.call_at(at, reached.set, essential=True)
        try:
            await reached.wait()
        finally:
            timer.cancel()

    def _shown(self, true_s: float) -> float:
        return true_s * self._pace + self._shift_s

    def _true_time(self, at: float) -> float:
        """The first true time at which this clock shows ``at``."""
        true_s = (at - self._shift_s) / self._pace
        while self._shown(true_s) < at:
            true_s = math.nextafter(true_s, math.inf)
        return true_s


class _AilingTimer:
    """Fires once at a true time, or when the node thaws."""

    def __init__(
        self, clock: AilingClock, true_s: float, callback: Callable[[], object], essential: bool
    ) -> None:
        self._clock = clock
        self._callback = callback
        self._essential = essential
        self._timer = clock.true.call_at(true_s, self._fire, essential=essential)

    def cancel(self) -> None:
        self._timer.cancel()

    def _fire(self) -> None:
        thaw_s = self._clock.thaw_s()
        if thaw_s is None:
            self._callback()
        elif thaw_s < math.inf:
            self._timer = self._clock.true.call_at(thaw_s, self._fire, essential=self._essential)


class AilingTerminal:
    """A Terminal that tells its node the node's own time, and holds everything back while it is frozen."""

    def __init__(self, terminal: Terminal, clock: AilingClock) -> None:
        self._terminal = terminal
        self._clock = clock
        self._held: list[Callable[[], object]] = []

    @property
    def name(self) -> str:
        return self._terminal.name

    @property
    def links(self) -> tuple[NodeLink, ...]:
        return self._terminal.links

    def attach(self, on_datagram: OnDatagram, on_sensor: OnSensor, on_plan: OnPlan) -> None:
        def datagram(link: int, data: bytes, now: float) -> None:
            self._tell(lambda: on_datagram(link, data, self._clock.now()))

        def sensor(seen: Sensor, now: float) -> None:
            self._tell(lambda: on_sensor(seen, self._clock.now()))

        def plan(told: Plan) -> None:
            self._tell(lambda: on_plan(told))

        self._held.clear()
        self._terminal.attach(datagram, sensor, plan)

    def send(self, link: int, datagram: bytes) -> None:
        self._terminal.send(link, datagram)

    async def start(self) -> None:
        await self._terminal.start()

    async def close(self) -> None:
        self._held.clear()
        await self._terminal.close()

    def _tell(self, event: Callable[[], object]) -> None:
        thaw_s = self._clock.thaw_s()
        if thaw_s is None and not self._held:
            event()
            return
        self._held.append(event)
        if len(self._held) == 1 and thaw_s is not None and thaw_s < math.inf:
            self._clock.true.call_at(thaw_s, self._thaw)

    def _thaw(self) -> None:
        held, self._held = self._held, []
        for event in held:
            event()


class AilingDisk:
    """A Disk on which, at times, every call fails, or stored bits flip as they are read.

    It names files as they lie under ``root``, so that a trace is the same wherever that is.
    """

    def __init__(self, disk: Disk, clock: Clock, faults: Sequence[NodeFault], root: Path) -> None:
        self._root = root
        self._disk = disk
        self._clock = clock
        self._failures = [each for each in faults if each.kind == "disk"]
        self._rot = [[each, 0] for each in faults if each.kind == "bit-flip"]

    async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        self._refuse(path)
        data = await self._disk.read(path, offset, length)
        for rot in self._rot:
            fault, done = rot
            assert isinstance(fault, NodeFault) and isinstance(done, int)
            if self._now_ns() >= fault.start_ns and done < fault.count and len(data) >= _ROTTEN_BYTES:
                rot[1] = done + 1
                data = await self._flip(path, offset, data, fault.seed, done)
        return data

    async def write(self, path: Path, data: Buffer, offset: int = 0) -> None:
        self._refuse(path)
        await self._disk.write(path, data, offset)

    async def append(self, path: Path, data: Buffer) -> None:
        self._refuse(path)
        await self._disk.append(path, data)

    async def truncate(self, path: Path, length: int) -> None:
        self._refuse(path)
        await self._disk.truncate(path, length)

    async def sync(self, *paths: Path, cached: bool = True) -> None:
        for path in paths:
            self._refuse(path)
        await self._disk.sync(*paths, cached=cached)

    async def replace(self, source: Path, target: Path) -> None:
        self._refuse(target)
        await self._disk.replace(source, target)

    async def remove(self, path: Path) -> None:
        self._refuse(path)
        await self._disk.remove(path)

    async def make_directory(self, path: Path) -> None:
        self._refuse(path)
        await self._disk.make_directory(path)

    async def names(self, directory: Path) -> list[str]:
        self._refuse(directory)
        return await self._disk.names(directory)

    async def size(self, path: Path) -> int | None:
        self._refuse(path)
        return await self._disk.size(path)

    def _refuse(self, path: Path) -> None:
        now_ns = self._now_ns() if self._failures else 0
        for each in self._failures:
            if each.start_ns <= now_ns and (each.end_ns is None or now_ns < each.end_ns):
                name = path.relative_to(self._root) if path.is_relative_to(self._root) else path
                raise ResourceError(str(name), "input/output error")

    async def _flip(self, path: Path, offset: int, data: bytes, seed: int, number: int) -> bytes:
        """Rot on the medium: it is still there at the next read."""
        where, which = Stream(seed, "bit-flip", path.name).uniform(2 * number, 2).tolist()
        place = int(where * len(data))
        rotten = bytes([data[place] ^ (1 << int(which * 8))])
        await self._disk.write(path, rotten, offset + place)
        return data[:place] + rotten + data[place + 1 :]

    def _now_ns(self) -> int:
        return round(self._clock.now() * 1e9)


def ailing(context: Context, faults: Sequence[NodeFault]) -> Context:
    """The context of a node that has these faults."""
    clock = AilingClock(context.clock, faults)
    terminal = AilingTerminal(context.terminal, clock)
    disk = AilingDisk(context.disk, context.clock, faults, context.root)
    return replace(context, clock=clock, terminal=terminal, disk=disk)


async def live(
    start: Callable[[], Coroutine[Any, Any, None]],
    end: Callable[[], Coroutine[Any, Any, None]],
    clock: Clock,
    faults: Sequence[NodeFault],
) -> None:
    """Run a node, killed and started again as its faults say. ``end`` closes what a dead node leaves open."""
    for fault in (each for each in faults if each.kind == "kill"):
        if clock.now() * 1e9 > fault.start_ns:
            continue  # it was dead already
        node = asyncio.ensure_future(start())
        alarm = asyncio.ensure_future(clock.sleep_until(fault.start_ns / 1e9))
        try:
            await asyncio.wait((node, alarm), return_when=asyncio.FIRST_COMPLETED)
            if node.done():
                return node.result()
        finally:
            alarm.cancel()
            node.cancel()
            await asyncio.gather(node, alarm, return_exceptions=True)
        await end()
        if fault.end_ns is not None:
            await clock.sleep_until(fault.end_ns / 1e9)
    await start()
