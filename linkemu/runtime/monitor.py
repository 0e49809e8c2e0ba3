"""What a session sees of its processes: the bus where there is one, and files where there is none.

Ledgers tell how the transfers stand, the emulator's time map tells the time; both are there with or without a
broker, so the end of the work and of the scenario never depend on one. Nothing is started or ended here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable

from linkemu import telemetry
from linkemu.errors import FormatError
from linkemu.runtime import mqtt
from linkemu.runtime.bus import Bus
from linkemu.runtime.layout import RunDirectory
from linkemu.runtime.ledger import Reader
from linkemu.runtime.records import Records
from linkemu.runtime.runbook import BrokerChange
from linkemu.scenario import Scenario

_POLL_S = 0.1
_SILENCE_S = 2.0  # without a broker, before it is worth a word: one of ours is up again by then


class Monitor:
    """``watching`` a run; ``done`` is set when all transfers have ended, ``over`` at the scenario's end."""

    def __init__(
        self,
        scenario: Scenario,
        directory: RunDirectory,
        on_message: Callable[[telemetry.Message | BrokerChange], None],
    ) -> None:
        self.done = asyncio.Event()
        self.over = asyncio.Event()
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._scenario = scenario
        self._on_message = on_message
        self._ledgers = Reader(directory.ledger(station.id) for station in scenario.stations)
        self._records = Records(directory.emulator)

    def transfers(self) -> tuple[telemetry.TransferState, ...]:
        """The last known state of each transfer."""
        return self._ledgers.read()

    def missing(self) -> tuple[str, ...]:
        """Scripted transfers of which no node has said anything."""
        known = {(state.node, state.action, state.name) for state in self.transfers()}
        return tuple(
            f"{each.action} {each.name} ({each.station})"
            for each in self._scenario.transfers
            if (each.station, each.action, each.name) not in known
        )

    @contextlib.asynccontextmanager
    async def watching(self, url: str | None) -> AsyncIterator[Bus]:
        """Listen for as long as the context lasts; gives the bus to speak on. ``url`` None: no bus."""
        bus = mqtt.connect(url, f"linkemu-{self._scenario.name}-session-{os.getpid()}")
        tasks = [
            asyncio.create_task(self._listen(bus), name="bus"),
            asyncio.create_task(self._read_ledgers(tell=url is None), name="ledgers"),
            asyncio.create_task(self._read_time(tell=url is None), name="time"),
        ]
        if isinstance(bus, mqtt.MqttBus):
            tasks.append(asyncio.create_task(self._mind(bus), name="broker"))
        for task in tasks:
            task.add_done_callback(self.ended)
        try:
            yield bus
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await bus.close()

    def ended(self, task: asyncio.Task[None]) -> None:
        """A task of the session is over: its error, if it has one, is the run's."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_result(error)

    async def _listen(self, bus: Bus) -> None:
        async for note in bus.subscribe(telemetry.everything(self._scenario.name)):
            try:
                message = telemetry.read(note.topic, note.payload)
            except FormatError:  # a foreign node's message: not ours to judge, and nothing to draw
                continue
            if message is not None:
                self._on_message(message)

    async def _mind(self, bus: mqtt.MqttBus) -> None:
        """Say when there has been no broker for a while, and when there is one again."""
        last, told = time.monotonic(), False
        while True:
            if bus.trouble is None:
                last = time.monotonic()
            if (time.monotonic() - last > _SILENCE_S) != told:
                told = not told
                self._on_message(BrokerChange(bus.trouble))
            await asyncio.sleep(_POLL_S)

    async def _read_ledgers(self, tell: bool) -> None:
        seen: dict[tuple[str, str], telemetry.TransferState] = {}
        while True:
            states = self.transfers()
            for state in states:
                if tell and seen.get((state.node, state.id)) != state:
                    self._on_message(state)
                seen[state.node, state.id] = state
            if not self.missing() and all(state.ended for state in states):
                self.done.set()
            await asyncio.sleep(_POLL_S)

    async def _read_time(self, tell: bool) -> None:
        duration_s = self._scenario.duration_s
        while True:
            time_map = self._records.time_map()
            if time_map is not None:
                at_s = time_map.scenario_ns(time.monotonic_ns()) / 1e9
                rate, skipped_s = time_map.pieces[-1].rate, time_map.skipped_ns() / 1e9
                if tell:
                    self._on_message(telemetry.ClockState(at_s, rate, duration_s, 0.0, skipped_s))
                if at_s >= duration_s:
                    self.over.set()
            await asyncio.sleep(_POLL_S)
