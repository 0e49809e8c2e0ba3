"""The demonstration itself: a session, a client at its door, and the comparison at the end.

The client is an ordinary one: all that it knows of the link comes from the HTTP door. It begins at such a
time that the scenario's cloud interrupts the upload.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from linkemu import scenario as scenarios
from linkemu.cli import output, verdict
from linkemu.cli.door import FAILED
from linkemu.cli.stationdoor import BLOCK_BYTES, Custody, StationDoor
from linkemu.cli.watch import Watch
from linkemu.errors import InputError, LinkemuError
from linkemu.link.timeline import Sky
from linkemu.runtime.session import Options, Session
from linkemu.runtime.stopping import Stopping
from linkemu.scenario import Scenario
from linkemu.scenario.catalogue import configs
from linkemu.units import format_bytes

NAME = "first-light.bin"
POLL_S = 0.1
REPEAT_S = 2.0
SHARE_BEFORE_CLOUD = 0.85  # of the file, at most


def play(size: int, json: bool) -> int:
    """Play it, show it, report it; the exit code."""
    scenario = replace(scenarios.load(configs() / "demo.toml"), transfers=())
    console = output.notices() if json else output.console()
    with Stopping() as stopping, tempfile.TemporaryDirectory(prefix="linkemu-demo-") as directory:
        place = Path(directory)
        _check_room(place, size)
        content = place / "up.bin"
        sha256 = _make(content, size)
        with Watch(console, REPEAT_S) as watch:
            session = Session(scenario, Options(directory=place / "run"), watch.follow)
            client = Client(scenario, session, content, place / "down.bin", watch.note)
            asyncio.run(_run(session, client, stopping))
        assert session.outcome is not None
        sky = Sky.load(place / "run" / "sky")
        judged = verdict.judge(session.outcome, sky, sha256, client.landed)
    if json:
        output.document(judged.document())
    else:
        verdict.show(output.console(), judged)
    return 0 if judged.ok else FAILED


def _check_room(place: Path, size: int) -> None:
    """For the file, in the spool, in orbit, and as it comes down."""
    free_bytes = shutil.disk_usage(place).free
    if 4 * size > free_bytes:
        raise InputError(
            "--size", f"it takes four times as much disk, and there are {format_bytes(free_bytes)}"
        )


def _make(path: Path, size: int) -> str:
    """A file of random bytes; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, BLOCK_BYTES):
            block = os.urandom(min(BLOCK_BYTES, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


async def _run(session: Session, client: Client, stopping: Stopping) -> None:
    """The session and its client, until the file is back, the scenario ends or a signal comes."""
    stopping.calls_in_loop(session.stop)
    async with session:
        work = asyncio.create_task(client.run(), name="client")
        end = asyncio.create_task(session.finished(), name="session")
        await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
        session.stop()
        work.cancel()
        results = await asyncio.gather(work, end, return_exceptions=True)
    if stopping.asked:
        raise KeyboardInterrupt
    for result in results:
        if isinstance(result, Exception):
            raise result


class Client:
    """Puts the file, waits for its custody, gets it back."""

    def __init__(
        self, scenario: Scenario, session: Session, content: Path, target: Path, say: Callable[[str], None]
    ) -> None:
        self.landed: str | None = None  # SHA-256 of what came down
        self._scenario = scenario
        self._session = session
        self._content = content
        self._target = target
        self._say = say

    async def run(self) -> None:
        station, satellite = self._scenario.stations[0].id, self._scenario.satellites[0].id
        door = StationDoor(station, self._session.marker.doors[station])
        await self._wait_for(door, self._start_s())
        size = format_bytes(self._content.stat().st_size)
        self._say(f"PUT {door.url}/files/{satellite}/{NAME} ({size})")
        custody = await asyncio.to_thread(door.put, satellite, NAME, self._content)
        self._say(f"accepted: custody at {door.url}{custody.told['location']}")
        await self._end(door, custody)
        self._say(f"GET {door.url}/files/{satellite}/{NAME}")
        ordered = await asyncio.to_thread(door.order, satellite, NAME)
        if ordered is not None:
            await self._end(door, ordered)
        self.landed = await asyncio.to_thread(door.fetch, satellite, NAME, self._target)

    def _start_s(self) -> float:
        """When to begin: early enough for a slow disk, too late to be done before the first cloud."""
        bits = 8.0 * self._content.stat().st_size
        rate_bps = self._scenario.satellites[0].terminal.modes[0].rate_bps
        cloud_s = min((each.start_s for each in self._scenario.clouds), default=0.0)
        return cloud_s - SHARE_BEFORE_CLOUD * bits / rate_bps

    async def _wait_for(self, door: StationDoor, at_s: float) -> None:
        now_s = (await asyncio.to_thread(door.sights))[0].at_s
        await asyncio.sleep(max(0.0, at_s - now_s))

    async def _end(self, door: StationDoor, custody: Custody) -> None:
        while not custody.ended:
            await asyncio.sleep(POLL_S)
            custody = await asyncio.to_thread(door.custody, custody.id)
        if custody.state == "failed":
            raise LinkemuError(f"{custody.action} {custody.name}: {custody.problem}")
