"""Starts the data plane's process and hears what it says: where its doors listen, and their reports.

The process is on a leash: it ends with the one that started it, however that came. It is in a process group
of its own, so that Ctrl-C reaches the command alone, which then asks for the report.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from linkemu.access.gauge import DoorReport
from linkemu.access.settings import Address, Proxy
from linkemu.errors import FormatError, InputError, ResourceError
from linkemu.link.timeline import Sky
from linkemu.record.played import Row
from linkemu.runtime.leash import leash

_MODULE = "linkemu.access.dataplane"
_PATIENCE_S = 10.0


class DataPlane:
    """A running proxy. Order of calls: ``start``, then ``wait``; ``stop`` ends it early, ``close`` always.

    ``addresses`` are those of its doors, by name; ``control`` is our end of the channel to its desk.
    """

    def __init__(
        self, process: subprocess.Popen[str], said: Mapping[str, Any], control: socket.socket
    ) -> None:
        self.addresses: dict[str, Address] = {
            name: (str(host), int(port)) for name, (host, port) in said["doors"].items()
        }
        self.zero_ns: int | None = said["zero_ns"]  # CLOCK_MONOTONIC at scenario time 0; None: not begun
        self.control = control
        self.faults: list[Row] = []  # live ones as they took effect, once it has ended
        self.pid = process.pid
        self._process = process

    @classmethod
    def start(cls, proxy: Proxy, sky: Sky) -> DataPlane:
        """``proxy.sky`` only names the sky; returns once all doors listen.

        ResourceError if an address can't be had, InputError if the sky can't be played.
        """
        with TemporaryDirectory(prefix="linkemu-") as name:  # the process reads both before it answers
            room = Path(name)
            sky.save(room / "sky")
            replace(proxy, sky=room / "sky").save(room / "proxy.json")
            ours, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", _MODULE, str(room / "proxy.json"), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    preexec_fn=leash(),
                    process_group=0,
                    pass_fds=(theirs.fileno(),),
                )
            said = _document(process)
        if said is None:
            ours.close()
            raise _refusal(process)
        return cls(process, said, ours)

    @property
    def address(self) -> Address:
        """Of the only door."""
        (address,) = self.addresses.values()
        return address

    def wait(self) -> list[DoorReport]:
        """The doors' reports, once the scenario has ended or ``stop`` was called. ResourceError: it died."""
        said = _document(self._process)
        if said is None:
            raise _refusal(self._process)
        self._process.wait(_PATIENCE_S)
        self.faults = said["faults"]
        return [DoorReport.of(report) for report in said["reports"]]

    def stop(self) -> None:
        """Ask it to end; ``wait`` then gives the report."""
        self._process.terminate()

    def complaints(self) -> list[str]:
        """What it has complained of, once it has ended."""
        return [] if self._process.stderr is None else self._process.stderr.read().splitlines()

    def close(self) -> None:
        """Nothing of it is left after this."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self.control.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _document(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    """The next line of JSON that it says; None if it ended without."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        return None
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise FormatError(f"the data plane said {line.strip()!r}") from None
    return said


def _refusal(process: subprocess.Popen[str]) -> Exception:
    """Why it ended, by the last line that it wrote and its exit code."""
    code = process.wait()
    words = process.stderr.read().strip().splitlines() if process.stderr else []
    line = words[-1].removeprefix("proxy: ") if words else f"ended with exit code {code}"
    where, colon, problem = line.partition(": ")
    kind = InputError if code == InputError.exit_code else ResourceError
    return kind(where, problem) if colon else kind("data plane", line)
