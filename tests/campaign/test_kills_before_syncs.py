"""A process may be killed between a write and its sync: what its next life builds on is made durable first.

Found by the campaign (cases/killed-before-sync.json): the next life saw what the system still had in memory,
stated it as durable, and a power cut after that would have taken it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from linkemu.campaign.disk import PowerCut, SimulatedDisk
from linkemu.journal import Journal
from linkemu.transfer.manifest import Manifest, chunk_id_of
from satellite_node.catalogue import Catalogue
from satellite_node.store import ChunkStore

ROOT = Path("/node")
CONTENT = b"chunk" * 100
CHUNK = chunk_id_of(CONTENT)
MANIFEST = Manifest.of("a.bin", CONTENT, 500)
Step = Callable[[SimulatedDisk], Awaitable[object]]


async def start(disk: SimulatedDisk) -> None:
    await disk.make_directory(ROOT)
    await (await Journal.open(disk, ROOT / "journal")).append(b"first")
    await ChunkStore.open(disk, ROOT)
    await Catalogue.open(disk, ROOT)


async def append(disk: SimulatedDisk) -> None:
    await (await Journal.open(disk, ROOT / "journal")).append(b"second")


async def rewrite(disk: SimulatedDisk) -> None:
    await (await Journal.open(disk, ROOT / "journal")).rewrite([b"third"])


async def put(disk: SimulatedDisk) -> None:
    await (await ChunkStore.open(disk, ROOT)).put({CHUNK: CONTENT})


async def accept(disk: SimulatedDisk) -> None:
    await (await Catalogue.open(disk, ROOT)).accept(MANIFEST)


async def records(disk: SimulatedDisk) -> object:
    return (await Journal.open(disk, ROOT / "journal")).records


async def chunks(disk: SimulatedDisk) -> object:
    return (await ChunkStore.open(disk, ROOT)).ids


async def manifests(disk: SimulatedDisk) -> object:
    return [each.name for each in await Catalogue.open(disk, ROOT)]


@pytest.mark.parametrize(
    ("change", "found"), [(append, records), (rewrite, records), (put, chunks), (accept, manifests)]
)
def test_what_a_life_has_seen_stays_after_a_power_cut(change: Step, found: Step) -> None:
    """Killed at every call of the disk in turn: what the next life finds, the one after a cut finds too."""

    async def story(at: int, seed: int) -> bool:
        disk = SimulatedDisk()
        await start(disk)
        disk.power_cut_at = disk.calls + at
        try:
            await change(disk)
            return False
        except PowerCut:
            disk.power_cut_at = None  # only the process was killed: the system still has what it wrote
        seen = await found(disk)
        disk.reboot(seed)
        assert await found(disk) == seen, f"killed at call {at}"
        return True

    at = 1
    while all(asyncio.run(story(at, seed)) for seed in range(6)):
        at += 1
    assert at > 4
