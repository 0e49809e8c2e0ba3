"""Both real disks keep the port's promises, and say why the system refuses."""

import os
from pathlib import Path

import pytest

from linkemu.disk import Disk, store
from linkemu.errors import ResourceError
from linkemu.runtime.disk import AioDisk, InlineDisk
from tests.small_tmpfs import small_tmpfs

pytestmark = pytest.mark.parametrize("disk", [AioDisk(), InlineDisk()], ids=["aio", "inline"])


async def test_bytes_written_anywhere_are_read_anywhere(disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "a"
    await disk.write(path, b"world", 6)
    await disk.write(path, memoryview(b"hello "))
    await disk.append(path, bytearray(b"!"))
    await disk.sync(path)
    assert await disk.read(path) == b"hello world!"
    assert await disk.read(path, 6, 5) == b"world"
    assert await disk.read(path, 10, 100) == b"d!"
    assert await disk.size(path) == 12
    await disk.truncate(path, 5)
    assert await disk.read(path) == b"hello"


async def test_names(disk: Disk, tmp_path: Path) -> None:
    directory = tmp_path / "x" / "y"
    assert await disk.names(directory) == []
    await disk.make_directory(directory)
    await disk.make_directory(directory)
    for name in ("b", "a"):
        await disk.write(directory / name, b"")
    await disk.replace(directory / "b", directory / "c")
    await disk.sync(directory)
    assert await disk.names(directory) == ["a", "c"]
    await disk.remove(directory / "a")
    await disk.remove(directory / "a")
    assert await disk.names(directory) == ["c"]
    assert await disk.size(directory / "a") is None


async def test_store_replaces_and_leaves_no_draft(disk: Disk, tmp_path: Path) -> None:
    for text in (b"old and longer", b"new"):
        await store(disk, tmp_path / "f", text)
    assert await disk.read(tmp_path / "f") == b"new"
    assert await disk.names(tmp_path) == ["f"]


async def test_an_absent_file_is_told_apart_from_a_refusal(disk: Disk, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await disk.read(tmp_path / "none")
    with pytest.raises(ResourceError, match="no such file"):
        await disk.truncate(tmp_path / "none", 0)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ResourceError, match="not a directory"):
        await disk.write(tmp_path / "file" / "below", b"x")


async def test_no_permission(disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "locked" / "a"
    path.parent.mkdir(mode=0o500)
    me = os.geteuid()
    os.seteuid(me or 65534)  # root is refused nothing
    try:
        with pytest.raises(ResourceError, match="permission denied"):
            await disk.write(path, b"x")
    finally:
        os.seteuid(me)


async def test_full_device(disk: Disk) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(ResourceError, match="/dev/full: no space left on the device"):
        await disk.append(Path("/dev/full"), b"x")


async def test_full_tmpfs_keeps_what_was_there(disk: Disk, tmp_path: Path) -> None:
    with small_tmpfs(tmp_path):
        await store(disk, tmp_path / "kept", b"k" * 4096)
        with pytest.raises(ResourceError, match="no space left"):
            await store(disk, tmp_path / "kept", b"n" * 200_000)
        assert await disk.read(tmp_path / "kept") == b"k" * 4096


async def test_a_sync_reaches_the_system_and_leaves_no_descriptor(
    disk: Disk, tmp_path: Path, synced: list[Path]
) -> None:
    paths = {tmp_path / name for name in "ab"}
    await disk.size(tmp_path)  # whatever the threads need is there
    before = len([*Path("/proc/self/fd").iterdir()])
    for path in paths:
        await disk.write(path, b"x")
        await disk.append(path, b"y")
    await disk.sync(*paths, cached=False)
    await disk.sync(tmp_path)
    assert set(synced[:2]) == paths and synced[2:] == [tmp_path]
    assert len([*Path("/proc/self/fd").iterdir()]) <= before


async def test_a_sync_that_fails_for_one_file_of_several_is_told(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(ResourceError, match="absent: no such file"):
        await disk.sync(tmp_path / "a", tmp_path / "absent")
