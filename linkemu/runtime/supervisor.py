"""Child processes: started on a leash, started again when they die, ended to the last one.

A child that a signal killed comes back at once with the same command; one that keeps failing by itself comes
back with growing pauses, and after a few quick failures the whole run fails with the child's own last words.
What the children are for is no business of this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from linkemu.errors import InputError, ResourceError
from linkemu.runtime.leash import leash

GRACE_S = 5.0  # between the polite signal and the other one

_PAUSES_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
_SETTLED_S = 3.0  # who lived this long has started well
_QUICK_FAILURES = 4


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs, and where its output goes."""

    name: str
    command: tuple[str, ...]
    log: Path


@dataclass(frozen=True, slots=True)
class ProcessChange:
    """A child has started, has died and will be started again, or has ended for good."""

    name: str
    change: Literal["started", "died", "ended"]
    pid: int
    code: int | None = None  # exit code, negative for a signal
    restarts: int = 0  # of this child so far


class _Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: asyncio.subprocess.Process | None = None
        self.restarts = 0
        self.stopping = False
        self.may_start = asyncio.Event()  # cleared: a program that was killed is not to come back yet
        self.may_start.set()
        self.task: asyncio.Task[int | None] | None = None

    @property
    def pid(self) -> int | None:
        process = self.process
        return None if process is None or process.returncode is not None else process.pid

    def signal(self, number: signal.Signals) -> None:
        """To the child and whatever it may have started itself."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class Supervisor:
    """Keeps programs running. Order: ``start`` each, wait for ``failure`` or whatever else, ``stop``."""

    def __init__(self, on_change: Callable[[ProcessChange], None]) -> None:
        self._on_change = on_change
        self._children: dict[str, _Child] = {}
        self.failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def start(self, program: Program) -> None:
        """Run ``program`` from now on, until it ends by itself with exit code 0 or is stopped."""
        child = self._children[program.name] = _Child(program)
        child.task = asyncio.get_running_loop().create_task(self._keep(child), name=program.name)

    def pids(self) -> dict[str, int]:
        """The processes that run now."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    def restarts(self) -> dict[str, int]:
        """How often each program had to be started again."""
        return {name: child.restarts for name, child in self._children.items()}

    def kill(self, name: str, *, hold: bool = False) -> None:
        """SIGKILL; it is started again at once, or after ``release`` if ``hold``."""
        child = self._children[name]
        if hold:
            child.may_start.clear()
        child.signal(signal.SIGKILL)

    def release(self, name: str) -> None:
        """Let a program that is held down start again."""
        self._children[name].may_start.set()

    def freeze(self, name: str, *, thaw: bool = False) -> None:
        """SIGSTOP, or SIGCONT: it stands still, or goes on."""
        self._children[name].signal(signal.SIGCONT if thaw else signal.SIGSTOP)

    async def stop(self, names: Iterable[str] | None = None, grace_s: float = GRACE_S) -> None:
        """End these programs (all, by default): SIGTERM, and after ``grace_s`` SIGKILL."""
        chosen = [self._children[name] for name in (self._children if names is None else names)]
        tasks = [child.task for child in chosen if child.task is not None and not child.task.done()]
        for child in chosen:
            child.stopping = True
            child.may_start.set()
            child.signal(signal.SIGTERM)
            child.signal(signal.SIGCONT)  # it may stand still
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for child in chosen:
            child.signal(signal.SIGKILL)
        if tasks:
            await asyncio.wait(tasks)

    async def forget(self, name: str) -> None:
        """End a program that failed, and start with a clean slate."""
        await self.stop([name])
        del self._children[name]
        self.failure = asyncio.get_running_loop().create_future()

    async def _keep(self, child: _Child) -> int | None:
        quick = 0
        while not child.stopping:
            started = asyncio.get_running_loop().time()
            try:
                code = await self._run_once(child)
            except OSError as error:
                self._fail(ResourceError(child.program.command[0], error.strerror or str(error)))
                return None
            if code == 0 or child.stopping:
                return code
            lived_s = asyncio.get_running_loop().time() - started
            quick = quick + 1 if lived_s < _SETTLED_S and code > 0 else 0
            if quick >= _QUICK_FAILURES or (quick and code == InputError.exit_code):
                self._fail(ResourceError(child.program.name, _last_words(child.program.log, code)))
                return code
            child.restarts += 1
            await child.may_start.wait()
            await asyncio.sleep(_PAUSES_S[min(quick, len(_PAUSES_S) - 1)])
        return None

    async def _run_once(self, child: _Child) -> int:
        program = child.program
        with program.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=leash(),
            )
        child.process = process
        if child.stopping:  # between the decision to start and the start
            child.signal(signal.SIGTERM)
        self._on_change(ProcessChange(program.name, "started", process.pid, restarts=child.restarts))
        code = await process.wait()
        change: Literal["ended", "died"] = "ended" if code == 0 or child.stopping else "died"
        self._on_change(ProcessChange(program.name, change, process.pid, code, child.restarts))
        return code

    def _fail(self, error: Exception) -> None:
        if not self.failure.done():
            self.failure.set_result(error)


def _last_words(log: Path, code: int) -> str:
    """Why a program ended, by the last line that it wrote."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1] if spoken else f"ended with exit code {code}"
