"""An external Mosquitto, stopped for 10 s in the middle of a transfer: data goes on, telemetry comes back."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from linkemu import telemetry
from linkemu.runtime import mqtt
from linkemu.runtime.session import Options, Session
from linkemu.scenario import Transfer
from tests.acceptance.sessions import Heard, demo, until, until_transfer
from tests.ports import free_port

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

PATHS = "/usr/bin:/bin:/usr/sbin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/sbin"
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path=PATHS)
OUTAGE_S = 10.0
SIZE = 288 * 2**20  # 16 s at 155 Mbit/s
RETAINED = (telemetry.Session, telemetry.ClockState, telemetry.LinkState, telemetry.TransferState)


@asynccontextmanager
async def _mosquitto(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Mosquitto that no session has started, and that remembers nothing of its last life."""
    assert MOSQUITTO is not None
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(MOSQUITTO, "-p", str(port), stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _complete(told: Iterable[object]) -> bool:
    """Whether this is all that a display needs to draw the present."""
    nodes = {each.node for each in told if isinstance(each, telemetry.NodeStatus)}
    return nodes == {"koganei", "iss", "emulator"} and {type(each) for each in told}.issuperset(RETAINED)


async def _retained(url: str, scenario: str) -> list[telemetry.Message]:
    """What a display that comes now is told of the present by the broker alone."""
    told: list[telemetry.Message] = []
    bus = mqtt.connect(url, "a-display-that-comes-late")
    try:
        async with asyncio.timeout(20):
            async for note in bus.subscribe(telemetry.everything(scenario)):
                message = telemetry.read(note.topic, note.payload)
                if note.retained and message is not None:
                    told.append(message)
                if _complete(told):
                    break
    finally:
        await bus.close()
    return told


def _done(session: Session) -> int:
    (state,) = session.transfers()
    return state.done_bytes


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not on PATH")
async def test_data_goes_on_without_its_broker_and_telemetry_returns_with_it(tmp_path: Path) -> None:
    port = free_port()
    url = f"mqtt://127.0.0.1:{port}"
    heard = Heard()
    scenario = demo(Transfer(0.0, "koganei", "iss", "put", None, SIZE, "up.bin", 0))
    options = Options(directory=tmp_path / "run", broker=url)
    async with (
        asyncio.timeout(90),
        _mosquitto(port) as first,
        Session(scenario, options, heard.append) as session,
    ):
        await until_transfer(session, "put", "sending")
        await until(lambda: bool(heard.of(telemetry.LinkTelemetry)))
        first.terminate()
        await first.wait()
        stopped, before, silent = time.monotonic(), _done(session), len(heard)
        await until(lambda: time.monotonic() - stopped >= OUTAGE_S)
        across = _done(session) - before
        assert across > 0.8 * OUTAGE_S * 155e6 / 8, "data went on at the rate of the link"
        assert not Heard(heard[silent:]).of(telemetry.LinkTelemetry), "nobody carried telemetry"
        assert session.transfers()[0].state == "sending", "the outage was in the middle"
        async with _mosquitto(port):
            back = len(heard)
            await until(lambda: bool(Heard(heard[back:]).of(telemetry.LinkTelemetry)), 20)
            await until(lambda: _complete(heard[back:]), 20)
            told = await _retained(url, scenario.name)
            await until_transfer(session, "put", "verified")
            await until(
                lambda: any(
                    isinstance(each, telemetry.TransferState) and each.state == "verified"
                    for each in heard[back:]
                ),
                20,
            )
            session.stop()
            await session.finished()
    assert {each.state for each in told if isinstance(each, telemetry.NodeStatus)} == {"up"}
    assert session.outcome is not None
    assert not session.outcome.restarts
    (state,) = session.outcome.transfers
    assert (state.state, state.done_bytes, state.resent_chunks) == ("verified", SIZE, 0)
