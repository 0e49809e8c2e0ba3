"""Sessions of real processes: they are separate, end together, and none is left behind.

What happens when one of them is killed, or the broker stops, is in tests/acceptance.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from linkemu import scenario, telemetry
from linkemu.errors import ClockError, InputError, ResourceError
from linkemu.forecast import Forecast
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime import broker
from linkemu.runtime.layout import MARKER, find
from linkemu.runtime.session import Options, Ready, Session
from linkemu.scenario import Transfer
from tests.acceptance.sessions import CONFIG, Heard, alive, demo
from tests.waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


async def test_the_parts_are_processes_of_their_own_and_end_with_the_session(tmp_path: Path) -> None:
    heard = Heard()
    options = Options(directory=tmp_path / "run")
    async with Session(demo(), options, heard.append) as session:
        marker = find(tmp_path / "run")
        assert marker == session.marker
        commands = alive(list(marker.processes.values()))
        assert set(marker.processes) == {"broker", "emulator", "koganei", "iss"}
        assert len(set(marker.processes.values())) == 4
        for part in ("runtime.broker", "runtime.emulator", "ground_station", "satellite_node"):
            assert sum(part in command for command in commands) == 1
        with pytest.raises(ResourceError, match="a session is running"):
            async with Session(demo(), options):
                pytest.fail("two sessions in one directory")
        assert [type(event) for event in heard].count(Ready) == 1
        session.stop()
        assert await session.finished() == "stopped"
    assert alive(heard.pids()) == []
    assert not (tmp_path / "run" / MARKER).exists()
    with pytest.raises(InputError, match="no session runs"):
        find(tmp_path / "run")


async def test_gaps_are_skipped_to_the_next_pass_and_the_report_says_so(tmp_path: Path) -> None:
    whole = demo(Transfer(0.0, "koganei", "iss", "put", None, 2**20, "small.bin", 0))
    assert not isinstance(whole.start, str)
    early = dataclasses.replace(whole, start=whole.start - timedelta(minutes=12), duration_s=900.0)
    options = Options(directory=tmp_path / "run", broker="off", skip_gaps=True, until_done=True)
    heard = Heard()
    async with asyncio.timeout(60), Session(early, options, heard.append) as session:
        assert await session.finished() == "done"
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
from linkemu.runtime.stopping import Stopping
def tell(event):
    if isinstance(event, session.ProcessChange):
        print(event.pid, flush=True)
    elif isinstance(event, Ready):
        print("ready", flush=True)
demo = dataclasses.replace(scenario.load(Path(sys.argv[1])), transfers=())
with Stopping() as stopping:
    outcome = session.run(demo, Options(directory=Path(sys.argv[2])), tell, stopping=stopping)
print(outcome.reason)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_session_ends_all_of_it(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(CONFIG), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = [int(line) for line in iter(lambda: run.stdout.readline().strip(), "ready")]
        assert len(alive(pids)) == 4
        run.send_signal(number)
        rest = run.stdout.read()
        assert run.wait(20) == (-9 if number is signal.SIGKILL else 0)
    if number is not signal.SIGKILL:
        assert rest.split()[-1] == "stopped"
        assert json.loads((tmp_path / "emulator" / "fidelity.json").read_text())
    assert eventually(lambda: not alive(pids)), alive(pids)


async def test_a_door_whose_port_is_taken_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    heard = Heard()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        whole = demo()
        station = dataclasses.replace(whole.stations[0], http=taken.getsockname())
        whole = dataclasses.replace(whole, stations=(station,))
        options = Options(directory=tmp_path / "run", record=partial(_recorded, tmp_path / "record"))
        with pytest.raises(ResourceError, match="koganei can't open: Address already in use"):
            async with Session(whole, options, heard.append):
                pytest.fail("it must not start")
    assert alive(heard.pids()) == []
    assert not (tmp_path / "run" / MARKER).exists()
    assert not any((tmp_path / "record").iterdir())


def _recorded(directory: Path, compiled: Forecast) -> Recording:
    return Recording.begin(directory, "run", Played(compiled.sky, None, compiled.epoch), Pace("real"))


async def test_a_broker_port_that_somebody_takes_is_chosen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = broker.free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(broker, "free_port", lambda: next(ports))
        async with Session(demo(), Options(directory=tmp_path)) as session:
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
        Session(demo(), Options(directory=tmp_path, rate=0.0))
    with pytest.raises(InputError, match="rabbit"):
        Session(demo(), Options(directory=tmp_path, broker="rabbit"))
    assert list(tmp_path.iterdir()) == []
