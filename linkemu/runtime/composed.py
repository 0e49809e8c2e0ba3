"""A whole run in one process under the virtual clock: the same nodes, in memory, from event to event.

Terminals and bus are in memory, files are written inline, time jumps. Nothing outside can change the order
of events, so the digest of the trace is a function of the scenario alone. Real sockets, threads and other
processes are refused by the loop with ClockError; for those there is linkemu.runtime.session.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from linkemu.contract.files import Role
from linkemu.disk import Disk
from linkemu.errors import LinkemuError
from linkemu.forecast import Forecast, forecast
from linkemu.link.fidelity import Fidelity
from linkemu.link.overlay import Overlay
from linkemu.link.player import Key, Player
from linkemu.runtime.ailing import ailing, live
from linkemu.runtime.bus import Bus, MemoryBus, NullBus
from linkemu.runtime.clock import Clock, VirtualClock, VirtualLoop
from linkemu.runtime.disk import InlineDisk
from linkemu.runtime.ledger import Ledger
from linkemu.runtime.memory import MemoryEmulator
from linkemu.runtime.node import Context, find
from linkemu.runtime.processes import roles
from linkemu.scenario import Scenario
from linkemu.telemetry import Message, TransferState
from linkemu.trace import Trace


@dataclass(frozen=True, slots=True)
class Result:
    """What a virtual run came to. ``digest`` covers sky and trace: equal digests, equal runs."""

    scenario: str
    epoch: datetime
    digest: str
    sky_digest: str
    events: int  # in the trace
    messages: int  # that the nodes published, 0 without a bus
    transfers: tuple[TransferState, ...]
    fidelity: Fidelity
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Every transfer of which a node knows is verified."""
        return all(each.state == "verified" for each in self.transfers)


def run_virtual(
    scenario: Scenario,
    *,
    compiled: Forecast | None = None,
    bus: Literal["memory"] | None = "memory",
    root: Path | None = None,
    disk: Disk | None = None,
    trace_sink: Callable[[str], None] | None = None,
    observe: Callable[[Message], None] | None = None,
    faults: Sequence[tuple[Key, Overlay]] = (),
    player: Callable[..., Player] = Player,
) -> Result:
    """Run ``scenario`` from 0 to its end.

    Args:
        compiled: its forecast, where the caller has it already.
        bus: None runs without one, which changes no trace (law 2 of the link).
        root: where spools and stores go; by default a directory that is removed at the end.
        disk: another Disk than the inline one, such as a simulated one.
        trace_sink: gets every line of the trace as it is recorded.
        observe: hears what the nodes announce.
        faults: laid over the sky as they once took effect, of a recorded run.
        player: what makes the Player, such as one that remembers what was sent through it.
    """
    compiled = compiled or forecast(scenario)
    trace = Trace(trace_sink)
    trace.record(0.0, scenario.name, "sky", digest=compiled.sky.digest(), seed=scenario.seed)
    memory = MemoryBus() if bus else NullBus()
    with ExitStack() as exits:
        if root is None:
            root = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="linkemu-")))
        composition = _Composition(
            scenario, compiled, root, disk or InlineDisk(), memory, trace, observe, faults, player
        )
        try:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                runner.run(composition.play())
        except ExceptionGroup as group:
            if (ours := _first_of_ours(group)) is not None:
                raise ours from group
            raise
    assert composition.fidelity is not None
    return Result(
        scenario=scenario.name,
        epoch=compiled.epoch,
        digest=trace.digest(),
        sky_digest=compiled.sky.digest(),
        events=trace.count,
        messages=memory.count if isinstance(memory, MemoryBus) else 0,
        transfers=composition.ledger.states,
        fidelity=composition.fidelity,
        warnings=compiled.warnings,
    )


class _Composition:
    """Emulator and nodes of one run, in one loop."""

    def __init__(
        self,
        scenario: Scenario,
        compiled: Forecast,
        root: Path,
        disk: Disk,
        bus: Bus,
        trace: Trace,
        observe: Callable[[Message], None] | None,
        faults: Sequence[tuple[Key, Overlay]],
        player: Callable[..., Player],
    ) -> None:
        self.ledger = Ledger()
        self.fidelity: Fidelity | None = None
        self._scenario = scenario
        self._compiled = compiled
        self._root = root
        self._disk = disk
        self._bus = bus
        self._trace = trace
        self._observer = observe
        self._faults = faults
        self._player = player

    async def play(self) -> None:
        """Run all nodes until the scenario's end."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        clock = VirtualClock(loop)
        scenario = self._scenario
        player = self._player(
            self._compiled.sky, queue_bytes=scenario.queue.size_bytes, hold_s=scenario.queue.hold_s
        )
        for key, overlay in (*self._compiled.schedule.overlays, *self._faults):
            player.impose(key, overlay, -1)
        late = {
            each.node: each.start_ns for each in self._compiled.schedule.nodes if each.kind == "plan-late"
        }
        early = {name: plan for name, plan in self._compiled.plans.items() if name not in late}
        emulator = MemoryEmulator(player, clock, early, scenario.name)
        for name, at_ns in late.items():
            clock.call_at(at_ns / 1e9, partial(emulator.tell_plan, name, self._compiled.plans[name]))
        async with asyncio.TaskGroup() as group:
            nodes = [
                group.create_task(self._node(name, role, clock, emulator), name=name)
                for name, role in roles(scenario).items()
            ]
            await clock.sleep_until(scenario.duration_s)
            self.fidelity = emulator.fidelity()
            for node in nodes:
                node.cancel()
        emulator.close()
        await self._bus.close()

    def _node(
        self, name: str, role: Role, clock: Clock, emulator: MemoryEmulator
    ) -> Coroutine[Any, Any, None]:
        """The life of a node, with its faults."""
        run, faults = find(role), self._compiled.schedule.of_node(name)
        context = self._context(name, clock, emulator)
        if faults:
            context = ailing(context, faults)
        return live(lambda: run(context), context.terminal.close, clock, faults)

    def _context(self, name: str, clock: Clock, emulator: MemoryEmulator) -> Context:
        scenario = self._scenario
        root = self._root / name
        root.mkdir(parents=True, exist_ok=True)
        return Context(
            name=name,
            role=roles(scenario)[name],
            scenario=scenario.name,
            epoch=self._compiled.epoch,
            seed=scenario.seed,
            clock=clock,
            terminal=emulator.terminal(name),
            disk=self._disk,
            root=root,
            bus=self._bus,
            trace=self._trace,
            settings=scenario.transfer,
            work=tuple(each for each in scenario.transfers if each.station == name),
            observe=self._observe,
        )

    def _observe(self, message: Message) -> None:
        self.ledger.observe(message)
        if self._observer is not None:
            self._observer(message)


def _first_of_ours(group: ExceptionGroup[Exception]) -> LinkemuError | None:
    """The first LinkemuError in a group."""
    for error in group.exceptions:
        found = _first_of_ours(error) if isinstance(error, ExceptionGroup) else error
        if isinstance(found, LinkemuError):
            return found
    return None
