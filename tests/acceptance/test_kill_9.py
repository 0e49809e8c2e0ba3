"""``kill -9`` of each process in mid-transfer, up and down: it ends, whole, and nothing is sent again.

The judge of the last is not the sender: at each kill the station's journal is read for what stands there as
acknowledged, and the traces of the receivers must not tell that any of it came afterwards.
``LINKEMU_KILLS`` says how often each process is killed (``make soak``: 20).
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
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ground_station import custody
from linkemu.journal import Journal
from linkemu.runtime.disk import AioDisk
from linkemu.runtime.records import Records
from linkemu.runtime.runbook import Outcome
from linkemu.runtime.session import Options, Session
from linkemu.scenario import Scenario
from linkemu.transfer.manifest import Manifest
from tests.acceptance.sessions import demo, put, until, until_transfer

pytestmark = pytest.mark.acceptance

KILLS = int(os.environ.get("LINKEMU_KILLS", "2"))
KILLS_A_RUN = 2  # one on the way up, one on the way down
KEPT = ("stored", "landed")  # events of a chunk that came and was wanted, told once it is on the disk
AGAIN = "again"  # of one that came and was held already
IN_FLIGHT_NS = 100_000_000  # what had left before the kill may come until then
CONTENT = random.Random(1).randbytes(48 * 2**20)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def _slow_both_ways(payload: Path) -> Scenario:
    """Down as slowly as up, 155 Mbit/s, so that there is time to kill."""
    whole = demo(put(payload))
    (station,) = whole.stations
    modes = tuple(dataclasses.replace(mode, rate_bps=155_000_000) for mode in station.terminal.modes)
    terminal = dataclasses.replace(station.terminal, modes=modes)
    return dataclasses.replace(whole, stations=(dataclasses.replace(station, terminal=terminal),))


Place = tuple[str, str]  # a node, and the chunk that it holds, by the prefix that traces use


@dataclass
class Judge:
    """Knows what was acknowledged at each kill, and finds it in the traces if it came again."""

    directory: Path
    victim: str
    kills: list[tuple[int, set[Place]]] = field(default_factory=list)

    async def note(self) -> None:
        """Right after a kill."""
        aside = self.directory / f"aside-{len(self.kills)}"
        spool = self.directory / "state" / "koganei" / "spool"
        aside.mkdir()
        for path in (spool / "journal", *spool.glob("*.manifest")):
            shutil.copy(path, aside)
        time_map = Records(self.directory / "emulator").time_map()
        assert time_map is not None
        now_ns = time_map.scenario_ns(time.monotonic_ns())
        self.kills.append((now_ns, await _acknowledged(aside)))

    def sent_again(self) -> list[Place]:
        """Chunks that came to a node after a kill before which the journal called them held there.

        The journal may run ahead of the trace: a record stands in it before it is synced, and only then is
        the chunk told as kept. So a node that lives on may tell each chunk once, however slow its disk.
        """
        came = [
            event
            for node in ("iss", "koganei")
            for line in (self.directory / "state" / node / "trace.jsonl").read_text().splitlines()
            if (event := json.loads(line))["what"] in (*KEPT, AGAIN)
        ]
        sent_again = []
        for at_ns, acknowledged in self.kills:
            told = set[Place]()
            for event in came:
                place = (event["who"], event["chunk"])
                late = event["t"] > at_ns + IN_FLIGHT_NS
                first = event["what"] in KEPT and place not in told and place[0] != self.victim
                if late and not first and place in acknowledged:
                    sent_again.append(place)
                told.add(place)
        return sent_again


async def _acknowledged(spool: Path) -> set[Place]:
    """What the copy of a station's journal calls held: of a put in orbit, of a get here."""
    journal = await Journal.open(AioDisk(), spool / "journal")
    ledger = custody.Ledger()
    for record in journal.records:
        ledger.apply(custody.decode(record))
    found = set[Place]()
    for entry in ledger:
        holder = entry.satellite if entry.action == "put" else "koganei"
        path = spool / f"{entry.id}.manifest"
        if path.exists():
            chunks = Manifest.decode(path.read_bytes()).chunks
            found |= {(holder, chunks[index].hex()[:16]) for index in entry.held}
    return found


async def _kill(session: Session, victim: str, judge: Judge, action: str, seconds: float) -> None:
    """Kill it at a random moment of the transfer, and have what was acknowledged noted."""
    await asyncio.sleep(seconds)  # the random moment is what is tested
    pid = session.marker.processes[victim]
    os.kill(pid, signal.SIGKILL)
    state = next(each for each in session.transfers() if each.action == action)
    assert not state.ended, "the kill came too late to be one in mid-transfer"
    await judge.note()
    await until(lambda: session.marker.processes.get(victim, pid) != pid, 20)


def _listens(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


async def _fetched(address: tuple[str, int]) -> bytes:
    """The file as the door there gives it, once it answers (its station may just have been killed)."""
    host, port = address
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60) as client:
        while True:
            try:
                got = await client.get("/files/iss/up.bin", params={"wait": 30})
            except httpx.TransportError:
                await until(lambda: _listens(address))
                continue
            if got.status_code == 200:
                return got.content
            assert got.status_code == 202, got.text


async def _up_and_down(victim: str, payload: Path, directory: Path, seed: int) -> tuple[Outcome, Judge]:
    """A run whose victim is killed on the way up and on the way down: what came of it."""
    draw = random.Random(f"{victim}/{seed}")
    judge = Judge(directory, victim)
    async with (
        Session(_slow_both_ways(payload), Options(directory=directory, fresh=True)) as session,
        asyncio.timeout(70),
    ):
        await until_transfer(session, "put", "sending")
        await _kill(session, victim, judge, "put", draw.uniform(0.0, 1.5))
        await until_transfer(session, "put", "verified")
        landed = asyncio.create_task(_fetched(session.marker.doors["koganei"]))
        await until_transfer(session, "get", "receiving")
        await _kill(session, victim, judge, "get", draw.uniform(0.0, 1.5))
        assert hashlib.sha256(await landed).hexdigest() == DIGEST
        await until_transfer(session, "get", "verified")
        session.stop()
        await session.finished()
    assert session.outcome is not None
    return session.outcome, judge


@pytest.mark.timeout(60 + 60 * KILLS)
@pytest.mark.parametrize("victim", ["koganei", "iss", "emulator", "broker"])
async def test_a_file_up_and_down_survives_kill_9_of(victim: str, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(CONTENT)
    for seed in range(-(-KILLS // KILLS_A_RUN)):
        outcome, judge = await _up_and_down(victim, payload, tmp_path / f"run-{seed}", seed)
        assert outcome.restarts == {victim: 2}
        for state in outcome.transfers:
            assert (state.state, state.sha256, state.resent_chunks) == ("verified", DIGEST, 0)
            assert state.done_bytes == len(CONTENT)
        assert any(acknowledged for _, acknowledged in judge.kills), "there was nothing to send again"
        assert judge.sent_again() == []
        shutil.rmtree(tmp_path / f"run-{seed}")
