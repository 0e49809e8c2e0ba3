"""Programs that a measurement starts: what they say, what processor time they use, and that they end.

A program's words are lines of JSON. Processor time is that of a process, or of those of its descendants that
are meant; nothing is left running when the block ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Address = tuple[str, int]
HERE = Path(__file__).parent
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_LISTENS = "00000000:0000 0A"  # the far end and the state of a listener in /proc/net/tcp


class TrialError(Exception):
    """A program did not do its part; the trial has no figure."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A contestant between client and server. ``pids`` are the processes whose time is counted."""

    address: Address
    pids: Callable[[], list[int]]

    def cpu_s(self) -> float:
        return sum(_cpu_s(pid) for pid in self.pids())


class Words:
    """Lines of JSON from a pipe, each awaited no longer than asked. ``lives``: may more still come?"""

    def __init__(self, descriptor: int, lives: Callable[[], bool]) -> None:
        self._descriptor = descriptor
        self._lives = lives
        self._rest = b""
        self._said: list[dict[str, Any]] = []

    def next(self, key: str, timeout_s: float) -> dict[str, Any]:
        """The next line that has this key; the others wait for whoever asks for theirs."""
        end_s = time.monotonic() + timeout_s
        while True:
            for number, said in enumerate(self._said):
                if key in said:
                    return self._said.pop(number)
            if time.monotonic() > end_s:
                raise TrialError(f"no {key!r} was said for {timeout_s:g} s")
            self._read()

    def _read(self) -> None:
        alive = self._lives()
        if select.select([self._descriptor], [], [], 0.2)[0]:
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                raise TrialError("the far end has ended")
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._said += map(json.loads, lines)
        elif not alive:
            raise TrialError("the program has ended before the far end saw anything")


@contextmanager
def started(
    command: Sequence[str | Path], stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own; it and all that is in that session are killed at the end."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(command, start_new_session=True, stdin=nothing, stdout=stdout, stderr=nothing)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def speaking(command: Sequence[str | Path]) -> Iterator[Words]:
    """A program whose words are heard."""
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Words(process.stdout.fileno(), lambda: process.poll() is None)


def end(name: str, *words: object) -> list[str]:
    """The command of one of our ends: ``ends`` or ``blast``."""
    return [sys.executable, str(HERE / f"{name}.py"), *map(str, words)]


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def await_listener(process: subprocess.Popen[bytes], port: int, timeout_s: float = 5.0) -> None:
    """Without a connection, which a relay of one connection would take for its client."""
    end_s = time.monotonic() + timeout_s
    while f":{port:04X} {_LISTENS}" not in Path("/proc/net/tcp").read_text():
        if process.poll() is not None:
            raise TrialError(f"it ended with exit code {process.returncode}")
        if time.monotonic() > end_s:
            raise TrialError(f"it does not listen after {timeout_s:g} s")
        time.sleep(0.02)


def family(pid: int) -> list[int]:
    """A process and all its descendants that live."""
    found = [pid]
    for thread in _threads(pid):
        with contextlib.suppress(OSError):
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def command_line(pid: int) -> str:
    """Empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _threads(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _cpu_s(pid: int) -> float:
    """User and system, all threads; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S
