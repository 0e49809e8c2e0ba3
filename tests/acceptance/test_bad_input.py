"""Bad input by the command line: one clear line, an exit code, nothing begun and nothing lost."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from linkemu.runtime.layout import find
from tests.cli.invoked import (
    ELEMENTS,
    LINKEMU,
    ROOT,
    called,
    document,
    processes_that_mention,
    running,
    scenario,
    until,
)
from tests.small_tmpfs import small_tmpfs

SPOOL = "48m"
SMALL = random.Random(4).randbytes(1_000_000)


def corrupt(directory: Path) -> tuple[Path, int]:
    """The elements of the demo with one wrong checksum, and its line."""
    lines = ELEMENTS.read_text().splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith("1 25544"))
    lines[index] = lines[index][:-1] + str((int(lines[index][-1]) + 1) % 10)
    path = directory / "corrupt.tle"
    path.write_text("\n".join(lines) + "\n")
    return path, index + 1


@pytest.mark.parametrize("command", ["passes", "forecast", "run"])
@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('mask = "20 deg"', 'msak = "20 deg"', '{path}: station[0].msak: unknown key, did you mean "mask"?'),
        ('duration = "8 s"', 'duration = "8 km"', '{path}: duration: "8 km": "km" is no unit of duration'),
        (str(ELEMENTS), "nowhere.tle", '{path}: elements[0]: no file "{room}/nowhere.tle"'),
        (str(ELEMENTS), "corrupt.tle", "{room}/corrupt.tle:{line}: checksum"),
        (
            'preset = "nict-koganei"',
            'latitude = "95 deg"\nlongitude = "0 deg"',
            "{path}: station[0].latitude: ",
        ),
    ],
    ids=["unknown key", "wrong unit", "missing TLE", "corrupt checksum", "latitude 95"],
)
def test_a_scenario_that_is_wrong_is_told_in_one_line_and_begins_nothing(
    good: str, bad: str, said: str, command: str, tmp_path: Path
) -> None:
    path = scenario(tmp_path, 8)
    _, line = corrupt(tmp_path)
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad))
    with contextlib.chdir(tmp_path):
        result = called(command, path)
    assert result.exit_code == 2
    (told,) = result.stderr.splitlines()
    assert told.startswith("linkemu: " + said.format(path=path, room=tmp_path, line=line))
    assert not list(tmp_path.rglob("session.json"))
    assert not list(tmp_path.rglob("state/*"))


def failed(place: Path, *arguments: object) -> str:
    """The one line of a command, in a process of its own, that could not do what it was asked."""
    ended = subprocess.run(
        [*LINKEMU, *map(str, arguments)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = [line for line in ended.stderr.splitlines() if line.startswith("linkemu: ")]
    assert ended.returncode == 1, ended.stderr
    assert len(told) == 1
    assert "Traceback" not in ended.stderr
    assert processes_that_mention(str(place)) == []
    return told[0]


@pytest.mark.acceptance
def test_a_door_whose_port_is_in_use(tmp_path: Path) -> None:
    """That of the emulator's address is in tests/runtime/test_emulator.py: a session chooses it itself."""
    path = scenario(tmp_path, 8)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path.write_text(path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        told = failed(tmp_path, "run", path, "--dir", tmp_path / "run")
    assert told.startswith(f"linkemu: 127.0.0.1:{port}: ")
    assert "the HTTP door of station koganei can't open: Address already in use" in told


@pytest.mark.acceptance
def test_a_spool_that_can_not_be_made(tmp_path: Path) -> None:
    """Something else lies in its place, and stays as it is."""
    spool = tmp_path / "run" / "state" / "koganei" / "spool"
    spool.parent.mkdir(parents=True)
    spool.write_text("mine")
    told = failed(tmp_path, "run", scenario(tmp_path, 8), "--dir", tmp_path / "run")
    assert str(spool) in told
    assert spool.read_text() == "mine"


@pytest.mark.acceptance
def test_a_spool_on_a_disk_that_is_read_only(tmp_path: Path) -> None:
    room = tmp_path / "run" / "state" / "koganei"
    room.mkdir(parents=True)
    with small_tmpfs(room):
        subprocess.run(["mount", "-o", "remount,ro", str(room)], check=True)
        told = failed(tmp_path, "run", scenario(tmp_path, 8), "--dir", tmp_path / "run")
    assert told.endswith("the file system is read-only")
    assert str(room) in told


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A session whose station has 48 MiB of disk, and a file in its custody."""
    place = tmp_path_factory.mktemp("small")
    room = place / "run" / "state" / "koganei"
    room.mkdir(parents=True)
    (place / "kept.bin").write_bytes(SMALL)
    path = scenario(place, 110)
    with small_tmpfs(room, SPOOL), running(place, "run", path.name, "--json", "--dir", "run") as process:
        until(lambda: "door open" in (place / "stderr.txt").read_text() or process.poll() is not None)
        assert process.poll() is None, (place / "stderr.txt").read_text()
        document("put", place / "kept.bin", "--wait", "--timeout", "60", "--dir", place / "run")
        yield place
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _nothing_lost(place: Path, more: set[str]) -> None:
    """The custody is the same as before, no draft is left, and the file comes back as it was."""
    rows = document("ls", "--dir", place / "run")
    names = {row["name"] for row in rows if row["action"] == "put"}
    assert names == {"kept.bin", *more}
    spool = place / "run" / "state" / "koganei" / "spool"
    until(lambda: not list(spool.glob("*.draft")))
    document("get", "kept.bin", "-o", place / "copy.bin", "--timeout", "60", "--dir", place / "run")
    assert (place / "copy.bin").read_bytes() == SMALL


@pytest.mark.acceptance
def test_a_disk_that_is_full_refuses_one_file_and_keeps_the_others(place: Path) -> None:
    big = place / "big.bin"
    big.write_bytes(bytes(64 * 2**20))
    upload = _put(place, big)
    _, errors = upload.communicate(timeout=60)
    assert upload.returncode == 1
    assert errors.count("\n") == 1
    assert errors.startswith("linkemu: station koganei: ")
    assert "no space left" in errors
    _nothing_lost(place, set())


@pytest.mark.acceptance
def test_a_file_that_changes_while_it_goes_up_is_refused(place: Path) -> None:
    """The station is held up, so that most of the upload still waits when the file's end is changed."""
    file = place / "changing.bin"
    file.write_bytes(bytes(32 * 2**20))
    marker = find(place / "run")
    os.kill(marker.processes["koganei"], signal.SIGSTOP)
    upload = _put(place, file)
    until(lambda: _connected_to(marker.doors["koganei"][1]))
    with file.open("r+b") as content:
        content.seek(-1, os.SEEK_END)
        content.write(b"x")
    os.kill(marker.processes["koganei"], signal.SIGCONT)
    _, errors = upload.communicate(timeout=60)
    assert upload.returncode == 2
    assert errors.count("\n") == 1
    assert "it changed during the upload" in errors
    _nothing_lost(place, set())
    again = document("put", file, "--dir", place / "run")
    assert again["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    _nothing_lost(place, {"changing.bin"})


def _connected_to(port: int) -> bool:
    """Whether somebody has a connection to this port of loopback (proc(5): state 01 is ESTABLISHED)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def _put(place: Path, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*LINKEMU, "put", str(file), "--satellite", "iss", "--dir", str(place / "run"), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
