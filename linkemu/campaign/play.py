"""One run: the whole system under the virtual clock, the faults of a list, and the watch over it.

Memory bus, memory terminals, simulated disks and machines that crash; nodes by their entry points. The
outcome is a function of stage and faults alone, so a case is replayed by playing it again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from linkemu.campaign.disk import SimulatedDisk
from linkemu.campaign.faults import Crash, Fault, Frames, Full, Rot, Unreadable
from linkemu.campaign.machine import LifeTerminal, Machine
from linkemu.campaign.puts import content_of
from linkemu.campaign.stage import Stage
from linkemu.campaign.steps import stepping
from linkemu.campaign.watch import Order, Violation, Watch
from linkemu.campaign.weather import spoil
from linkemu.errors import ClockError
from linkemu.link.player import Player
from linkemu.runtime.bus import MemoryBus
from linkemu.runtime.clock import Clock, VirtualClock, VirtualLoop
from linkemu.runtime.memory import MemoryEmulator
from linkemu.runtime.node import Context, Run, find
from linkemu.runtime.processes import roles
from linkemu.trace import Trace

_ROOT = Path("/nodes")  # of the simulated disks: no such directory is made
_SAMPLE_s = 2.0
_MOST_BLOCKS = 400_000  # of Python's small objects, beyond what there was before
_MOST_TASKS = 200

installed = cache(find)  # a look through all that is installed: once for each role, not for each run


@dataclass(frozen=True, slots=True)
class Outcome:
    """``steps`` are those of all tasks, timers and datagrams; equal digests, equal runs."""

    violations: tuple[Violation, ...]
    verified: frozenset[Order]
    digest: str
    events: int
    steps: int
    crashes: int


def play(
    stage: Stage,
    faults: Sequence[Fault],
    orders: frozenset[Order] = frozenset(),
    trace_sink: Callable[[str], None] | None = None,
) -> Outcome:
    """Play the stage with faults; ``orders`` have to be verified at the end."""
    run = _Run(stage, faults, trace_sink)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        run.under(runner)
    run.watch.finish(orders)
    machines = run.machines.values()
    return Outcome(
        tuple(run.watch.violations),
        run.watch.verified(),
        run.trace.digest(),
        run.trace.count,
        run.steps,
        sum(each.lives - 1 for each in machines),
    )


class _Run:
    """Machines, emulator and watch of one run."""

    def __init__(
        self, stage: Stage, faults: Sequence[Fault], trace_sink: Callable[[str], None] | None
    ) -> None:
        self._stage = stage
        self._faults = list(faults)
        self.trace = Trace(trace_sink)
        self.machines: dict[str, Machine] = {}
        self.steps = 0
        self._most_steps = _most_steps(stage)
        self._bus = MemoryBus()
        self._now: Callable[[], float] = float
        self._blocks = sys.getallocatedblocks()
        late_s = max((each.late_s for each in faults if isinstance(each, Frames)), default=0.0)
        grace_s = stage.scenario.queue.hold_s + late_s + 1.0
        self.watch = Watch(stage.scenario, lambda: self._now(), grace_s)

    def under(self, runner: asyncio.Runner) -> None:
        loop = runner.get_loop()
        loop.set_task_factory(stepping)
        loop.set_exception_handler(self._escaped)
        self._now = loop.time
        try:
            runner.run(self._play())
        except ClockError as error:
            self.watch.tell("hangs", "", str(error))
        except RuntimeError:
            if self.steps < self._most_steps:
                raise
            self.watch.tell("busy", "", f"more than {self._most_steps} steps")

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        scenario, stage = self._stage.scenario, self._stage
        clock = VirtualClock(loop)
        sky = spoil(stage.sky, self._faults)
        player = Player(sky, queue_bytes=scenario.queue.size_bytes, hold_s=scenario.queue.hold_s)
        emulator = MemoryEmulator(player, clock, stage.plans, scenario.name)
        by_role = {role: installed(role) for role in set(roles(scenario).values())}
        for name, role in roles(scenario).items():
            self.machines[name] = self._machine(name, by_role[role], emulator, clock)
            self.watch.disks[name] = self.machines[name].disk
        self._install_files()
        for machine in self.machines.values():
            machine.start()
        for fault in self._faults:
            if isinstance(fault, Rot | Unreadable):
                loop.call_at(fault.at_s, self._damage, fault)
            elif isinstance(fault, Full):
                loop.call_at(fault.at_s, self._fill, fault)
                loop.call_at(fault.at_s + fault.for_s, self.machines[fault.node].clear)
        crashes = [
            loop.create_task(self._crash(clock, each)) for each in self._faults if isinstance(each, Crash)
        ]
        await self._until_the_end(clock)
        for crash in crashes:
            crash.cancel()
        await asyncio.gather(*crashes, return_exceptions=True)
        for machine in self.machines.values():
            await machine.stop(clean=machine.on)
        emulator.close()
        await self._bus.close()

    async def _crash(self, clock: Clock, crash: Crash) -> None:
        await clock.sleep_until(crash.at_s)
        await self.machines[crash.node].crash(crash)

    def _damage(self, fault: Rot | Unreadable) -> None:
        disk = self.machines[fault.node].disk
        if isinstance(fault, Rot):
            damage = disk.rot(fault.seed)
        else:
            damage = disk.lose_sectors(fault.seed, fault.sectors)
        if damage is not None:
            self.watch.damaged(fault.node, damage)

    def _fill(self, fault: Full) -> None:
        disk = self.machines[fault.node].disk
        disk.capacity = disk.used_bytes + fault.room_bytes
        self.watch.short(fault.node)

    async def _until_the_end(self, clock: Clock) -> None:
        while clock.now() < self._stage.scenario.duration_s:
            await clock.sleep_until(min(clock.now() + _SAMPLE_s, self._stage.scenario.duration_s))
            if sys.getallocatedblocks() - self._blocks > _MOST_BLOCKS:
                self.watch.tell("memory", "", f"more than {_MOST_BLOCKS} objects")
            if len(asyncio.all_tasks()) > _MOST_TASKS:
                self.watch.tell("memory", "", f"more than {_MOST_TASKS} tasks")

    def _machine(self, name: str, run: Run, emulator: MemoryEmulator, clock: Clock) -> Machine:
        return Machine(
            name,
            run,
            emulator,
            clock,
            self._faults,
            self._context,
            lambda what, details: self.watch.tell(what, name, details),
            lambda machine, datagram: self.watch.overhear(machine.name, datagram),
            lambda machine: self.watch.restarted(machine.name),
            self._count,
        )

    def _context(self, name: str, clock: Clock, terminal: LifeTerminal, disk: SimulatedDisk) -> Context:
        scenario = self._stage.scenario
        return Context(
            name=name,
            role=roles(scenario)[name],
            scenario=scenario.name,
            epoch=self._stage.epoch,
            seed=scenario.seed,
            clock=clock,
            terminal=terminal,
            disk=disk,
            root=_ROOT / name,
            bus=self._bus,
            trace=self.trace,
            settings=scenario.transfer,
            work=tuple(each for each in scenario.transfers if each.station == name),
            observe=self.watch.observe,
        )

    def _install_files(self) -> None:
        for put in self._stage.scenario.transfers:
            if put.action == "put" and put.file is not None:
                self.machines[put.station].disk.install(put.file, content_of(self._stage.scenario, put))

    def _count(self) -> None:
        self.steps += 1
        if self.steps == self._most_steps:
            asyncio.get_running_loop().stop()

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception that nobody awaited: of a timer, a callback, or a task that was dropped."""
        error = context.get("exception")
        what = f"{type(error).__name__}: {error}" if error is not None else str(context.get("message"))
        self.watch.tell("exception", "", what)


def _most_steps(stage: Stage) -> int:
    """Far beyond what any honest run takes: every frame fifty times, and a thousand steps in a second."""
    scenario = stage.scenario
    content = sum(each.size_bytes or 1 << 20 for each in scenario.transfers)
    frames = content // min(1200, scenario.transfer.frame_bytes)
    return 200_000 + 50 * frames + round(1000 * scenario.duration_s)
