"""Sources of scripted puts: drawn bytes are the same for ever, a file that changes meanwhile is refused."""

import os
from pathlib import Path

import pytest

from ground_station import source
from linkemu.errors import InputError
from linkemu.runtime.disk import InlineDisk
from tests.two_nodes import World, transfer


async def drawn(seed: int, name: str, size: int) -> bytes:
    return b"".join([piece async for piece in source.synthetic(seed, name, size)])


async def test_drawn_bytes_depend_on_seed_and_name_alone() -> None:
    content = await drawn(1, "a", 2_500_000)
    assert len(content) == 2_500_000
    assert await drawn(1, "a", 2_500_000) == content
    assert await drawn(1, "a", 1000) == content[:1000]
    assert await drawn(2, "a", 1000) != content[:1000]
    assert await drawn(1, "b", 1000) != content[:1000]
    assert await drawn(1, "a", 0) == b""
    counts = [content.count(value) for value in range(256)]
    assert max(counts) < 1.1 * min(counts)  # nothing that compresses


async def read(path: Path) -> bytes:
    return b"".join([piece async for piece in source.of_file(InlineDisk(), path)])


async def test_a_file_as_it_is(tmp_path: Path) -> None:
    for size in (0, 1, 1 << 20, 3_000_000):
        (tmp_path / "f").write_bytes(content := os.urandom(size))
        assert await read(tmp_path / "f") == content


class _ShortDisk(InlineDisk):
    """Says that a file ends at its fifth byte."""

    async def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        return (await super().read(path))[offset:5]


async def test_a_file_that_reads_shorter_than_it_is_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"ten bytes.")
    with pytest.raises(InputError, match="changed while it was being read"):
        assert [piece async for piece in source.of_file(_ShortDisk(), tmp_path / "f")]


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite", "replace"])
async def test_a_file_that_changes_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(3_000_000))
    os.utime(path, ns=(0, 0))
    pieces = source.of_file(InlineDisk(), path)
    await anext(pieces)
    match change:
        case "grow":
            with path.open("ab") as file:
                file.write(b"more")
        case "shrink":
            os.truncate(path, 1_500_000)
        case "rewrite":
            with path.open("r+b") as file:
                file.write(b"changed")
        case "replace":
            (tmp_path / "g").write_bytes(bytes(3_000_000))
            (tmp_path / "g").replace(path)
    with pytest.raises(InputError, match="changed while it was being read"):
        async for _ in pieces:
            pass


async def test_absent_files_and_directories_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        await read(tmp_path / "none")
    with pytest.raises(InputError, match="not a file"):
        await read(tmp_path)


def test_scripted_work_is_done_once_over_restarts_and_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"from a file")
    work = (
        transfer(0.5, "put", "f", file=tmp_path / "f"),
        transfer(0.6, "put", "none", file=tmp_path / "none"),
        transfer(0.7, "put", "far", 10, satellite="mir"),
        transfer(3.0, "get", "f"),
    )
    world = World(work=work, disks={"ground": InlineDisk(), "iss": InlineDisk()}, root=tmp_path / "nodes")

    async def story(world: World) -> None:
        assert (await world.ended("f", by=2.0)).state == "verified"
        none, far = await world.ended("none", by=2.0), await world.ended("far", by=2.0)
        assert none.problem is not None and "No such file" in none.problem
        assert far.problem is not None and "no link from ground" in far.problem
        world.told.clear()
        await world.kill("ground")
        world.start("ground")
        down = await world.ended("f", by=8.0)
        while down.action != "get":
            world.told.remove(down)
            down = await world.ended("f", by=8.0)
        assert down.state == "verified"
        fetched = world.root / "ground" / "spool" / f"{down.id}.fetched"
        assert fetched.read_bytes() == b"from a file"

    world.play(story)
    assert len(world.events("spooled")) == 1
