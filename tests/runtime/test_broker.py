"""Real brokers: last will, retained state, a broker that dies and comes back, memory, ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from linkemu.errors import InputError
from linkemu.runtime import broker, mqtt
from linkemu.runtime.bus import Note
from linkemu.runtime.mqtt import MqttBus, Will
from tests.waiting import until, until_async

pytestmark = pytest.mark.acceptance

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
CHOICES = [
    "embedded",
    pytest.param("mosquitto", marks=pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not on PATH")),
]


class Running:
    """A broker process that a test may kill and start again at the same address."""

    def __init__(self, plan: broker.BrokerPlan) -> None:
        self.plan = plan
        self.start()

    def start(self) -> None:
        assert self.plan.command is not None
        self.process = subprocess.Popen(self.plan.command)
        until(lambda: self.plan.listens)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=CHOICES)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    started = Running(broker.plan(request.param, tmp_path))
    yield started
    started.kill()


@contextlib.asynccontextmanager
async def _bus(running: Running, name: str, will: Will | None = None) -> AsyncIterator[MqttBus]:
    bus = mqtt.connect(running.plan.url, name, will)
    assert isinstance(bus, MqttBus)
    try:
        yield bus
    finally:
        await bus.close()


@contextlib.asynccontextmanager
async def _heard(bus: MqttBus, topic_filter: str = "#") -> AsyncIterator[asyncio.Queue[Note]]:
    queue: asyncio.Queue[Note] = asyncio.Queue()

    async def read() -> None:
        async for note in bus.subscribe(topic_filter):
            queue.put_nowait(note)

    task = asyncio.create_task(read())
    try:
        async with asyncio.timeout(60):
            yield queue
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_was_retained_reaches_a_late_subscriber(running: Running) -> None:
    async with _bus(running, "node") as node:
        node.publish("link/state", {"open": True}, retain=True)
        async with _bus(running, "display") as display, _heard(display) as notes:
            assert (await notes.get()).payload == b'{"open":true}'


PUBLISHER = """
import asyncio, sys
from linkemu.runtime import mqtt
async def main():
    bus = mqtt.connect(sys.argv[1], "victim", mqtt.Will("victim/status", b"lost"))
    bus.publish("victim/status", b"up", retain=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_the_last_will_is_spoken_when_a_process_is_killed(running: Running) -> None:
    async with _bus(running, "display") as display, _heard(display, "victim/#") as notes:
        command = (sys.executable, "-c", PUBLISHER, running.plan.url or "")
        victim = await asyncio.create_subprocess_exec(*command)
        try:
            assert (await notes.get()).payload == b"up"
            victim.send_signal(signal.SIGKILL)
            killed_s = time.monotonic()
            while (await notes.get()).payload != b"lost":
                pass  # what is retained may come twice, as such and as news
            assert time.monotonic() - killed_s < mqtt._KEEPALIVE_S, "its connection's end told the broker"
        finally:
            with contextlib.suppress(ProcessLookupError):
                victim.kill()
            await victim.wait()


async def test_a_clean_end_speaks_no_will(running: Running) -> None:
    async with _bus(running, "display") as display, _heard(display, "v") as notes:
        async with _bus(running, "victim", Will("v", b"lost")) as victim:
            victim.publish("v", b"up", retain=True)
            assert (await notes.get()).payload == b"up"
            victim.publish("v", b"stopped", retain=True)
        async with _bus(running, "other") as other:
            other.publish("v", b"end of test")
            said = {b"up"}
            while b"end of test" not in said:
                said.add((await notes.get()).payload)
        assert said == {b"up", b"stopped", b"end of test"}


async def test_a_broker_that_comes_back_is_told_all_retained_state_and_telemetry_goes_on(
    running: Running,
) -> None:
    async with _bus(running, "node") as node, _bus(running, "display") as display:
        async with _heard(display) as notes:
            node.publish("state/a", b"1", retain=True)
            node.publish("state/b", b"1", retain=True)
            seen: set[str] = set()
            while seen != {"state/a", "state/b"}:
                seen.add((await notes.get()).topic)
            running.kill()
            node.publish("state/b", b"2", retain=True)
            running.start()
            last: dict[str, bytes] = {}
            while last != {"state/a": b"1", "state/b": b"2"}:
                note = await notes.get()
                last[note.topic] = note.payload
            node.publish("telemetry", b"3")
            while (await notes.get()).payload != b"3":
                pass
        assert node.connections == 2


async def test_a_large_payload_passes(running: Running) -> None:
    async with _bus(running, "node") as node, _bus(running, "display") as display, _heard(display) as notes:
        node.publish("big", b"x" * 2**20, retain=True)
        assert len((await notes.get()).payload) == 2**20


async def test_a_round_trip_is_not_held_up_by_nagle(running: Running) -> None:
    async with _bus(running, "node") as node, _bus(running, "display") as display, _heard(display) as notes:
        node.publish("ready", b"", retain=False)
        await _first(node, notes)
        spans_s = []
        for number in range(100):
            start_s = time.perf_counter()
            node.publish("ping", b"%d" % number)
            while (await notes.get()).payload != b"%d" % number:
                pass
            spans_s.append(time.perf_counter() - start_s)
            if number >= 20 and statistics.median(spans_s[-20:]) < 0.03:
                return
        pytest.fail(f"Nagle and delayed ACK cost 44 ms: {spans_s}")


async def _first(node: MqttBus, notes: asyncio.Queue[Note]) -> None:
    """Publish until something comes: the subscription stands then."""

    def answered() -> bool:
        node.publish("ready", b"1")
        return not notes.empty()

    await until_async(answered)


def test_our_brokers_listen_on_loopback_alone(running: Running) -> None:
    port = (running.plan.address or ("", 0))[1]
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = [line.split()[1] for line in listening.splitlines() if line.split()[3] == "0A"]
    ours = [address.split(":")[0] for address in addresses if address.endswith(f":{port:04X}")]
    assert ours == ["0100007F"]


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "linkemu.runtime.broker", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_embedded_broker(tmp_path: Path, signal_number: int) -> None:
    started = Running(broker.plan("embedded", tmp_path))
    started.process.send_signal(signal_number)
    assert started.process.wait(5) == -signal_number


def test_choices_are_checked_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert broker.plan("off", tmp_path) == broker.BrokerPlan(None)
    assert broker.plan("mqtt://h:5", tmp_path) == broker.BrokerPlan("mqtt://h:5")
    for wrong in ("rabbit", "mqtt://", ""):
        with pytest.raises(InputError):
            broker.check(wrong)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(InputError, match="not found on PATH"):
        broker.plan("mosquitto", tmp_path)
