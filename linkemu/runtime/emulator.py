"""The emulator's process: plays the Sky between the nodes' terminals over UDP, and measures itself.

``python -m linkemu.runtime.emulator FILE`` (a contract.EmulatorFile). It knows no physics and no content;
light goes in with the kernel's stamp, through the player, and out when due. What it must find again after
``kill -9`` is in records; who has joined is in members; time is in timekeeper; what the bus hears, in beams.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from linkemu import telemetry
from linkemu.contract import (
    HEADER_BYTES,
    Bye,
    EmulatorFile,
    Message,
    decode,
    encode,
    frame_header,
    peek_frame,
)
from linkemu.errors import ContractError, FormatError, InputError, LinkemuError, ResourceError
from linkemu.link.fidelity import Fidelity
from linkemu.link.overlay import Overlay
from linkemu.link.player import Arrival, Key, Player
from linkemu.link.recorder import Recorder
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from linkemu.runtime import mqtt, orders, realtime
from linkemu.runtime.beams import Observer
from linkemu.runtime.bus import Bus
from linkemu.runtime.clock import real_loop
from linkemu.runtime.members import Member, Members, plan_of
from linkemu.runtime.obeyed import obey
from linkemu.runtime.records import Records, overlay_row
from linkemu.runtime.timekeeper import Timekeeper
from linkemu.runtime.udp import Port

_BATCH = 4  # a longer one would keep what is due waiting
_BOOKS_EVERY_S = 2.0
_TELL_EVERY_S = 0.25


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
        self._time = Timekeeper(
            file, self._records, self.player, self._members, self._say, self._time_changed
        )
        self._recorder = Recorder(
            file.scenario, self.player, self._records.report() if self._time.time_map else None
        )
        for key, overlay in self._records.overlays():
            self.player.impose(key, overlay, -1)
        plans = {m.entry.name: plan for m in self._members.all if (plan := plan_of(m)) is not None}
        self._observer = Observer(self.player, plans)
        self._lead_ns = round(file.lead_s * file.rate * 1e9)
        self._port: Port | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = 0
        self._refused = 0
        self._worst_lag_ns = 0
        self._complained = False
        self._cpu_s = time.process_time()
        self._stolen_s = realtime.stolen_s()

    async def run(self, stop: asyncio.Event) -> None:
        """Play until ``stop``; then write the last report. ResourceError if the address is taken."""
        self._port = port = Port(self._file.address)
        loop = asyncio.get_running_loop()
        loop.add_reader(port.socket, self._read)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work(), name=work.__name__)
                    for work in (self._begin, self._keep_books, self._tell, self._time.skip_gaps, self._obey)
                ]
                await stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            loop.remove_reader(port.socket)
            self._finish(port)

    def impose(self, batch: Sequence[tuple[Key, Overlay]]) -> list[tuple[Key, Overlay]]:
        """Put live faults on links at one coming slot's edge; journalled before they take effect.

        ResourceError: the journal can't be written; they take effect all the same.
        """
        return self._changed(self.player.impose_all(batch, self._time.now_ns()))

    def lift(self, name: str | None) -> list[tuple[Key, Overlay]]:
        """End the live faults of a name (None: all) at one coming slot's edge; journalled likewise."""
        now_ns = self._time.now_ns()
        return self._changed(self.player.lift(name, now_ns, now_ns + self._lead_ns))

    def _changed(self, batch: list[tuple[Key, Overlay]]) -> list[tuple[Key, Overlay]]:
        if batch:
            try:
                self._records.keep_overlays(batch)
            except ResourceError as error:
                problem = f"{error.problem}; what was ordered acts, unknown to a restart and to a record"
                raise ResourceError(error.resource, problem) from None
            finally:
                self._drive()
        return batch

    def report(self) -> Fidelity:
        """The fidelity report so far."""
        since_s = self._recorder.earlier.at_s if self._recorder.earlier else 0.0
        resumed_ns = self._time.resumed_ns
        stolen_s = realtime.stolen_s()
        return self._recorder.report(
            self._time.now_ns(),
            gaps=() if resumed_ns is None else ((since_s, resumed_ns / 1e9),),
            clock="real" if self._file.rate == 1.0 else f"scaled by {self._file.rate:g}",
            scheduling=self._scheduling,
            kernel_drops=self._port.drops if self._port else 0,
            node_drops=sum(member.drops for member in self._members.all),
            refused_datagrams=self._refused,
            cpu_s=time.process_time() - self._cpu_s,
            stolen_s=None if stolen_s is None else stolen_s - (self._stolen_s or 0.0),
            skipped_s=self._time.time_map.skipped_ns() / 1e9 if self._time.time_map else 0.0,
        )

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
        if self._time.time_map is None or not member.joined:
            return
        member.last_light_ns = max(member.last_light_ns, self._time.time_map.scenario_ns(stamp_ns))
        self.player.offer(link, direction, bytes(view[HEADER_BYTES:]), member.last_light_ns)

    def _take_message(self, member: Member, message: Message) -> None:
        was_joined = member.joined
        for answer in self._members.hear(member, message, time.monotonic()):
            self._say(member, answer)
        self._time.heard()
        if member.joined and not was_joined:
            for sensor in self.player.sensors_of(member.entry.name):
                self._say(member, sensor)

    def _say(self, member: Member, message: Message) -> None:
        if self._port is not None:
            self._port.send(encode(message, member.entry.token), to=member.entry.terminal)

    def _drive(self) -> None:
        """Send what is due, tell terminals what they see, and set the timer for what is next."""
        if self._time.time_map is None:
            return
        now_ns = self._time.now_ns()
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
        self._recorder.delivered(arrival.link, arrival.direction, arrival.delivery, self._time.now_ns())

    def _arm(self, next_ns: int | None) -> None:
        if self._timer is not None:
            if next_ns is not None and self._armed_ns <= next_ns:
                return
            self._timer.cancel()
            self._timer = None
        if next_ns is not None and self._time.time_map is not None:
            self._armed_ns = next_ns
            rest_s = (self._time.time_map.monotonic_ns(next_ns) - time.monotonic_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(max(0.0, rest_s), self._wake)

    def _wake(self) -> None:
        self._timer = None
        lag_ns = self._time.now_ns() - self._armed_ns
        self._worst_lag_ns = max(self._worst_lag_ns, lag_ns)
        self._recorder.woke(lag_ns)
        self._drive()

    async def _begin(self) -> None:
        await self._time.begin()
        self._keep_report()  # so that a kill from now on is known as one

    def _time_changed(self) -> None:
        self._arm(None)
        self._drive()

    # Books and bus

    async def _keep_books(self) -> None:
        while True:
            await asyncio.sleep(_BOOKS_EVERY_S)
            self._members.expire(time.monotonic())
            self._keep_report()
            if self.player.dark_and_drained(self._time.now_ns()):
                gc.collect()

    def _keep_report(self) -> None:
        """A full disk costs the report's freshness, not the light: say so once, and go on."""
        try:
            self._records.keep_report(self.report())
        except ResourceError as error:
            if not self._complained:
                print(f"emulator: {error}; going on without a fresh report", file=sys.stderr, flush=True)
            self._complained = True

    async def _obey(self) -> None:
        """Carry out what an operator orders over the bus."""
        scenario = self._file.scenario
        await obey(self._bus, scenario, orders.fault_topic(scenario), self._carry_out)

    def _carry_out(self, payload: bytes) -> list[object]:
        """What it comes to, as it takes effect. FormatError if there is no such link, or no such fault."""
        try:
            match orders.read_fault(payload):
                case orders.Impose() as order:
                    now_ns = self._time.now_ns() + self._lead_ns
                    changed = self.impose(order.overlays(self.player.sky, now_ns))
                case orders.Lift(name):
                    changed = self._lift(name)
        except (FormatError, ResourceError) as error:
            print(f"emulator: {error}", file=sys.stderr, flush=True)
            raise
        return [overlay_row(*each) for each in changed]

    def _lift(self, name: str | None) -> list[tuple[Key, Overlay]]:
        changed = self.lift(name)
        if name is not None and not changed:
            now_ns = self._time.now_ns()
            standing = ", ".join(self.player.standing(now_ns, now_ns + self._lead_ns)) or "none at all"
            raise FormatError(f"order: no fault is named {name!r}; there are: {standing}")
        return changed

    async def _tell(self) -> None:
        rounds = 0
        while True:
            if self._time.time_map is not None:
                self._publish(whole=rounds % round(1.0 / _TELL_EVERY_S) == 0)
                rounds += 1
            await asyncio.sleep(_TELL_EVERY_S)

    def _publish(self, *, whole: bool) -> None:
        now_ns = self._time.now_ns()
        messages: list[telemetry.Message] = [*self._observer.changes(now_ns)]
        if whole and self._time.time_map is not None:
            rate, skipped_s = self._file.rate, self._time.time_map.skipped_ns() / 1e9
            lag_s, self._worst_lag_ns = self._worst_lag_ns / 1e9, 0
            messages.append(telemetry.ClockState(now_ns / 1e9, rate, self._file.duration_s, lag_s, skipped_s))
            messages += self._observer.telemetry(now_ns)
        for message in messages:
            self._bus.publish(message.topic(self._file.scenario), message.payload(), retain=message.RETAIN)

    def _finish(self, port: Port) -> None:
        self._arm(None)
        for member in self._members.joined():
            self._say(member, Bye())
        self._keep_report()
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
