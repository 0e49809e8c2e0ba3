"""A run as separate processes: compile the sky, start broker, emulator and nodes, keep them, end them all.

    async with Session(scenario, options, on_event) as session:   # all processes run, all doors are open
        await session.finished()                                 # end of the scenario, work done, or stop()
    session.outcome                                              # transfers and fidelity report

``run`` is the same for a command, which a signal stops. The virtual clock has no processes:
linkemu.runtime.composed. What the processes say comes by ``on_event``; drawing it is others' business.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, Literal, Self

from linkemu import telemetry
from linkemu.contract import Address
from linkemu.errors import ClockError, ResourceError
from linkemu.forecast import Forecast, forecast
from linkemu.record.recording import Recording
from linkemu.runtime import broker, mqtt, past
from linkemu.runtime.bus import Bus, NullBus
from linkemu.runtime.layout import DEFAULT, Marker, RunDirectory
from linkemu.runtime.monitor import Monitor
from linkemu.runtime.processes import EMULATOR, Told, programs, tell
from linkemu.runtime.records import Records
from linkemu.runtime.runbook import BrokerChange, Compiling, Event, OnEvent, Options, Outcome, Ready, Reason
from linkemu.runtime.stopping import Stopping
from linkemu.runtime.supervisor import ProcessChange, Program, Supervisor
from linkemu.runtime.warden import Warden
from linkemu.scenario import Scenario

BROKER = "broker"
_POLL_S = 0.02
_START_S = 20.0  # for a broker to listen, for doors to open
_BROKER_TRIES = 3

__all__ = [
    "BrokerChange",
    "Compiling",
    "Event",
    "OnEvent",
    "Options",
    "Outcome",
    "Ready",
    "Reason",
    "Session",
    "run",
]


class Session:
    """The processes of one run. Errors: InputError and ResourceError of whichever part refuses to start."""

    def __init__(
        self,
        scenario: Scenario,
        options: Options | None = None,
        on_event: OnEvent | None = None,
        compiled: Forecast | None = None,
    ) -> None:
        """``compiled``: play this sky, from a file or made by hand, and compile none."""
        self.scenario = scenario
        self._compiled = compiled
        self.options = options or Options()
        self.outcome: Outcome | None = None
        self._rate = _rate(scenario, self.options)
        broker.check(self.options.broker)
        self._on_event = on_event or (lambda event: None)
        self._directory = RunDirectory(self.options.directory or DEFAULT / scenario.name, self.options.state)
        self._stop = asyncio.Event()
        self._exits = contextlib.AsyncExitStack()
        self._reason: Reason = "stopped"
        self._told: Told | None = None
        self._is_running = False
        self._bus: Bus = NullBus()
        self._recording: Recording | None = None

    @property
    def marker(self) -> Marker:
        """Doors, pids and broker of the running session."""
        told = self._told
        assert told is not None, "the session has not started"
        return Marker(
            scenario=self.scenario.name,
            directory=self._directory.root,
            pid=os.getpid(),
            epoch=told.forecast.epoch.isoformat(),
            duration_s=self.scenario.duration_s,
            rate=self._rate,
            broker=told.broker,
            doors=told.doors,
            processes=self._supervisor.pids(),
        )

    def stop(self) -> None:
        """Ask the session to end; ``finished`` returns soon. Also while it is still starting."""
        self._stop.set()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            try:
                await self._exits.aclose()
            finally:
                if self._recording is not None:
                    self._recording.withdraw()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._exits.aclose()
        finally:
            self.outcome = self._summary()
            if self._recording is not None:
                self._finish_recording(self._recording, self.outcome)

    async def finished(self) -> Reason:
        """Wait for the end of the scenario, of the work (``until_done``), or ``stop``.

        Raises:
            ResourceError: a process kept failing; the text has its last words.
        """
        failures: list[asyncio.Future[Any]] = [self._supervisor.failure, self._monitor.failed]
        waits: dict[Reason, asyncio.Task[Any]] = {
            "ended": asyncio.create_task(self._monitor.over.wait()),
            "stopped": asyncio.create_task(self._stop.wait()),
        }
        if self.options.until_done:
            waits["done"] = asyncio.create_task(self._monitor.done.wait())
        try:
            await asyncio.wait((*failures, *waits.values()), return_when=asyncio.FIRST_COMPLETED)
            for failure in failures:
                if failure.done():
                    raise failure.result()
            self._reason = next(reason for reason, task in waits.items() if task.done())
        finally:
            for task in waits.values():
                task.cancel()
        return self._reason

    async def _start(self) -> None:
        self._exits.enter_context(self._directory.held())
        self._directory.prepare(fresh=self.options.fresh)
        compiled = self._compiled or await self._compile()
        past.write_journal(self._directory.emulator, self.options.faults)
        if self.options.record is not None:
            self._recording = self.options.record(compiled)
        self._monitor = Monitor(self.scenario, self._directory, self._on_event)
        self._supervisor = Supervisor(self._changed)
        self._exits.push_async_callback(self._supervisor.stop)
        plan = await self._start_broker()
        self._told = tell(
            self.scenario,
            compiled,
            self._directory,
            plan.url,
            self._rate,
            self.options.skip_gaps,
            None if self._recording is None else self._recording.trace,
        )
        self._bus = await self._exits.enter_async_context(self._monitor.watching(plan.url))
        self._exits.callback(self._say, "ended")
        self._say("starting")
        nodes: list[str] = []
        self._exits.push_async_callback(self._supervisor.stop, nodes)
        self._exits.push_async_callback(self._stop_emulator)
        for program in programs(self._told, self._directory):
            self._supervisor.start(program)
            if program.name != EMULATOR:
                nodes.append(program.name)
        await self._exits.enter_async_context(self._guarded(nodes, compiled))
        await self._doors_open(list(self._told.doors.values()))
        self._exits.callback(self._say, "stopping")
        self._say("running")
        self._is_running = True
        self.marker.write()
        self._on_event(Ready(self.marker, tuple(compiled.warnings)))

    async def _compile(self) -> Forecast:
        """The forecast, in a thread, so that a signal can end it."""

        def progress(fraction: float, text: str) -> None:
            if self._stop.is_set():
                raise asyncio.CancelledError
            loop.call_soon_threadsafe(self._on_event, Compiling(fraction, text))

        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(forecast, self.scenario, progress)

    async def _start_broker(self) -> broker.BrokerPlan:
        """Start our own broker, if there is one to start; another port if somebody took the one we chose."""
        for _ in range(_BROKER_TRIES):
            plan = broker.plan(self.options.broker, self._directory.broker)
            if plan.command is None:
                return plan
            self._supervisor.start(Program(BROKER, plan.command, self._directory.log(BROKER)))
            if await self._listens(plan):
                return plan
            error = self._supervisor.failure.result()
            await self._supervisor.forget(BROKER)
        raise error

    async def _listens(self, plan: broker.BrokerPlan) -> bool:
        """Whether it listens; False when it keeps failing. ResourceError if it does neither for long."""
        for _ in range(round(_START_S / _POLL_S)):
            if self._supervisor.failure.done():
                return False
            if plan.listens:
                return True
            await asyncio.sleep(_POLL_S)
        raise ResourceError(BROKER, f"doesn't listen within {_START_S:.0f} s")

    async def _doors_open(self, waiting: list[Address]) -> None:
        """Return once every HTTP door accepts connections."""
        try:
            async with asyncio.timeout(_START_S):
                while waiting and not self._stop.is_set():
                    if self._supervisor.failure.done():
                        raise self._supervisor.failure.result()
                    try:
                        _, writer = await asyncio.open_connection(*waiting[-1])
                    except OSError:
                        await asyncio.sleep(_POLL_S)
                        continue
                    writer.close()
                    waiting.pop()
        except TimeoutError:
            host, port = waiting[-1]
            raise ResourceError(f"{host}:{port}", f"no station answers within {_START_S:.0f} s") from None

    def transfers(self) -> tuple[telemetry.TransferState, ...]:
        """The last known state of each transfer, bus or no bus."""
        return self._monitor.transfers()

    @contextlib.asynccontextmanager
    async def _guarded(self, nodes: list[str], compiled: Forecast) -> AsyncIterator[None]:
        """With a warden, who kills and freezes nodes; its failure is the run's.

        It has a bus of its own: of a message that two filters of one client match a broker may send two.
        """
        assert self._told is not None
        bus = mqtt.connect(self._told.broker, f"linkemu-{self.scenario.name}-warden-{os.getpid()}")
        records, journal = Records(self._directory.emulator), self._directory.node_faults
        warden = Warden(self._supervisor, records, journal, nodes, bus, self.scenario.name)
        task = asyncio.create_task(warden.run(compiled.schedule.nodes), name="warden")
        task.add_done_callback(self._monitor.ended)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            await bus.close()

    async def _stop_emulator(self) -> None:
        await self._supervisor.stop([EMULATOR])

    def _changed(self, change: ProcessChange) -> None:
        if self._is_running:
            self.marker.write()
        self._on_event(change)
        if change.change == "died":
            self._say("running")

    def _say(self, state: Literal["starting", "running", "stopping", "ended"]) -> None:
        if self._told is None:
            return
        message = telemetry.Session(
            scenario=self.scenario.name,
            state=state,
            epoch=self._told.forecast.epoch.isoformat(),
            duration_s=self.scenario.duration_s,
            rate=self._rate,
            pid=os.getpid(),
            restarts=self._supervisor.restarts(),
        )
        self._bus.publish(message.topic(self.scenario.name), message.payload(), retain=True)

    def _finish_recording(self, recording: Recording, outcome: Outcome) -> None:
        recording.finish(
            faults=past.read_journal(self._directory.emulator),
            fidelity=outcome.fidelity,
            transfers=[asdict(each) for each in outcome.transfers],
            outcome={"reason": outcome.reason, "ok": outcome.ok, "missing": list(outcome.missing)},
            timemap=past.time_map(self._directory.emulator),
            node_faults=past.read_strikes(self._directory.node_faults, recording.schedule),
        )

    def _summary(self) -> Outcome:
        path = self._directory.emulator / "fidelity.json"
        return Outcome(
            scenario=self.scenario.name,
            directory=self._directory.root,
            reason=self._reason,
            transfers=self._monitor.transfers(),
            fidelity=json.loads(path.read_text()) if path.exists() else None,
            restarts={name: count for name, count in self._supervisor.restarts().items() if count},
            missing=self._monitor.missing(),
        )


def run(
    scenario: Scenario,
    options: Options | None = None,
    on_event: OnEvent | None = None,
    compiled: Forecast | None = None,
    *,
    stopping: Stopping,
) -> Outcome:
    """Run a scenario in processes until it ends; a signal that ``stopping`` hears ends it early and cleanly.

    ``compiled`` as for Session.

    Raises:
        KeyboardInterrupt: a signal came before all processes ran.
    """

    async def until_end() -> Outcome:
        session = Session(scenario, options, on_event, compiled)
        stopping.calls_in_loop(session.stop)
        async with session:
            await session.finished()
        assert session.outcome is not None
        return session.outcome

    try:
        with asyncio.Runner() as runner:
            return runner.run(until_end())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _rate(scenario: Scenario, options: Options) -> float:
    if options.rate is not None:
        if not 0.0 < options.rate <= 1000.0:
            raise ClockError(f"a clock rate of {options.rate:g}: expected more than 0 and at most 1000")
        return options.rate
    if scenario.clock.mode == "virtual":
        raise ClockError(f"{scenario.path}: the virtual clock runs in one process; use a rate for processes")
    return scenario.clock.rate
