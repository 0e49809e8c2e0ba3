"""The emulator's process: plays the Sky between the nodes' terminals over UDP, and measures itself.

``python -m linkemu.runtime.emulator FILE`` (a contract.EmulatorFile). It knows no physics and no content;
light goes in with the kernel's stamp, through the player, and out when due. What it must find again after
``kill -9`` is in records; who has joined is in members; what the bus hears is in beams.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from linkemu import telemetry
from linkemu.contract import (
    HEADER_BYTES,
    Bye,
    EmulatorFile,
    Message,
    Skip,
    decode,
    encode,
    frame_header,
    peek_frame,
)
from linkemu.errors import ContractError, InputError, LinkemuError
from linkemu.link.channel import Overlay
from linkemu.link.fidelity import Fidelity, Recorder
from linkemu.link.player import Arrival, Player
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.runtime import mqtt, realtime
from linkemu.runtime.beams import Observer
from linkemu.runtime.bus import Bus
from linkemu.runtime.clock import Piece, TimeMap, real_loop
from linkemu.runtime.members import Member, Members, plan_of
from linkemu.runtime.records import Records
from linkemu.runtime.udp import Port

_BATCH = 12  # a longer one would keep what is due waiting
_BOOKS_EVERY_S = 2.0
_TELL_EVERY_S = 0.25
_SKIP_EVERY_S = 0.25
_SKIP_LEAD_S = 5.0  # time goes on this long before the next light
_LEAST_SKIP_S = 2.0
_ANSWER_S = 1.0
_START_LEAD_NS = 50_000_000


class Emulator:
    """Order of calls: construct, ``await run(stop)``. Nothing is bound before ``run``."""

    def __init__(self, file: EmulatorFile, bus: Bus, scheduling: str = "plain scheduling") -> None:
        """InputError or FormatError if the sky, a plan or what an earlier emulator left can't be read."""
        self._file = file
        self._bus = bus
        self._scheduling = scheduling
        sky = Sky.load(file.sky)
        _check_links(file, len(sky.links))
        self.player = Player(sky, queue_bytes=file.queue_bytes, hold_s=file.hold_s)
        self._members = Members(file.nodes, secrets.randbits(63), round(file.duration_s * 1e9))
        self._receivers = {
            (link, m.entry.sends.other): m for m in self._members.all for link in m.entry.links
        }
        self._records = Records(file.state)
        self._map = self._records.time_map()
        self._resumed_s = None if self._map is None else self._map.scenario_ns(time.monotonic_ns()) / 1e9
        self._recorder = Recorder(file.scenario, self.player, self._records.report() if self._map else None)
        for key, overlay in self._records.overlays():
            self.player.impose(key, overlay, -1)
        plans = {m.entry.name: plan for m in self._members.all if (plan := plan_of(m)) is not None}
        self._observer = Observer(self.player, plans)
        self._port: Port | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = 0
        self._refused = 0
        self._worst_lag_ns = 0
        self._proposal = 0
        self._cpu_s = time.process_time()
        self._news = asyncio.Event()  # a node has said something

    async def run(self, stop: asyncio.Event) -> None:
        """Play until ``stop``; then write the last report. ResourceError if the address is taken."""
        self._port = port = Port(self._file.address)
        loop = asyncio.get_running_loop()
        loop.add_reader(port.socket, self._read)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work(), name=work.__name__)
                    for work in (self._start_time, self._keep_books, self._tell, self._skip_gaps)
                ]
                await stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            loop.remove_reader(port.socket)
            self._finish(port)

    def impose(self, link: int, direction: Direction, overlay: Overlay) -> Overlay:
        """Put a live fault on a link from a coming slot on; journalled before it takes effect."""
        key = (link, direction)
        effective = self.player.impose(key, overlay, self._now_ns())
        self._records.keep_overlay(key, effective)
        self._drive()
        return effective

    def report(self) -> Fidelity:
        """The fidelity report so far."""
        started_s = self._map.pieces[0].scenario_ns / 1e9 if self._map else 0.0
        since_s = self._recorder.earlier.at_s if self._recorder.earlier else started_s
        return self._recorder.report(
            self._now_ns(),
            gaps=() if self._resumed_s is None else ((since_s, self._resumed_s),),
            clock="real" if self._file.rate == 1.0 else f"scaled by {self._file.rate:g}",
            scheduling=self._scheduling,
            kernel_drops=self._port.drops if self._port else 0,
            node_drops=sum(member.drops for member in self._members.all),
            refused_datagrams=self._refused,
            cpu_s=time.process_time() - self._cpu_s,
            skipped_s=self._map.skipped_ns() / 1e9 if self._map else 0.0,
        )

    def _now_ns(self) -> int:
        return 0 if self._map is None else self._map.scenario_ns(time.monotonic_ns())

    # Light

    def _read(self) -> None:
        if self._port is None or self._port.socket.fileno() < 0:
            return
        for view, sender, stamp_ns in self._port.batch(_BATCH):
            try:
                frame = peek_frame(view)
                if frame is not None:
                    self._take_light(self._members.at(sender, frame[0]), frame[1], frame[2], view, stamp_ns)
                else:
                    token, message = decode(view)
                    self._take_message(self._members.at(sender, token), message)
            except ContractError:
                self._refused += 1
        self._drive()

    def _take_light(
        self, member: Member, link: int, direction: Direction, view: memoryview, stamp_ns: int
    ) -> None:
        entry = member.entry
        if direction is not entry.sends or link not in entry.links:
            raise ContractError(f"{entry.name} has no transmitter {direction.value} on link {link}")
        if self._map is None or not member.joined:
            return
        member.last_light_ns = max(member.last_light_ns, self._map.scenario_ns(stamp_ns))
        self.player.offer(link, direction, bytes(view[HEADER_BYTES:]), member.last_light_ns)

    def _take_message(self, member: Member, message: Message) -> None:
        was_joined = member.joined
        for answer in self._members.hear(member, message, time.monotonic()):
            self._say(member, answer)
        self._news.set()
        if member.joined and not was_joined:
            for sensor in self.player.sensors_of(member.entry.name):
                self._say(member, sensor)

    def _say(self, member: Member, message: Message) -> None:
        if self._port is not None:
            self._port.send(encode(message, member.entry.token), to=member.entry.terminal)

    def _drive(self) -> None:
        """Send what is due, tell terminals what they see, and set the timer for what is next."""
        if self._map is None:
            return
        now_ns = self._now_ns()
        for arrival in self.player.due(now_ns):
            self._deliver(arrival)
        for node, sensor in self.player.sensors(now_ns):
            for member in self._members.joined():
                if member.entry.name == node:
                    self._say(member, sensor)
        self._arm(self.player.next_ns())

    def _deliver(self, arrival: Arrival) -> None:
        member = self._receivers.get((arrival.link, arrival.direction))
        if member is None or not member.joined or self._port is None:
            return  # light falls on a closed terminal
        datagram = arrival.delivery.datagram
        header = frame_header(arrival.link, arrival.direction, member.entry.token, len(datagram))
        self._port.send(header, datagram, to=member.entry.terminal)
        self._recorder.delivered(arrival.link, arrival.direction, arrival.delivery, self._now_ns())

    def _arm(self, next_ns: int | None) -> None:
        if self._timer is not None:
            if next_ns is not None and self._armed_ns <= next_ns:
                return
            self._timer.cancel()
            self._timer = None
        if next_ns is not None and self._map is not None:
            self._armed_ns = next_ns
            rest_s = (self._map.monotonic_ns(next_ns) - time.monotonic_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(max(0.0, rest_s), self._wake)

    def _wake(self) -> None:
        self._timer = None
        lag_ns = self._now_ns() - self._armed_ns
        self._worst_lag_ns = max(self._worst_lag_ns, lag_ns)
        self._recorder.woke(lag_ns)
        self._drive()

    # Time

    async def _start_time(self) -> None:
        """Let time begin when all nodes have joined, or after a while; or go on where it is."""
        if self._map is None:
            await self._until(
                lambda: len(self._members.joined()) == len(self._members.all), self._file.join_timeout_s
            )
            piece = Piece(time.monotonic_ns() + _START_LEAD_NS, 0, self._file.rate)
            self._set_time(TimeMap((piece,)))
        else:
            self._set_time(self._map)

    def _set_time(self, time_map: TimeMap) -> None:
        self._records.keep_time_map(time_map)
        self._map = time_map
        message = self._members.set_time(time_map)
        for member in self._members.joined():
            self._say(member, message)
        self._arm(None)
        self._drive()

    async def _skip_gaps(self) -> None:
        while self._file.skip_gaps:
            await asyncio.sleep(_SKIP_EVERY_S)
            if (target_ns := self._skip_target()) is not None:
                await self._propose(target_ns)

    def _skip_target(self) -> int | None:
        """How far time may jump: dark, drained, every node there, and worth it."""
        now_ns = self._now_ns()
        everyone = len(self._members.joined()) == len(self._members.all)
        if self._map is None or not everyone or not self.player.dark_and_drained(now_ns):
            return None
        light_ns = self.player.next_light(now_ns)
        end_ns = round(self._file.duration_s * 1e9)
        target_ns = end_ns if light_ns is None else light_ns - round(_SKIP_LEAD_S * 1e9)
        return target_ns if target_ns - now_ns > _LEAST_SKIP_S * 1e9 else None

    async def _propose(self, target_ns: int) -> None:
        self._proposal += 1
        for member in self._members.all:
            self._say(member, Skip(self._proposal, target_ns))
        await self._until(lambda: self._members.agreed_until(self._proposal) is not None, _ANSWER_S)
        agreed_ns = self._members.agreed_until(self._proposal)
        still_ns = self._skip_target()
        if agreed_ns is None or still_ns is None or self._map is None:
            return
        until_ns = min(agreed_ns, still_ns)
        if until_ns - self._now_ns() > _LEAST_SKIP_S * 1e9:
            self._set_time(self._map.jump(time.monotonic_ns(), until_ns))
            version = self._map.version
            await self._until(
                lambda: all(m.time_version == version for m in self._members.joined()), _ANSWER_S
            )

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Return when ``condition``, which only a node's message can change, holds; or after real seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return

    # Books and bus

    async def _keep_books(self) -> None:
        while True:
            await asyncio.sleep(_BOOKS_EVERY_S)
            self._members.expire(time.monotonic())
            self._records.keep_report(self.report())
            if self.player.dark_and_drained(self._now_ns()):
                gc.collect()

    async def _tell(self) -> None:
        rounds = 0
        while True:
            if self._map is not None:
                self._publish(whole=rounds % round(1.0 / _TELL_EVERY_S) == 0)
                rounds += 1
            await asyncio.sleep(_TELL_EVERY_S)

    def _publish(self, *, whole: bool) -> None:
        now_ns = self._now_ns()
        messages: list[telemetry.Message] = [*self._observer.changes(now_ns)]
        if whole and self._map is not None:
            rate, skipped_s = self._file.rate, self._map.skipped_ns() / 1e9
            lag_s, self._worst_lag_ns = self._worst_lag_ns / 1e9, 0
            messages.append(telemetry.ClockState(now_ns / 1e9, rate, self._file.duration_s, lag_s, skipped_s))
            messages += self._observer.telemetry(now_ns)
        for message in messages:
            self._bus.publish(message.topic(self._file.scenario), message.payload(), retain=message.RETAIN)

    def _finish(self, port: Port) -> None:
        self._arm(None)
        for member in self._members.joined():
            self._say(member, Bye())
        self._records.keep_report(self.report())
        topic = telemetry.topic(self._file.scenario, "fidelity")
        self._bus.publish(topic, self.report().to_json().encode(), retain=True)
        port.close()


def _check_links(file: EmulatorFile, count: int) -> None:
    for node in file.nodes:
        strange = [link for link in node.links if not 0 <= link < count]
        if strange:
            raise InputError(f"node {node.name}", f"link {strange[0]} is not in the sky, which has {count}")


async def _main(path: Path) -> None:
    file = EmulatorFile.load(path)
    gone = telemetry.NodeStatus("emulator", "emulator", "lost", os.getpid())
    will = mqtt.Will(gone.topic(file.scenario), gone.payload())
    bus = mqtt.connect(file.broker, f"emulator-{os.getpid()}", will)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        emulator = Emulator(file, bus, realtime.tune(precedence=file.realtime))
        _tell_status(bus, file, "up")
        await emulator.run(stop)
        _tell_status(bus, file, "stopped")
    finally:
        await bus.close()


def _tell_status(bus: Bus, file: EmulatorFile, state: telemetry.NodeState) -> None:
    status = telemetry.NodeStatus("emulator", "emulator", state, os.getpid())
    bus.publish(status.topic(file.scenario), status.payload(), retain=True)


def main() -> int:
    """The command; one line on stderr and an exit code for what goes wrong."""
    if len(sys.argv) != 2:
        print("usage: python -m linkemu.runtime.emulator EMULATOR_FILE", file=sys.stderr)
        return 2
    try:
        with asyncio.Runner(loop_factory=real_loop) as runner:
            runner.run(_main(Path(sys.argv[1])))
    except LinkemuError as error:
        return _complain(error)
    except ExceptionGroup as group:
        ours = group.subgroup(LinkemuError)
        if ours is None:
            raise
        return _complain(ours)
    return 0


def _complain(error: Exception) -> int:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    print(f"emulator: {error}", file=sys.stderr)
    return error.exit_code if isinstance(error, LinkemuError) else 1


if __name__ == "__main__":
    sys.exit(main())
