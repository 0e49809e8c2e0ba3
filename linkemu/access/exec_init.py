"""The first process of the commands: starts the gateway's and the client's, and ends all when that one ends.

It is number 1 of its own process namespace: when it dies the kernel kills everything below it, and it dies
with the house. It reads no packet and plays no link. SIGTERM to it goes to the client's command, which has
LAST_S to end; before there is a command it ends all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from linkemu.access import namespace
from linkemu.access.exec_order import Order
from linkemu.errors import ResourceError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LISTENING_TCP, _BOUND_UDP = "0A", "07"  # states in /proc/net
_READY_S, _LOOK_S = 5.0, 0.02
_GRACE_S = 1.0
LAST_S = 3  # seconds, whole: for alarm(2)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class Init:
    """The house's hold on it: ``started`` becomes readable when the client's command could start, ``release``
    lets it, and ``pidfd`` becomes readable when all has ended."""

    def __init__(self, pid: int, started: int, hold: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.started = started
        self._hold = hold  # kept open: its end tells that the house is gone

    def release(self) -> None:
        """Let the client's command start."""
        with contextlib.suppress(BrokenPipeError):  # it has ended meanwhile, which pidfd tells
            os.write(self._hold, b"1")

    def exit_code(self) -> int:
        """Wait for the end; the code of the client's command, or 128 and the signal that killed it."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._hold)
        return _code(status)

    def end(self) -> None:
        """Ask the client's command to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End everything now."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)


def start(order: Order, client: int, gateway: int) -> Init:
    """Fork the first process; ResourceError if the kernel refuses."""
    alive, hold = os.pipe()
    started, begins = os.pipe()
    try:
        namespace.bind_fates()
        pid = os.fork()
    except OSError as error:
        raise ResourceError("process namespace", error.strerror or str(error)) from None
    if pid == 0:
        os.close(hold)
        os.close(started)
        code = 1
        try:
            code = _live(order, client, gateway, alive, begins)
        finally:
            os._exit(code)
    os.close(alive)
    os.close(begins)
    return Init(pid, started, hold)


def _live(order: Order, client: int, gateway: int, alive: int, begins: int) -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    _tie_to_parent(alive)
    if not namespace.mount_proc():
        print(
            "linkemu exec: /proc shows the processes of the machine: mounting it was refused", file=sys.stderr
        )
    server = 0
    if order.serve is not None:
        namespace.enter_network(gateway)
        taken = _listeners()
        server = _spawn(("/bin/sh", "-c", order.serve), _as_server)
        _await_listener(server, taken)
    namespace.enter_network(client)
    os.write(begins, b"1")
    if not os.read(alive, 1):
        os._exit(1)
    command = _spawn(order.command, _as_command)
    _pass_on_sigterm(command)
    code = _reap(command)
    _end_the_rest()
    return code


def _tie_to_parent(alive: int) -> None:
    """Die with the house, also if it died before this was said."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)


def _spawn(command: Sequence[str], prepare: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = _NOT_EXECUTABLE
    try:
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        prepare()
        os.execvp(command[0], list(command))
    except OSError as error:
        code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        print(f"linkemu: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _as_command() -> None:
    """The terminal is the command's."""


def _as_server() -> None:
    """A server has no terminal; what it says goes to stderr, as stdout is the command's."""
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)


def _await_listener(server: int, before: set[str]) -> None:
    """Return when the gateway's command listens somewhere, has ended, or takes too long for that."""
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and not _listeners() - before:
        if os.waitid(os.P_PID, server, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(_LOOK_S)


def _listeners() -> set[str]:
    """Sockets of this process's network that listen (TCP) or are bound (UDP), by their local addresses."""
    found: set[str] = set()
    for name, state in (("tcp", _LISTENING_TCP), ("udp", _BOUND_UDP)):
        for version in ("", "6"):
            rows = Path("/proc/self/net", name + version).read_text().splitlines()[1:]
            found |= {name + row.split()[1] for row in rows if row.split()[3] == state}
    return found


def _pass_on_sigterm(command: int) -> None:
    """The first one to the command; SIGKILL if it still runs LAST_S later."""

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(command, number)

    def hear(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        send(signal.SIGTERM)
        signal.alarm(LAST_S)

    signal.signal(signal.SIGALRM, lambda number, frame: send(signal.SIGKILL))
    signal.signal(signal.SIGTERM, hear)


def _reap(command: int) -> int:
    """Bury every process that ends until the client's command does; its code."""
    while True:
        pid, status = os.wait()
        if pid == command:
            return _code(status)


def _end_the_rest() -> None:
    """SIGTERM to whatever still runs here, and a moment to obey; the kernel kills the others."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGTERM)
    end = time.monotonic() + _GRACE_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(_LOOK_S)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
