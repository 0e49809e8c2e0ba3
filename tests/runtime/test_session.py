"""Sessions of real processes: they are separate, they come back after kill -9, and none is left behind.

``LINKEMU_KILLS`` says how often each process is killed in mid-transfer (``make soak``: 20).
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from linkemu import scenario, telemetry
from linkemu.errors import ClockError, InputError, ResourceError
from linkemu.runtime import broker
from linkemu.runtime.layout import MARKER, find
from linkemu.runtime.session import Event, Options, Outcome, Ready, Session
from linkemu.runtime.supervisor import ProcessChange
from linkemu.scenario import Scenario, Transfer

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

KILLS = int(os.environ.get("LINKEMU_KILLS", "2"))
KILLS_A_RUN = 2
CONFIG = Path(__file__).parents[2] / "configs" / "demo.toml"
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _demo(*transfers: Transfer, **changes: object) -> Scenario:
    """The demo's pass without its cloud, and with this work."""
    demo = scenario.load(CONFIG)
    return dataclasses.replace(demo, clouds=(), transfers=transfers, **changes)


def _put(file: Path) -> Transfer:
    return Transfer(0.0, "koganei", "iss", "put", file, None, "up.bin", 0)


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    path = tmp_path / "payload"
    path.write_bytes(random.Random(1).randbytes(48 * 2**20))
    return path


def _alive(pids: list[int]) -> list[str]:
    """Command lines of those that still run."""
    lines = []
    for pid in pids:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if line:
            lines.append(line.replace(b"\0", b" ").decode())
    return lines


class Heard(list[Event]):
    """Events of a session, and all pids that it ever had."""

    def pids(self) -> list[int]:
        return [event.pid for event in self if isinstance(event, ProcessChange)]

    def of(self, kind: type) -> list[Event]:
        return [event for event in self if isinstance(event, kind)]


async def _until_sending(session: Session) -> None:
    while not any(state.state == "sending" for state in session.transfers()):
        await asyncio.wait_for(asyncio.sleep(0.02), 1)


async def test_the_parts_are_processes_of_their_own_and_end_with_the_session(tmp_path: Path) -> None:
    heard = Heard()
    options = Options(directory=tmp_path / "run")
    async with Session(_demo(), options, heard.append) as session:
        marker = find(tmp_path / "run")
        assert marker == session.marker
        commands = _alive(list(marker.processes.values()))
        assert set(marker.processes) == {"broker", "emulator", "koganei", "iss"}
        assert len(set(marker.processes.values())) == 4
        for part in ("runtime.broker", "runtime.emulator", "ground_station", "satellite_node"):
            assert sum(part in command for command in commands) == 1
        with pytest.raises(ResourceError, match="a session is running"):
            async with Session(_demo(), options):
                pytest.fail("two sessions in one directory")
        assert [type(event) for event in heard].count(Ready) == 1
        session.stop()
        assert await session.finished() == "stopped"
    assert _alive(heard.pids()) == []
    assert not (tmp_path / "run" / MARKER).exists()
    with pytest.raises(InputError, match="no session runs"):
        find(tmp_path / "run")


async def _run_and_kill(victim: str, payload: Path, directory: Path, seed: int, kills: int) -> Outcome:
    draw = random.Random(f"{victim}/{seed}")
    options = Options(directory=directory, until_done=True, fresh=True)
    async with Session(_demo(_put(payload)), options) as session:
        async with asyncio.timeout(30):
            await _until_sending(session)
        for _ in range(kills):
            await asyncio.sleep(draw.uniform(0.0, 1.5))  # the random moment is what is tested
            pid = session.marker.processes.get(victim)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            assert await session.finished() == "done"
    assert session.outcome is not None
    return session.outcome


