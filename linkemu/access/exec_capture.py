"""The user's side of a capture of ``linkemu exec``: the file, its scribe, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from linkemu.access.exec_scribe import Plan, Summary
from linkemu.errors import ResourceError
from linkemu.link.timeline import LinkName
from linkemu.machine import Direction

_MODULE = "linkemu.access.exec_scribe"
_PATIENCE_S = 30.0  # with a disk that takes nothing, once the run has ended


@dataclass(frozen=True, slots=True)
class Captured:
    """What the file holds, and what it lacks; ``problem``: why it ended before the run did."""

    file: Path
    packets: int
    not_kept: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class Capture:
    """Every packet's first ``snap_bytes`` to ``file``; ``epoch_ns`` is the Unix time of scenario time 0."""

    file: Path
    snap_bytes: int
    epoch_ns: int = 0

    async def start(self, link: LinkName) -> Writing:
        """Open the file and start who writes it; ResourceError if it can't be written."""
        names = tuple(f"{link.station} - {link.satellite} {direction.value}" for direction in Direction)
        plan = Plan(names, self.epoch_ns, self.snap_bytes)
        try:
            file = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise ResourceError(str(self.file), error.strerror or str(error)) from None
        tap, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            handed = (theirs.fileno(), file)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _MODULE, *map(str, handed), plan.to_json()),
                pass_fds=handed,
                stdout=asyncio.subprocess.PIPE,
            )
        os.close(file)
        return Writing(self.file, tap, process)


@dataclass(slots=True)
class Writing:
    """A capture under way; ``tap`` is for the data plane, and everybody's end of it ends the capture."""

    file: Path
    tap: socket.socket
    process: asyncio.subprocess.Process

    async def end(self) -> Captured:
        """Once the data plane has ended: what came of it."""
        try:
            said, _ = await asyncio.wait_for(self.process.communicate(), _PATIENCE_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            return Captured(self.file, 0, 0, "the file took nothing more; its last packets are missing")
        if not said:
            return Captured(self.file, 0, 0, "its process was killed")
        summary = Summary(**json.loads(said))
        return Captured(self.file, summary.packets, summary.not_kept, summary.problem)
