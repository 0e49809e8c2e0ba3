"""A directory that a node has made lasts: its name is synced in the one above before anything is put in."""

from __future__ import annotations

from pathlib import Path

from linkemu.campaign.disk import SimulatedDisk
from linkemu.disk import found
from linkemu.runtime.disk import InlineDisk
from tests.two_nodes import World


class Noted(SimulatedDisk):
    """Notes in which order directories are made, and what is synced."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, Path]] = []

    async def make_directory(self, path: Path) -> None:
        self.notes.append(("make", path))
        await super().make_directory(path)

    async def sync(self, *paths: Path, cached: bool = True) -> None:
        self.notes += [("sync", path) for path in paths]
        await super().sync(*paths, cached=cached)


def test_a_node_syncs_the_name_of_its_own_directory_before_all_else() -> None:
    disks = {"ground": Noted(), "iss": Noted()}
    world = World(disks=dict(disks))

    async def story(world: World) -> None:
        await world.until(0.5)

    world.play(story)
    for name, disk in disks.items():
        root = Path("/nodes") / name
        assert disk.notes[:2] == [("make", root), ("sync", root.parent)], name


async def test_found_makes_what_is_missing_and_leaves_what_is_there(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    for _ in range(2):
        await found(InlineDisk(), directory)
    (directory / "kept").touch()
    await found(InlineDisk(), directory)
    assert [path.name for path in directory.iterdir()] == ["kept"]