@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.parametrize("victim", ["koganei", "iss", "emulator", "broker"])
async def test_a_transfer_survives_kill_9_of(victim: str, payload: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(payload.read_bytes()).hexdigest()
    killed = 0
    while killed < KILLS:
        outcome = await _run_and_kill(
            victim, payload, tmp_path / "run", killed, min(KILLS_A_RUN, KILLS - killed)
        )
        killed += KILLS_A_RUN
        assert set(outcome.restarts) == {victim}
        (state,) = outcome.transfers
        assert (state.state, state.sha256, state.resent_chunks) == ("verified", digest, 0)
        assert state.done_bytes == payload.stat().st_size


@pytest.fixture
def external() -> Iterator[tuple[str, list[str]]]:
    """URL of a Mosquitto that no session has started, and the command that starts it."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not on PATH")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield f"mqtt://127.0.0.1:{port}", [MOSQUITTO, "-p", str(port)]


async def test_data_goes_on_without_its_broker_and_telemetry_returns_with_it(
    external: tuple[str, list[str]], payload: Path, tmp_path: Path
) -> None:
    url, command = external
    heard = Heard()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    mosquitto = await asyncio.create_subprocess_exec(*command, **quiet)  # type: ignore[arg-type]
    try:
        options = Options(directory=tmp_path / "run", broker=url)
        async with Session(_demo(_put(payload)), options, heard.append) as session, asyncio.timeout(60):
            await _until_sending(session)
            assert heard.of(telemetry.LinkTelemetry)
            mosquitto.kill()
            await mosquitto.wait()
            while not all(state.state == "verified" for state in session.transfers()):
                await asyncio.wait_for(asyncio.sleep(0.05), 1)
            silent = len(heard)
            mosquitto = await asyncio.create_subprocess_exec(*command, **quiet)  # type: ignore[arg-type]
            while not Heard(heard[silent:]).of(telemetry.LinkTelemetry):
                await asyncio.wait_for(asyncio.sleep(0.05), 1)
            verified = [e for e in heard[silent:] if isinstance(e, telemetry.TransferState) and e.ended]
            assert verified, "retained state is told anew to a broker that has come back"
    finally:
        mosquitto.kill()
        await mosquitto.wait()
    assert session.outcome is not None
    assert not session.outcome.restarts


async def test_gaps_are_skipped_to_the_next_pass_and_the_report_says_so(tmp_path: Path) -> None:
    demo = _demo(Transfer(0.0, "koganei", "iss", "put", None, 2**20, "small.bin", 0))
    assert not isinstance(demo.start, str)
    early = dataclasses.replace(demo, start=demo.start - timedelta(minutes=12), duration_s=900.0)
    options = Options(directory=tmp_path / "run", broker="off", skip_gaps=True, until_done=True)
    heard = Heard()
    started = time.monotonic()
    async with asyncio.timeout(60), Session(early, options, heard.append) as session:
        assert await session.finished() == "done"
    assert time.monotonic() - started < 40
    assert session.outcome is not None
    assert session.outcome.ok
    (state,) = session.outcome.transfers
    assert state.times["verified"] > 300
    assert session.outcome.fidelity is not None
    assert session.outcome.fidelity["skipped_s"] > 300
    assert heard.of(telemetry.TransferState), "the ledgers speak where there is no bus"
    assert heard.of(telemetry.ClockState)


RUN = """
import dataclasses, sys
from pathlib import Path
from linkemu import scenario
from linkemu.runtime import session
from linkemu.runtime.session import Options, Ready
def tell(event):
    if isinstance(event, session.ProcessChange):
        print(event.pid, flush=True)
    elif isinstance(event, Ready):
        print("ready", flush=True)
demo = dataclasses.replace(scenario.load(Path(sys.argv[1])), transfers=())
outcome = session.run(demo, Options(directory=Path(sys.argv[2])), tell)
print(outcome.reason)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_session_ends_all_of_it(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(CONFIG), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = [int(line) for line in iter(lambda: run.stdout.readline().strip(), "ready")]
        assert len(_alive(pids)) == 4
        run.send_signal(number)
        rest = run.stdout.read()
        assert run.wait(20) == (-9 if number is signal.SIGKILL else 0)
    if number is not signal.SIGKILL:
        assert rest.split()[-1] == "stopped"
        assert json.loads((tmp_path / "emulator" / "fidelity.json").read_text())
    end = time.monotonic() + 5
    while _alive(pids):
        assert time.monotonic() < end, _alive(pids)
        time.sleep(0.02)


async def test_a_door_whose_port_is_taken_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    heard = Heard()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        demo = _demo()
        station = dataclasses.replace(demo.stations[0], http=taken.getsockname())
        demo = dataclasses.replace(demo, stations=(station,))
        with pytest.raises(ResourceError, match="koganei can't open: Address already in use"):
            async with Session(demo, Options(directory=tmp_path), heard.append):
                pytest.fail("it must not start")
    assert _alive(heard.pids()) == []
    assert not (tmp_path / MARKER).exists()


async def test_a_broker_port_that_somebody_takes_is_chosen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = broker.free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(broker, "free_port", lambda: next(ports))
        async with Session(_demo(), Options(directory=tmp_path)) as session:
            assert session.marker.broker == f"mqtt://127.0.0.1:{free}"
            session.stop()
            await session.finished()


async def test_a_session_can_be_stopped_while_its_sky_is_compiled(tmp_path: Path) -> None:
    heard = Heard()
    day = scenario.load(CONFIG.with_name("constellation.toml"))
    session = Session(day, Options(directory=tmp_path, rate=1.0), heard.append)
    session.stop()
    with pytest.raises(asyncio.CancelledError):
        async with session:
            pytest.fail("it must not start")
    assert heard.pids() == []


async def test_what_can_not_be_in_processes_is_refused_before_anything_starts(tmp_path: Path) -> None:
    virtual = scenario.load(CONFIG.with_name("constellation.toml"))
    with pytest.raises(ClockError, match="virtual clock"):
        Session(virtual, Options(directory=tmp_path))
    with pytest.raises(ClockError, match="rate"):
        Session(_demo(), Options(directory=tmp_path, rate=0.0))
    with pytest.raises(InputError, match="rabbit"):
        Session(_demo(), Options(directory=tmp_path, broker="rabbit"))
    assert list(tmp_path.iterdir()) == []
