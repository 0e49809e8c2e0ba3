"""A station and a satellite, the nodes as shipped, over a sky in memory under the virtual clock.

``World.play`` runs a story beside the nodes. A node is killed by cancelling it, or by a power cut of its
disk, and started again by ``start``; its disk is all that it keeps.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ground_station.custody import Entry
from ground_station.node import run as run_station
from ground_station.spool import Spool
from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.contract import Address
from linkemu.disk import Disk
from linkemu.link.player import Player
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.runtime.bus import MemoryBus
from linkemu.runtime.clock import Clock, MappedClock, Piece, TimeMap, VirtualClock, VirtualLoop
from linkemu.runtime.memory import MemoryEmulator
from linkemu.runtime.node import Context
from linkemu.scenario import Transfer, TransferSettings
from linkemu.telemetry import TransferState
from linkemu.trace import Trace
from satellite_node.node import run as run_satellite

RATE_BPS = 100_000_000
DELAY_s = 0.004
CHUNK_BYTES = 65_536
Dark = tuple[float, float]


def transfer(at_s: float, action: Any, name: str, size: int | None = None, **more: Any) -> Transfer:
    fields = {"station": "ground", "satellite": "iss", "file": None, "priority": 0, **more}
    return Transfer(at_s=at_s, action=action, size_bytes=size, name=name, **fields)


class World:
    """``dark``: times without light, by station; ``erased``: runs of lost slots of 1 ms (first, count)."""

    def __init__(
        self,
        *stations: str,
        dark: dict[str, list[Dark]] | None = None,
        erased: list[tuple[int, int]] | None = None,
        duration_s: float = 100.0,
        disks: dict[str, Disk] | None = None,
        work: tuple[Transfer, ...] = (),
        root: Path = Path("/nodes"),
    ) -> None:
        self.stations = stations or ("ground",)
        self.duration_s = duration_s
        self.disks: dict[str, Any] = disks or {name: SimulatedDisk() for name in (*self.stations, "iss")}
        self.work = work
        self.root = root
        self.lines: list[str] = []
        self.trace = Trace(self.lines.append)
        self.told: list[TransferState] = []
        self._sky = self._make_sky(dark or {}, erased or [])
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._http: Address | None = None
        self._doors: asyncio.Queue[Address] = asyncio.Queue()

    def play(self, story: Callable[["World"], Awaitable[None]]) -> None:
        """Run the nodes and the story, to the end of the story."""

        async def all_of_it() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            async with self._open(VirtualClock(loop)):
                await story(self)

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(all_of_it())

    @asynccontextmanager
    async def live(self) -> AsyncIterator[str]:
        """Play in real time in the running loop; gives the URL of the first station's door."""
        self._http = ("127.0.0.1", 0)
        async with self._open(MappedClock(TimeMap((Piece(time.monotonic_ns(), 0),)))):
            yield await self.door()

    async def door(self) -> str:
        """Where the station that was started last listens."""
        host, port = await self._doors.get()
        return f"http://{host}:{port}"

    @asynccontextmanager
    async def _open(self, clock: Clock) -> AsyncIterator[None]:
        self.clock = clock
        self.emulator = MemoryEmulator(Player(self._sky), self.clock, self._plans())
        for name in (*self.stations, "iss"):
            self.start(name)
        yield
        for name in list(self._tasks):
            await self.kill(name)
        self.emulator.close()

    def start(self, name: str) -> None:
        run = run_satellite if name == "iss" else run_station
        self._tasks[name] = asyncio.get_running_loop().create_task(_contained(run(self._context(name))))

    async def kill(self, name: str) -> None:
        """End a node between two calls of its disk. A node that failed before raises its error here."""
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        await self.emulator.terminal(name).close()

    def is_off(self, name: str) -> bool:
        """Whether the node has met a power cut."""
        return self._tasks[name].done()

    async def until(self, at: float) -> None:
        await self.clock.sleep_until(at)

    async def ended(self, name: str, *, node: str = "ground", by: float = 100.0) -> TransferState:
        """Wait for the last word on a transfer."""
        while self.clock.now() < by:
            for state in reversed(self.told):
                if state.name == name and state.node == node and state.ended:
                    return state
            await self.clock.sleep_until(self.clock.now() + 0.05)
        raise AssertionError(
            f"{name} has not ended by {by} s: {[s for s in self.told if s.name == name][-1:]}"
        )

    async def entry(self, action: Any, name: str, node: str = "ground") -> tuple[Spool, Entry]:
        """The custody of a file as it stands on the station's disk."""
        spool = await Spool.open(self.disks[node], self.root / node, CHUNK_BYTES)
        entry = spool.ledger.find(action, "iss", name)
        assert entry is not None
        return spool, entry

    def events(self, what: str) -> list[str]:
        return [line for line in self.lines if f'"what":"{what}"' in line]

    def _context(self, name: str) -> Context:
        return Context(
            name=name,
            role="satellite" if name == "iss" else "ground",
            scenario="test",
            epoch=datetime(2024, 5, 10, tzinfo=UTC),
            seed=1,
            clock=self.clock,
            terminal=self.emulator.terminal(name),
            disk=self.disks[name],
            root=self.root / name,
            bus=MemoryBus(),
            trace=self.trace,
            settings=TransferSettings(chunk_bytes=CHUNK_BYTES, frame_bytes=32768),
            work=tuple(each for each in self.work if each.station == name),
            http=None if name == "iss" else self._http,
            door_open=self._doors.put_nowait,
            observe=lambda message: self.told.append(message) if isinstance(message, TransferState) else None,
        )

    def _make_sky(self, dark: dict[str, list[Dark]], erased: list[tuple[int, int]]) -> Sky:
        return Sky.of(
            *(
                constant(
                    station,
                    "iss",
                    direction,
                    RATE_BPS,
                    DELAY_s,
                    self.duration_s,
                    erased=erased,
                    dark=[(start, end, Cause.BELOW_MASK) for start, end in dark.get(station, [])],
                )
                for station in self.stations
                for direction in Direction
            )
        )

    def _plans(self) -> dict[str, Plan]:
        windows = {
            name: tuple(
                Window(
                    link=number,
                    peer=link.satellite if link.station == name else link.station,
                    start_s=0.0,
                    end_s=self.duration_s,
                    expected_rate=((0.0, RATE_BPS),),
                    delay=((0.0, DELAY_s), (self.duration_s, DELAY_s)),
                    max_elevation_deg=80.0,
                )
                for number, link in enumerate(self._sky.links)
                if name in (link.station, link.satellite)
            )
            for name in (*self.stations, "iss")
        }
        return {name: Plan(name, 1, each) for name, each in windows.items()}


async def _contained(node: Any) -> None:
    """A power cut is the end of this node, not of the test."""
    try:
        await node
    except PowerCut:
        return
    except BaseExceptionGroup as group:
        _, rest = group.split(PowerCut)
        if rest is not None:
            raise rest from None
