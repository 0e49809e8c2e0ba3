"""The machine of one node: its disk, its terminal, and its lives from power on to crash.

A life is a node in a task of its own. Each task that it makes asks for each of its steps (``steps``), so that
a crash can strike at any await: from then on each resumption of its tasks and each call of its disk meets
PowerCut, which no program may catch. What a life may see of the others is what its disk has kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from linkemu.campaign.air import Air
from linkemu.campaign.clock import LifeClock
from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.campaign.faults import Crash, Fault, Full, Skew, SlowDisk
from linkemu.campaign.steps import context_of
from linkemu.contract import NodeLink
from linkemu.errors import LinkemuError, ResourceError
from linkemu.plan import Plan
from linkemu.runtime.clock import Clock
from linkemu.runtime.memory import MemoryEmulator
from linkemu.runtime.node import Context, Run
from linkemu.runtime.ports import OnDatagram, OnPlan, OnSensor
from linkemu.sensor import Sensor

PATIENCE_s = 1.0  # after which a crash that found no step to strike strikes all the same
_ENDS_WITHIN_s = 5.0  # a cancelled node

MakeContext = Callable[[str, Clock, "LifeTerminal", SimulatedDisk], Context]


class Machine:
    """A node's machine.

    ``told`` hears of what a node must not do: (what, details); ``overhear`` each datagram that leaves, before
    it does; ``restarted`` of each power on after a crash; ``count`` is called at every step, timer and
    datagram.
    """

    def __init__(
        self,
        name: str,
        run: Run,
        emulator: MemoryEmulator,
        clock: Clock,
        faults: list[Fault],
        make: MakeContext,
        told: Callable[[str, str], None],
        overhear: Callable[[Machine, bytes], None],
        restarted: Callable[[Machine], None],
        count: Callable[[], None],
    ) -> None:
        self.name = name
        self.disk = SimulatedDisk()
        self.lives = 0
        self._run = run
        self._inner = emulator.terminal(name)
        self._clock = clock
        self._make = make
        self._told = told
        self._overhear = overhear
        self._restarted = restarted
        self._count = count
        self._skews = [each for each in faults if isinstance(each, Skew) and each.node == name]
        air = Air(name, emulator.player.sky.links, faults, self._hear, self._believe)
        self._inner.attach(air.frame, self._sense, air.plan)
        self._life: LifeClock | None = None
        self._terminal: LifeTerminal | None = None
        self._task: asyncio.Task[None] | None = None
        self._crash: Crash | None = None  # that is to strike, or has struck and is not over
        self._strike_in: int | None = None
        self._struck = asyncio.Event()
        self._slow = [each for each in faults if isinstance(each, SlowDisk) and each.node == name]
        self._full = [each for each in faults if isinstance(each, Full) and each.node == name]
        self.disk.on_power_cut = self._off
        self.disk.pause = self._pause

    @property
    def on(self) -> bool:
        return self._life is not None and self._life.alive

    def start(self) -> None:
        """Power on: a new life, which finds what the disk has kept."""
        self.lives += 1
        skews = [each for each in self._skews if each.at_s <= self._clock.now()]
        self._life = LifeClock(self._clock, skews[-1] if skews else None, self._count)
        self._terminal = LifeTerminal(self)
        context = self._make(self.name, self._life, self._terminal, self.disk)
        loop, name = asyncio.get_running_loop(), f"{self.name} {self.lives}"
        self._task = context_of(self).run(loop.create_task, self._run(context), name=name)
        self._task.add_done_callback(self._ended)

    async def crash(self, crash: Crash) -> None:
        """From now on, wait for the step to strike at; stop, stay off, and come back. One crash at a time."""
        if not self.on or self._crash is not None:
            return
        self._crash = crash
        self._struck.clear()
        if crash.on == "disk" and crash.how != "stop":
            self.disk.power_cut_at = self.disk.calls + crash.after
        else:
            self._strike_in = crash.after
        with contextlib.suppress(TimeoutError):  # a machine that takes too few steps stops between two
            async with asyncio.timeout(PATIENCE_s):
                await self._struck.wait()
        await self.stop(clean=crash.how == "stop")
        await self._clock.sleep_until(self._clock.now() + crash.down_s)
        await self._clock.sleep_until(self._room_at())
        if crash.how == "power":
            self.disk.reboot(crash.seed)
        self.disk.power_cut_at = None
        self._crash = None
        self._restarted(self)
        self.start()

    async def stop(self, *, clean: bool = False) -> None:
        """End the life: ``clean`` lets it clean up, else it meets PowerCut at whatever it does."""
        assert self._life is not None and self._task is not None
        self._strike_in = None
        if not clean:
            self._off()
        self._task.cancel()
        _, pending = await asyncio.wait([self._task], timeout=_ENDS_WITHIN_s)
        if pending:
            self._told("hangs", "it was cancelled, and does not end")
        self._life.alive = False
        await self._inner.close()

    def clear(self) -> None:
        """A fault of its disk is over: there is room again, unless another one lasts."""
        if self._room_at() <= self._clock.now():
            self.disk.capacity = None

    def step(self) -> bool:
        """Before each resumption of a task of this machine; False if the power is off."""
        self._count()
        if self._strike_in is not None:
            self._strike_in -= 1
            if self._strike_in == 0:
                self._strike_in = None
                self._strike()
        return self._life is None or self._life.alive

    def _strike(self) -> None:
        assert self._crash is not None and self._task is not None
        if self._crash.how == "stop":
            self._task.cancel()
        else:
            self._off()
        self._struck.set()

    def _off(self) -> None:
        """The power is gone, in the midst of anything."""
        assert self._life is not None
        self._life.alive = False
        self.disk.power_cut_at = self.disk.calls

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The node has ended: by our hand or by a cut of its disk, else it was not allowed to."""
        self._struck.set()
        if task.cancelled():
            return
        rest = _beside_power_cuts(task.exception())
        if rest is not None and self._finds_no_room(rest):
            asyncio.get_running_loop().create_task(self._start_later(), name=f"{self.name} waits for room")
        elif rest is not None:
            refused = isinstance(rest, LinkemuError)
            self._told("refused" if refused else "exception", f"{type(rest).__name__}: {rest}")
        elif task.exception() is None and self.on:
            self._told("ended", "it returned, though nobody had cancelled it")

    def _finds_no_room(self, error: BaseException) -> bool:
        """Whether it only could not start on a disk that is full now, which is its good right."""
        started = self._terminal is not None and self._terminal.joined
        return isinstance(error, ResourceError) and not started and self.disk.capacity is not None

    async def _start_later(self) -> None:
        assert self._life is not None
        self._life.alive = False
        await self._clock.sleep_until(self._room_at())
        self.start()

    def _room_at(self) -> float:
        """When its disk is not full any more: now, if it isn't."""
        now = self._clock.now()
        ends = [each.at_s + each.for_s for each in self._full]
        return max(
            (end for end, each in zip(ends, self._full, strict=True) if each.at_s <= now < end), default=now
        )

    async def _pause(self) -> None:
        """Before a call of the disk: let other tasks go on, for as long as the disk is slow."""
        now = self._clock.now()
        now_slow = [each.each_s for each in self._slow if each.at_s <= now < each.at_s + each.for_s]
        if now_slow:
            await self._clock.sleep_until(now + max(now_slow))
        else:
            await asyncio.sleep(0)

    # What comes to the life

    def _hear(self, link: int, datagram: bytes) -> None:
        if (hears := self._ears()) is not None and self._life is not None:
            self._count()
            hears[0](link, datagram, self._life.now())

    def _sense(self, sensor: Sensor, now: float) -> None:
        if (hears := self._ears()) is not None and self._life is not None:
            hears[1](sensor, self._life.now())

    def _believe(self, plan: Plan) -> None:
        if (hears := self._ears()) is not None:
            hears[2](plan)

    def _ears(self) -> tuple[OnDatagram, OnSensor, OnPlan] | None:
        """Those of the life, once it has joined."""
        terminal = self._terminal
        return terminal.hears if self.on and terminal is not None and terminal.joined else None

    # What the life does

    def send(self, terminal: LifeTerminal, link: int, datagram: bytes) -> None:
        if self.on and terminal is self._terminal:
            self._count()
            self._overhear(self, datagram)
            self._inner.send(link, datagram)

    async def join(self, terminal: LifeTerminal) -> None:
        if terminal is self._terminal:
            terminal.joined = True
            await self._inner.start()

    @property
    def links(self) -> tuple[NodeLink, ...]:
        return self._inner.links


class LifeTerminal:
    """A Terminal (linkemu.runtime.ports) for one life of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.hears: tuple[OnDatagram, OnSensor, OnPlan] | None = None
        self.joined = False

    @property
    def name(self) -> str:
        return self._machine.name

    @property
    def links(self) -> tuple[NodeLink, ...]:
        return self._machine.links

    def attach(self, on_datagram: OnDatagram, on_sensor: OnSensor, on_plan: OnPlan) -> None:
        self.hears = (on_datagram, on_sensor, on_plan)

    def send(self, link: int, datagram: bytes) -> None:
        self._machine.send(self, link, datagram)

    async def start(self) -> None:
        await self._machine.join(self)

    async def close(self) -> None:
        self.hears = None


def _beside_power_cuts(error: BaseException | None) -> BaseException | None:
    """What there is in an error besides PowerCut."""
    if isinstance(error, BaseExceptionGroup):
        _, rest = error.split(PowerCut)
        return rest
    return None if isinstance(error, PowerCut) else error
