"""A file that is replaced whole: by a process that is killed at any system call, on a disk that refuses."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from linkemu import wholefile
from linkemu.errors import ResourceError
from tests.small_tmpfs import small_tmpfs

OLD, NEW = b"old" * 1000, b"new" * 100_000

_DIES = """
import os, sys
from pathlib import Path
from linkemu import wholefile

path, old, new = Path(sys.argv[1]), b"old" * 1000, b"new" * 100_000
left = 0

def dying(call):
    def counted(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*args, **kwargs)
    return counted

found, code = [], 9
while code:
    path.write_bytes(old)
    if not (pid := os.fork()):
        left = len(found)
        for name in ("open", "fsync", "close", "rename", "unlink"):
            setattr(os, name, dying(getattr(os, name)))
        Path.replace = dying(Path.replace)
        wholefile.put(path, new)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    found.append({old: "old", new: "new"}.get(path.read_bytes(), "torn"))
print(*found)
"""


def test_a_process_that_dies_in_between_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DIES, tmp_path / "a"], capture_output=True, text=True, timeout=60, check=True
    )
    found = done.stdout.split()
    assert len(found) > 4 and found == sorted(found, reverse=True)
    assert set(found) == {"old", "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path):
        path = tmp_path / "a"
        wholefile.put(path, OLD)
        with pytest.raises(ResourceError, match="No space left"):
            wholefile.put(path, NEW)
        assert path.read_bytes() == OLD
        assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_sync_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    wholefile.put(path, OLD)

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(ResourceError, match="Input/output error"):
        wholefile.put(path, NEW)
    assert path.read_bytes() == OLD
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_links_are_followed_and_secrets_stay_so(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(OLD)
    link.symlink_to(path)
    wholefile.put(link, NEW, mode=0o600)
    assert link.is_symlink() and path.read_bytes() == NEW
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_has_no_name_is_written_in_place() -> None:
    descriptor = os.memfd_create("a", os.MFD_CLOEXEC)
    try:
        wholefile.put(Path(f"/proc/self/fd/{descriptor}"), NEW)
        assert os.pread(descriptor, 2 * len(NEW), 0) == NEW
    finally:
        os.close(descriptor)
