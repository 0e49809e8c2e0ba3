"""The emulator's process between two real terminals: light, time, faults, restarts, strangers, bad starts."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from linkemu import telemetry
from linkemu.contract import (
    Beat,
    EmulatorFile,
    Frame,
    Hello,
    NodeEntry,
    NodeFile,
    NodeLink,
    PlanPart,
    Sensor,
    encode,
)
from linkemu.errors import InputError, ResourceError
from linkemu.link.fidelity import Fidelity
from linkemu.link.overlay import outage
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.runtime import orders
from linkemu.runtime.bus import MemoryBus, NullBus
from linkemu.runtime.clock import MappedClock
from linkemu.runtime.emulator import Emulator
from linkemu.runtime.members import Members
from linkemu.runtime.terminal import UdpTerminal
from linkemu.runtime.timemap import Piece, TimeMap
from tests.ports import free_port
from tests.waiting import until_async as until

pytestmark = pytest.mark.acceptance
RATE = 100_000_000
HOST = "127.0.0.1"


@dataclass
class House:
    """Files of a session of one station and one satellite."""

    room: Path
    emulator: EmulatorFile
    nodes: dict[str, NodeFile]

    @classmethod
    def build(
        cls, room: Path, dark: list[tuple[float, float, Cause]], erased: list[tuple[int, int]], **more: object
    ) -> House:
        ways = [
            constant("koganei", "iss", way, RATE, 0.02, 600.0, dark=dark, erased=erased) for way in Direction
        ]
        Sky.of(*ways).save(room / "sky")
        windows = (Window(0, "iss", 0.0, 600.0, ((0.0, RATE),), ((0.0, 0.02),), 50.0),)
        (room / "plan.json").write_text(Plan("koganei", 4, windows).to_json())
        address, ground, orbit = ((HOST, free_port(socket.SOCK_DGRAM)) for _ in range(3))
        entries = (
            NodeEntry("koganei", "ground", ground, 11, (0,), room / "plan.json"),
            NodeEntry("iss", "satellite", orbit, 12, (0,)),
        )
        file = EmulatorFile("test", address, room / "sky", room / "state", entries, 600.0, realtime=False)
        file = replace(file, **more)  # type: ignore[arg-type]
        file.save(room / "emulator.json")
        links = {"koganei": NodeLink(0, "iss"), "iss": NodeLink(0, "koganei")}
        nodes = {
            e.name: NodeFile(e.name, e.role, address, e.terminal, e.token, (links[e.name],)) for e in entries
        }
        return cls(room, file, nodes)

    def launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "linkemu.runtime.emulator", self.room / "emulator.json"]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    def report(self) -> Fidelity:
        return Fidelity.from_json((self.room / "state" / "fidelity.json").read_text())


@dataclass
class Node:
    """A terminal with ears."""

    terminal: UdpTerminal
    clock: MappedClock
    light: list[tuple[float, bytes]] = field(default_factory=list)
    sensors: list[tuple[float, Sensor]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    @classmethod
    def of(cls, file: NodeFile) -> Node:
        clock = MappedClock()
        node = cls(UdpTerminal(file, clock), clock)
        node.terminal.attach(
            lambda link, datagram, now: node.light.append((now, datagram)),
            lambda sensor, now: node.sensors.append((now, sensor)),
            node.plans.append,
        )
        return node


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    """``await start(dark=…)`` gives (emulator, ground, satellite, bus), running in this process."""
    stop, running, nodes = asyncio.Event(), list[asyncio.Task[None]](), list[Node]()

    async def begin(
        dark: list[tuple[float, float, Cause]] | None = None,
        erased: list[tuple[int, int]] | None = None,
        **more: object,
    ) -> tuple[Emulator, Node, Node, MemoryBus]:
        house = House.build(tmp_path, dark or [], erased or [], **more)
        bus = MemoryBus()
        emulator = Emulator(house.emulator, bus)
        running.append(asyncio.create_task(emulator.run(stop)))
        nodes.extend(Node.of(file) for file in house.nodes.values())
        await asyncio.gather(*(node.terminal.start() for node in nodes))
        return emulator, nodes[0], nodes[1], bus

    yield begin
    await asyncio.gather(*(node.terminal.close() for node in nodes))
    stop.set()
    await asyncio.gather(*running)


async def test_light_crosses_with_rate_and_delay_and_each_end_sees_its_sensor(start) -> None:
    _, ground, orbit, _ = await start()
    await until(lambda: ground.sensors and orbit.sensors and ground.plans)
    assert ground.sensors[-1][1] == orbit.sensors[-1][1] == Sensor(0, True, RATE, None)
    assert ground.plans[0].version == 4 and not orbit.plans
    await until(lambda: ground.clock.now() > 0)
    sent_at = ground.clock.now()
    frames = [bytes([i]) * 10_000 for i in range(20)]
    for frame in frames:
        ground.terminal.send(0, frame)
    orbit.terminal.send(0, b"down")
    await until(lambda: len(orbit.light) == 20 and ground.light)
    assert [frame for _, frame in orbit.light] == frames
    assert ground.light[0][1] == b"down"
    first, last = orbit.light[0][0] - sent_at, orbit.light[-1][0] - sent_at
    assert first >= 0.02 + 0.0008 and last >= 0.02 + 20 * 0.0008  # never before physics allows


async def test_erased_slots_lose_frames_and_the_report_says_so(start) -> None:
    emulator, ground, orbit, _ = await start(erased=[(0, 600_000)])
    await until(lambda: ground.clock.now() > 0.01)
    ground.terminal.send(0, b"into the cloud")
    await until(lambda: any(link.erased_frames for link in emulator.report().links))
    [up] = [link for link in emulator.report().links if link.direction == "up"]
    assert (up.offered_frames, up.erased_frames, up.delivered_frames) == (1, 1, 0)
    assert not orbit.light


async def test_strangers_forgers_and_cheats_are_refused_and_counted(start) -> None:
    emulator, ground, orbit, _ = await start()
    address = ground.terminal._file.emulator
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(encode(Frame(0, Direction.UP, b"stranger"), 11), address)
        stranger.sendto(encode(Hello("koganei"), 11), address)
        stranger.sendto(b"garbage", address)
    port = ground.terminal._port
    assert port is not None
    for message, token in [
        (Frame(0, Direction.UP, b"wrong token"), 12),
        (Frame(0, Direction.DOWN, b"not its direction"), 11),
        (Frame(1, Direction.UP, b"not its link"), 11),
        (Hello("iss"), 11),
        (Sensor(0, True, 1, None), 11),
    ]:
        port.send(encode(message, token))
    ground.terminal.send(0, b"honest")
    await until(lambda: orbit.light)
    await until(lambda: emulator.report().refused_datagrams == 8)
    assert [frame for _, frame in orbit.light] == [b"honest"]


async def test_a_live_fault_is_journalled_and_holds_the_modem(start, tmp_path: Path) -> None:
    emulator, ground, orbit, _ = await start()
    await until(lambda: ground.clock.now() > 0)
    now_ns = round(ground.clock.now() * 1e9)
    [(_, effective)] = emulator.impose([((0, Direction.UP), outage(now_ns, now_ns + 300_000_000))])
    [line] = (tmp_path / "state" / "overlays.jsonl").read_text().splitlines()
    [record] = json.loads(line)["overlays"]
    assert record["start_ns"] == effective.start_ns and record["direction"] == "up"
    await until(lambda: not ground.sensors[-1][1].locked)
    ground.terminal.send(0, b"held")
    await until(lambda: orbit.light)
    assert orbit.light[0][0] >= effective.end_ns / 1e9 + 0.02
    await until(lambda: ground.sensors[-1][1].locked)


async def test_time_skips_the_dark_as_far_as_all_agree(start) -> None:
    """Dark from 1 s to 500 s; the ground node has an appointment at 200 s."""
    emulator, ground, orbit, _ = await start(dark=[(1.0, 500.0, Cause.BELOW_MASK)], skip_gaps=True)

    async def met_s() -> float:
        await ground.clock.sleep_until(200.0)
        return ground.clock.now()

    assert 200.0 <= await asyncio.create_task(met_s()) < 203.0
    await until(lambda: orbit.clock.now() > 490.0)
    assert orbit.clock.now() < 500.0  # time goes on by itself before the light
    await until(lambda: abs(ground.clock.now() - orbit.clock.now()) < 0.05)
    assert emulator.report().skipped_s > 490.0


async def test_the_bus_hears_links_and_time(start) -> None:
    *_, bus = await start(dark=[(0.0, 500.0, Cause.ACQUIRING)])
    seen: dict[str, telemetry.Message] = {}

    async def listen() -> None:
        async for note in bus.subscribe(telemetry.everything("test")):
            message = telemetry.read(note.topic, note.payload)
            if message is not None:
                seen[type(message).__name__] = message

    listener = asyncio.create_task(listen())
    await until(lambda: {"ClockState", "LinkState", "LinkTelemetry"} <= set(seen))
    listener.cancel()
    state, about = seen["LinkState"], seen["LinkTelemetry"]
    assert isinstance(state, telemetry.LinkState) and isinstance(about, telemetry.LinkTelemetry)
    assert (state.up.state, state.up.cause, state.up.rate_bps) == ("acquiring", "acquiring", 0)
    assert about.window_end_s == 600.0


async def test_an_operator_s_fault_comes_over_the_bus_and_nonsense_does_no_harm(start, capfd) -> None:
    emulator, ground, orbit, bus = await start()
    await until(lambda: ground.clock.now() > 0)
    topic = "linkemu/test/order/fault"
    fault = {
        "station": "koganei",
        "satellite": "iss",
        "direction": "up",
        "duration_s": 100.0,
        "erase_slots": {"every": 1},
    }
    for wrong in ({}, {"satellite": "moon"}, {"duration_s": -1}, {"erase_slots": "x"}):
        bus.publish(topic, {"faults": [{**fault, **wrong}]} if wrong else {})
    bus.publish(topic, {"faults": [fault]})
    channel = emulator.player.channels[(0, Direction.UP)]
    await until(lambda: channel.is_slot_erased(0, 10**6))
    await until(lambda: channel.is_slot_erased(0, int(ground.clock.now() * 1000) - 1))
    ground.terminal.send(0, b"lost unseen")
    await until(lambda: emulator.player.channels[(0, Direction.UP)].counters.erased)
    assert ground.sensors[-1][1].locked and not orbit.light
    assert [link.erased_slots > 0 for link in emulator.report().links] == [True, False]
    complaints = capfd.readouterr().err.splitlines()
    assert len(complaints) == 4 and "no link koganei - moon" in complaints[1]
    bus.publish(topic, {"lift": None})
    await until(lambda: channel.overlaid.live(round(ground.clock.now() * 1e9)) == [])
    ground.terminal.send(0, b"seen again")
    await until(lambda: orbit.light)


async def test_an_order_that_cant_be_journalled_acts_and_is_told_as_it_is(
    start, tmp_path: Path, capfd
) -> None:
    emulator, ground, _, bus = await start()
    await until(lambda: ground.clock.now() > 0)
    (tmp_path / "state" / "overlays.jsonl").mkdir()
    answers: list[dict[str, Any]] = []

    async def listen() -> None:
        async for note in bus.subscribe(orders.answer_topic("test")):
            answers.append(json.loads(note.payload))

    listener = asyncio.create_task(listen())
    fault = {"station": "koganei", "satellite": "iss", "direction": "up", "erase_slots": {"every": 1}}
    bus.publish(orders.fault_topic("test"), {"id": "one", "faults": [fault]})
    await until(lambda: answers)
    assert answers[0]["id"] == "one" and "Is a directory; what was ordered acts" in answers[0]["error"]
    assert emulator.player.channels[(0, Direction.UP)].is_slot_erased(0, 10**6)
    (tmp_path / "state" / "overlays.jsonl").rmdir()
    bus.publish(orders.fault_topic("test"), {"id": "two", "lift": None})
    await until(lambda: len(answers) == 2)
    assert len(answers[1]["effective"]) == 1
    listener.cancel()
    assert capfd.readouterr().err.count("overlays.jsonl") == 1


async def test_a_report_that_cant_be_written_costs_no_light(start, tmp_path: Path, capfd) -> None:
    emulator, ground, orbit, _ = await start()
    (tmp_path / "state" / "fidelity.json").unlink()
    (tmp_path / "state" / "fidelity.json").mkdir()
    emulator._keep_report()
    emulator._keep_report()
    await until(lambda: ground.clock.now() > 0)
    ground.terminal.send(0, b"still there")
    await until(lambda: orbit.light)
    assert capfd.readouterr().err.count("going on without a fresh report") == 1


async def test_after_kill_9_it_goes_on_at_the_time_that_it_is(tmp_path: Path) -> None:
    house = House.build(tmp_path, [], [])
    process = house.launch()
    ground, orbit = (Node.of(file) for file in house.nodes.values())
    try:
        await asyncio.gather(ground.terminal.start(), orbit.terminal.start())
        await until(lambda: ground.clock.now() > 0)
        ground.terminal.send(0, b"before")
        await until(lambda: orbit.light and (tmp_path / "state" / "fidelity.json").exists())
        process.kill()
        process.wait()
        killed_at = ground.clock.now()
        before = {id(node): node.terminal._incarnation for node in (ground, orbit)}
        process = house.launch()
        await until(lambda: all(node.terminal._incarnation != before[id(node)] for node in (ground, orbit)))
        assert ground.clock.time_map.pieces[0].scenario_ns == 0  # the same map
        ground.terminal.send(0, b"after")
        await until(lambda: len(orbit.light) == 2)
        assert orbit.light[1][1] == b"after" and orbit.light[1][0] > killed_at
        process.send_signal(signal.SIGTERM)
        assert process.wait(60.0) == 0
        await until(lambda: not ground.terminal.joined)  # it said goodbye
        report = house.report()
        assert report.restarts == 1
        [(gap_start_s, gap_end_s)] = report.gaps
        assert gap_start_s <= killed_at <= gap_end_s
    finally:
        process.kill()
        process.communicate()
        await asyncio.gather(ground.terminal.close(), orbit.terminal.close())


def run_to_the_end(house: House) -> tuple[int, str]:
    process = house.launch()
    try:
        _, errors = process.communicate(timeout=60.0)
    finally:
        process.kill()
    return process.returncode, errors.decode()


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    house = House.build(tmp_path, [], [])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(house.emulator.address)
        code, errors = run_to_the_end(house)
    assert code == 1
    assert errors.count("\n") == 1 and "already in use" in errors and str(house.emulator.address[1]) in errors


def test_a_broken_sky_is_one_clear_line(tmp_path: Path) -> None:
    house = House.build(tmp_path, [], [])
    (tmp_path / "sky").write_bytes(b"no sky")
    code, errors = run_to_the_end(house)
    assert code == 1 and errors.count("\n") == 1 and "sky" in errors


async def test_a_node_on_a_link_that_is_not_there_is_refused(tmp_path: Path) -> None:
    house = House.build(tmp_path, [], [])
    [ground, orbit] = house.emulator.nodes
    with pytest.raises(InputError, match="link 5 is not in the sky"):
        Emulator(replace(house.emulator, nodes=(replace(ground, links=(5,)), orbit)), NullBus())


async def test_a_terminal_whose_address_is_taken_says_so(tmp_path: Path) -> None:
    house = House.build(tmp_path, [], [])
    file = house.nodes["koganei"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(file.terminal)
        with pytest.raises(ResourceError, match="in use"):
            await UdpTerminal(file, MappedClock()).start()


async def test_a_silent_node_gets_no_light_until_it_joins_again(start) -> None:
    """The emulator gives up a node that has not been heard for 3 s."""
    emulator, ground, orbit, _ = await start()
    keeper = orbit.terminal._keeper
    assert keeper is not None
    keeper.cancel()
    [member] = [member for member in emulator._members.all if member.entry.name == "iss"]
    await until(lambda: not member.joined, seconds=8.0)
    ground.terminal.send(0, b"nobody there")
    await until(lambda: emulator.player.channels[(0, Direction.UP)].counters.delivered)
    assert not orbit.light
    orbit.terminal._say(Beat(0, 1, 0))  # answered by a goodbye, at which it says hello
    await until(lambda: member.joined)
    ground.terminal.send(0, b"here again")
    await until(lambda: orbit.light)
    assert [frame for _, frame in orbit.light] == [b"here again"]


async def test_a_foreign_node_echoes_light_across_the_sky(tmp_path: Path) -> None:
    """examples/foreign_node.py, without linkemu, in the satellite's place and in a process of its own."""
    house = House.build(tmp_path, [], [])
    house.nodes["iss"].save(tmp_path / "iss.json")
    foreign = Path(__file__).parents[2] / "examples" / "foreign_node.py"
    process = await asyncio.create_subprocess_exec(sys.executable, foreign, tmp_path / "iss.json")
    stop = asyncio.Event()
    running = asyncio.create_task(Emulator(house.emulator, NullBus()).run(stop))
    ground = Node.of(house.nodes["koganei"])
    try:
        await ground.terminal.start()
        await until(lambda: ground.clock.now() > 0)
        sent_at = ground.clock.now()
        ground.terminal.send(0, b"marco")
        await until(lambda: ground.light)
        assert ground.light[0][1] == b"marco" and ground.light[0][0] - sent_at >= 0.04
    finally:
        process.kill()
        await process.wait()
        await ground.terminal.close()
        stop.set()
        await running


def test_a_late_plan_is_told_when_its_time_has_come(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(Plan("koganei", 1, ()).to_json())
    entry = NodeEntry("koganei", "ground", ("127.0.0.1", 9), 11, (0,), plan, plan_from_s=5.0)
    members = Members([entry], 1, 60 * 10**9)
    [member] = members.all

    def told(now_s: float) -> bool:
        return any(isinstance(each, PlanPart) for each in members.hear(member, Beat(0, 1, 0), now_s))

    members.hear(member, Hello("koganei"), 100.0)
    assert not told(101.0)
    members.set_time(TimeMap((Piece(101 * 10**9, 0, 2.0),)))
    assert not told(103.4) and told(103.6)
    assert not any(isinstance(e, PlanPart) for e in members.hear(member, Hello("koganei"), 103.4))
