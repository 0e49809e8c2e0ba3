"""The sky in memory: a player and its terminals in one event loop, for the virtual clock and for tests.

The same Player as behind the UDP emulator, driven by the loop's own timers: no sockets, no threads. Order of
events has no outside cause.
"""

from __future__ import annotations

from collections.abc import Mapping

from linkemu.contract import NodeLink
from linkemu.link.fidelity import Fidelity
from linkemu.link.player import Player
from linkemu.link.recorder import Recorder
from linkemu.machine import Direction
from linkemu.plan import Plan
from linkemu.runtime.clock import Clock, Timer
from linkemu.runtime.ports import OnDatagram, OnPlan, OnSensor
from linkemu.sensor import Sensor


class MemoryEmulator:
    """Plays a sky for terminals of the same process. ``plans`` are handed over as each terminal starts."""

    def __init__(
        self, player: Player, clock: Clock, plans: Mapping[str, Plan] | None = None, scenario: str = "memory"
    ) -> None:
        self.player = player
        self._clock = clock
        self._plans = dict(plans or {})
        self._recorder = Recorder(scenario, player)
        self._terminals: dict[str, MemoryTerminal] = {}
        self._timer: Timer | None = None
        self._armed_ns = 0
        self._driving = False

    def terminal(self, name: str) -> MemoryTerminal:
        """The terminal of a station or satellite of the Sky, always the same one."""
        if name not in self._terminals:
            self._terminals[name] = MemoryTerminal(self, name, self._links_of(name))
        return self._terminals[name]

    def join(self, terminal: MemoryTerminal) -> None:
        """Tell a terminal that has just started its plan, and what it sees."""
        plan = self._plans.get(terminal.name)
        if plan is not None:
            terminal.plan(plan)
        for sensor in self.player.sensors_of(terminal.name):
            terminal.sense(sensor, self._clock.now())
        self.drive()

    def tell_plan(self, name: str, plan: Plan) -> None:
        """Give a terminal a plan from now on."""
        self._plans[name] = plan
        self.terminal(name).plan(plan)

    def offer(self, link: int, direction: Direction, datagram: bytes) -> None:
        """Light from a terminal."""
        self.player.offer(link, direction, datagram, self._now_ns())
        if not self._driving:
            self._arm()

    def drive(self) -> None:
        """Hand over what is due, and set the timer for what is next."""
        now_ns = self._now_ns()
        self._driving = True
        try:
            for arrival in self.player.due(now_ns):
                self._recorder.delivered(arrival.link, arrival.direction, arrival.delivery, now_ns)
                name = self.player.sky.links[arrival.link]
                peer = name.satellite if arrival.direction is Direction.UP else name.station
                self.terminal(peer).deliver(arrival.link, arrival.delivery.datagram, now_ns / 1e9)
            for node, sensor in self.player.sensors(now_ns):
                self.terminal(node).sense(sensor, now_ns / 1e9)
        finally:
            self._driving = False
        self._arm()

    def fidelity(self) -> Fidelity:
        """The report so far; under the virtual clock its delay errors are 0 by construction."""
        return self._recorder.report(self._now_ns(), clock="virtual")

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now_ns(self) -> int:
        return round(self._clock.now() * 1e9)

    def _arm(self) -> None:
        next_ns = self.player.next_ns()
        if self._timer is not None:
            if next_ns is not None and self._armed_ns <= next_ns:
                return
            self._timer.cancel()
            self._timer = None
        if next_ns is not None:
            self._armed_ns = next_ns
            self._timer = self._clock.call_at(next_ns / 1e9, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.drive()

    def _links_of(self, name: str) -> tuple[NodeLink, ...]:
        return tuple(
            NodeLink(number, link.satellite if link.station == name else link.station)
            for number, link in enumerate(self.player.sky.links)
            if name in (link.station, link.satellite)
        )


class MemoryTerminal:
    """A Terminal (linkemu.runtime.ports) on a MemoryEmulator."""

    def __init__(self, emulator: MemoryEmulator, name: str, links: tuple[NodeLink, ...]) -> None:
        self._emulator = emulator
        self._name = name
        self._links = links
        self._sends = {
            link.link: Direction.UP
            if emulator.player.sky.links[link.link].station == name
            else Direction.DOWN
            for link in links
        }
        self._hears: tuple[OnDatagram, OnSensor, OnPlan] | None = None
        self._open = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def links(self) -> tuple[NodeLink, ...]:
        return self._links

    def attach(self, on_datagram: OnDatagram, on_sensor: OnSensor, on_plan: OnPlan) -> None:
        self._hears = (on_datagram, on_sensor, on_plan)

    def send(self, link: int, datagram: bytes) -> None:
        if self._open:
            self._emulator.offer(link, self._sends[link], datagram)

    async def start(self) -> None:
        self._open = True
        self._emulator.join(self)

    async def close(self) -> None:
        self._open = False

    def deliver(self, link: int, datagram: bytes, now: float) -> None:
        """From the emulator; light that meets a closed terminal is gone."""
        if self._open and self._hears is not None:
            self._hears[0](link, datagram, now)

    def sense(self, sensor: Sensor, now: float) -> None:
        if self._open and self._hears is not None:
            self._hears[1](sensor, now)

    def plan(self, plan: Plan) -> None:
        if self._open and self._hears is not None:
            self._hears[2](plan)
