"""The sky in memory and the pump, under the virtual clock: exact times, no real time, the same twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from linkemu.link.player import Player
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.plan import Plan
from linkemu.runtime.clock import VirtualClock, VirtualLoop
from linkemu.runtime.memory import MemoryEmulator
from linkemu.runtime.pump import Pump
from linkemu.sensor import Sensor

RATE = 8_000_000  # one byte a microsecond


def run_virtually(work: Callable[[VirtualClock], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(work(VirtualClock(loop)))


def sky() -> Sky:
    dark = [(0.0, 100.0, Cause.BELOW_MASK), (200.0, 50_000.0, Cause.BELOW_MASK)]
    return Sky.of(*(constant("g", "s", way, RATE, 0.25, 60_000.0, dark=dark) for way in Direction))


class Pinger:
    """A Machine: says a number each second while it may, and keeps what comes."""

    def __init__(self) -> None:
        self.next_at: float | None = None
        self.number = 0
        self.heard: list[tuple[float, bytes]] = []

    def receive(self, datagram: bytes, now: float) -> None:
        self.heard.append((round(now, 9), datagram))

    def transmit(self, now: float) -> list[bytes]:
        out: list[bytes] = []
        while self.next_at is not None and self.next_at <= now:
            out.append(b"%4d" % self.number)
            self.number += 1
            self.next_at += 1.0
        return out

    def next_wakeup(self) -> float | None:
        return self.next_at

    def may_send(self, sensor: Sensor, now: float) -> None:
        self.next_at = now if sensor.transmit_rate_bps else None


async def ping_over_the_sky(clock: VirtualClock) -> tuple[list[Pinger], MemoryEmulator, list[Plan]]:
    plans = list[Plan]()
    emulator = MemoryEmulator(Player(sky()), clock, {"g": Plan("g", 1, ())})
    machines = []
    for name in ("g", "s"):
        terminal, machine = emulator.terminal(name), Pinger()
        assert terminal.name == name and [link.peer for link in terminal.links] == [
            "s" if name == "g" else "g"
        ]
        pump = Pump(machine, lambda datagram, terminal=terminal: terminal.send(0, datagram), clock)  # type: ignore[misc]

        def on_sensor(sensor: Sensor, now: float, machine: Pinger = machine, pump: Pump = pump) -> None:
            machine.may_send(sensor, now)
            pump.drive()

        def on_datagram(link: int, datagram: bytes, now: float, pump: Pump = pump) -> None:
            pump.receive(datagram, now)

        terminal.attach(on_datagram, on_sensor, plans.append)
        await terminal.start()
        machines.append(machine)
    await clock.sleep_until(55_000.0)
    emulator.close()
    return machines, emulator, plans


def test_machines_talk_in_the_light_and_arrive_to_the_nanosecond() -> None:
    [ground, orbit], emulator, plans = run_virtually(ping_over_the_sky)
    assert plans == [Plan("g", 1, ())]
    for machine in (ground, orbit):
        assert machine.heard[0] == (100.250004, b"   0")
        assert [at for at, _ in machine.heard[:100]] == [
            pytest.approx(100.250004 + i, abs=1e-9) for i in range(100)
        ]
        assert machine.heard[100][0] == 50_000.250004  # the next light
    report = emulator.fidelity()
    assert [link.delay_error_max_s for link in report.links] == [0.0, 0.0]
    assert report.clock == "virtual"


def test_the_same_twice() -> None:
    runs = [run_virtually(ping_over_the_sky) for _ in range(2)]
    assert [machine.heard for machine in runs[0][0]] == [machine.heard for machine in runs[1][0]]


def test_a_closed_terminal_neither_hears_nor_sends() -> None:
    async def work(clock: VirtualClock) -> tuple[list[bytes], int]:
        emulator = MemoryEmulator(Player(sky()), clock)
        heard = list[bytes]()
        ground, orbit = emulator.terminal("g"), emulator.terminal("s")
        orbit.attach(lambda link, data, now: heard.append(data), lambda *_: None, lambda *_: None)
        await ground.start()
        await orbit.start()
        await clock.sleep_until(110.0)
        ground.send(0, b"heard")
        await clock.sleep_until(111.0)
        ground.send(0, b"in flight as it closes")
        await orbit.close()
        await clock.sleep_until(112.0)
        await ground.close()
        ground.send(0, b"never sent")
        await clock.sleep_until(113.0)
        emulator.close()
        return heard, emulator.player.channels[(0, Direction.UP)].counters.offered

    assert run_virtually(work) == ([b"heard"], 2)


def test_the_pump_sleeps_no_longer_than_the_machine_wants() -> None:
    """A wake-up that moves earlier is heeded, one that moves later costs one early look at most."""

    async def work(clock: VirtualClock) -> list[float]:
        machine, sent = Pinger(), list[float]()
        pump = Pump(machine, lambda _: sent.append(clock.now()), clock)
        machine.next_at = 50.0
        pump.drive()
        machine.next_at = 10.0
        pump.drive()
        await clock.sleep_until(10.5)
        machine.next_at = 30.0
        pump.drive()
        await clock.sleep_until(30.5)
        pump.close()
        await clock.sleep_until(40.0)
        return sent

    assert run_virtually(work) == [10.0, 30.0]
