"""``linkemu run`` on a terminal: parts that are processes of their own, and nothing of them after Ctrl-C.

Ctrl-C is the real one: the byte 3 on the controlling terminal, by which the kernel interrupts the foreground
process group. Checked afterwards: processes, ports, temporary files, the marker of the session.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkemu.contract import Address, EmulatorFile
from linkemu.errors import InputError
from linkemu.runtime.layout import Marker, find
from tests.acceptance.sessions import CONFIG, alive
from tests.cli.invoked import LINKEMU, ROOT, processes_that_mention, until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

PARTS = {
    "broker": "linkemu.runtime.broker",
    "emulator": "linkemu.runtime.emulator",
    "koganei": "ground_station",
    "iss": "satellite_node",
}
INTERRUPTED = 130


@contextmanager
def _on_a_terminal(place: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``linkemu run configs/demo.toml`` as the foreground of a terminal of its own; with the terminal."""
    ours, its = pty.openpty()
    temporary = place / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [*LINKEMU, "run", str(CONFIG), "--dir", str(place / "run")],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "TERM": "xterm"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(its)
    reader = threading.Thread(target=_drain, args=(ours,))
    reader.start()
    try:
        yield process, ours
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join()
        os.close(ours)


def _drain(terminal: int) -> None:
    """Read what is drawn, so that nobody waits for the terminal; ends when the last writer has gone."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # EIO: Linux's way to say that the other side is closed
        return


def _session(place: Path) -> Marker | None:
    try:
        return find(place / "run")
    except InputError:
        return None


def _addresses(place: Path, marker: Marker) -> dict[socket.SocketKind, list[Address]]:
    """All that the session listens on."""
    assert marker.broker is not None
    host, _, port = marker.broker.rpartition("/")[2].partition(":")
    emulator = EmulatorFile.load(place / "run" / "emulator.json")
    return {
        socket.SOCK_STREAM: [(host, int(port)), *marker.doors.values()],
        socket.SOCK_DGRAM: [emulator.address, *(node.terminal for node in emulator.nodes)],
    }


def _held(addresses: dict[socket.SocketKind, list[Address]]) -> list[Address]:
    """Those at which somebody listens, by proc(5): trying to bind them would get into somebody's way."""
    held = []
    for kind, each in addresses.items():
        table = Path("/proc/net/tcp" if kind is socket.SOCK_STREAM else "/proc/net/udp")
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        listening = {row[1] for row in rows if kind is socket.SOCK_DGRAM or row[3] == "0A"}
        held += [address for address in each if f"0100007F:{address[1]:04X}" in listening]
    return held


def _parents(pids: list[int]) -> list[int]:
    return [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda process, terminal: os.write(terminal, b"\x03"), id="Ctrl-C"),
        pytest.param(lambda process, terminal: process.send_signal(signal.SIGTERM), id="SIGTERM"),
    ],
)
def test_each_part_is_a_process_and_nothing_is_left_of_them(
    end: Callable[[subprocess.Popen[bytes], int], object], tmp_path: Path
) -> None:
    with _on_a_terminal(tmp_path) as (process, terminal):
        until(lambda: _session(tmp_path) is not None or process.poll() is not None)
        marker = _session(tmp_path)
        assert marker is not None
        until(lambda: set(find(tmp_path / "run").processes) == set(PARTS))
        processes = find(tmp_path / "run").processes
        pids = list(processes.values())
        assert marker.pid == process.pid
        assert len({*pids, process.pid}) == 5
        assert _parents(pids) == [process.pid] * 4
        for name, module in PARTS.items():
            assert module in alive([processes[name]])[0]
        addresses = _addresses(tmp_path, marker)
        assert len(addresses[socket.SOCK_STREAM]) == 2
        assert len(addresses[socket.SOCK_DGRAM]) == 3
        until(lambda: len(_held(addresses)) == 5)
        end(process, terminal)
        assert process.wait(20) == INTERRUPTED
        assert alive(pids) == []
        assert processes_that_mention(str(tmp_path)) == []
        assert _held(addresses) == []
        assert _session(tmp_path) is None
        assert list((tmp_path / "tmp").iterdir()) == []
        assert (tmp_path / "run" / "emulator" / "fidelity.json").exists()
