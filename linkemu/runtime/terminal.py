"""A node's terminal over UDP: the node's half of docs/node-contract.md, and no more.

Says hello twice a second until welcome, beats once a second, joins again when the emulator has been silent
for 3 s or has started anew. Time, plan and sensors come from the emulator; what the kernel drops is counted.
These real-time intervals don't scale with the scenario's clock.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from linkemu.contract import (
    HEADER_BYTES,
    Beat,
    Bye,
    Hello,
    Message,
    NodeFile,
    NodeLink,
    PlanPart,
    Pulse,
    Sensor,
    Skip,
    SkipAck,
    SkyTime,
    TimeAck,
    Welcome,
    decode,
    encode,
    frame_header,
    join_plan,
    peek_frame,
)
from linkemu.errors import ContractError, FormatError
from linkemu.plan import Plan
from linkemu.runtime.clock import MappedClock, Piece, TimeMap
from linkemu.runtime.ports import OnDatagram, OnPlan, OnSensor
from linkemu.runtime.udp import Port

HELLO_EVERY_S = 0.5
BEAT_EVERY_S = 1.0
SILENCE_S = 3.0
GATHER_S = 0.001  # while frames come faster than this, they are read at this pace: fewer wake-ups, same light
_BATCH = 64


class UdpTerminal:
    """A Terminal (linkemu.runtime.ports) for the node of ``file``; sets ``clock`` as the emulator says."""

    def __init__(self, file: NodeFile, clock: MappedClock) -> None:
        self.clock = clock
        self.joined = False
        self.unsent = 0  # datagrams that could not be handed to the emulator
        self.refused = 0  # datagrams that broke the contract
        self._file = file
        self._port: Port | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._on_datagram: OnDatagram = _nobody
        self._on_sensor: OnSensor = _nobody
        self._on_plan: OnPlan = _nobody
        self._incarnation: int | None = None
        self._plan_version = 0
        self._plan_parts: defaultdict[int, list[PlanPart]] = defaultdict(list)
        self._early_plan: Plan | None = None  # came before the time did; a node hears it after
        self._time_version = 0
        self._time_known = asyncio.Event()
        self._heard_s = 0.0
        self._gathering: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return self._file.name

    @property
    def links(self) -> tuple[NodeLink, ...]:
        return self._file.links

    @property
    def drops(self) -> int:
        """Datagrams that the kernel has dropped in front of this terminal."""
        return 0 if self._port is None else self._port.drops

    def attach(self, on_datagram: OnDatagram, on_sensor: OnSensor, on_plan: OnPlan) -> None:
        self._on_datagram, self._on_sensor, self._on_plan = on_datagram, on_sensor, on_plan

    def send(self, link: int, datagram: bytes) -> None:
        header = frame_header(link, self._file.sends, self._file.token, len(datagram))
        if self._port is None or not self.joined or not self._port.send(header, datagram):
            self.unsent += 1

    async def start(self) -> None:
        """Take the terminal's address and join; returns once the emulator has told the time."""
        self._port = Port(self._file.terminal, self._file.emulator)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._port.socket, self._read, self._port)
        self._keeper = loop.create_task(self._keep(), name=f"terminal {self.name}")
        await self._time_known.wait()

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._port is not None:
            self._say(Bye())
            asyncio.get_running_loop().remove_reader(self._port.socket)
            if self._gathering is not None:
                self._gathering.cancel()
                self._gathering = None
            self._port.close()
            self._port = None
        self.joined = False

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self.joined and loop.time() - self._heard_s > SILENCE_S:
                self.joined = False
            if self.joined:
                self._say(Beat(self._plan_version, self._time_version, self.drops))
            else:
                self._say(Hello(self.name))
            await asyncio.sleep(BEAT_EVERY_S if self.joined else HELLO_EVERY_S)

    def _say(self, message: Message) -> None:
        if self._port is not None:
            self._port.send(encode(message, self._file.token))

    def _wait(self, port: Port) -> None:
        """Be woken by the next datagram."""
        self._gathering = None
        asyncio.get_running_loop().add_reader(port.socket, self._read, port)

    def _gather(self, port: Port) -> None:
        """Let datagrams come together for a moment, then read them all."""
        self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._read, port)

    def _read(self, port: Port) -> None:
        """Take what is there: woken by a datagram, or by the clock while they come thick and fast."""
        now_s = asyncio.get_running_loop().time()
        quick = now_s - self._heard_s < 2 * GATHER_S
        frames = self._take_batch(port, now_s)
        if self._port is None:  # closed by a callback
            return
        if self._gathering is not None:
            (self._gather if frames else self._wait)(port)
        elif frames and quick:
            asyncio.get_running_loop().remove_reader(port.socket)
            self._gather(port)

    def _take_batch(self, port: Port, now_s: float) -> int:
        """Hand on the datagrams that wait; how many of them were frames."""
        frames = 0
        for view, _, _ in port.batch(_BATCH):
            self._heard_s = now_s
            frame = peek_frame(view)
            if frame is None:
                self._control(view)
            elif frame[0] == self._file.token and self._time_known.is_set():
                frames += 1
                self._on_datagram(frame[1], bytes(view[HEADER_BYTES:]), self.clock.now())
            if self._port is None:
                break
        return frames

    def _control(self, view: memoryview) -> None:
        try:
            token, message = decode(view)
            if token != self._file.token:
                raise ContractError("a foreign token")
            self._take(message)
        except FormatError:
            self.refused += 1

    def _take(self, message: Message) -> None:
        match message:
            case Sensor():
                if self._time_known.is_set():
                    self._on_sensor(message, self.clock.now())
            case Welcome(incarnation):
                self.joined = True
                self._incarnation = incarnation
                self._say(Beat(self._plan_version, self._time_version, self.drops))
            case Pulse(incarnation):
                if incarnation != self._incarnation:
                    self._join_again()
            case SkyTime():
                self._set_time(message)
            case PlanPart():
                self._collect(message)
            case Skip(proposal, until_ns):
                self._say(SkipAck(proposal, self._skip_as_far_as(until_ns)))
            case Bye():
                self._join_again()

    def _join_again(self) -> None:
        if self.joined:
            self.joined = False
            self._say(Hello(self.name))

    def _set_time(self, time: SkyTime) -> None:
        piece = Piece(time.monotonic_ns, time.scenario_ns, time.rate)
        self._time_version = time.version
        self.clock.adopt(TimeMap((piece,), time.version))
        self._time_known.set()
        self._say(TimeAck(time.version))
        if self._early_plan is not None:
            plan, self._early_plan = self._early_plan, None
            self._on_plan(plan)

    def _skip_as_far_as(self, until_ns: int) -> int:
        essential = self.clock.next_essential()
        return until_ns if essential is None else min(until_ns, round(essential * 1e9))

    def _collect(self, part: PlanPart) -> None:
        if part.version <= self._plan_version:
            return
        parts = self._plan_parts[part.version]
        parts.append(part)
        text = join_plan(parts)
        if text is None:
            return
        self._plan_parts.clear()
        plan = Plan.from_json(text)
        self._plan_version = part.version
        if self._time_known.is_set():
            self._on_plan(plan)
        else:
            self._early_plan = plan


def _nobody(*_: object) -> None:
    """Hears a terminal to which nothing is attached."""
