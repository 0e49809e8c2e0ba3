"""Child processes: started again after kill -9, given up with their last words, ended to the last one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from linkemu.errors import ResourceError
from linkemu.runtime.supervisor import ProcessChange, Program, Supervisor
from tests.waiting import eventually, until_async

pytestmark = pytest.mark.acceptance

WAIT = "import signal; signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); signal.pause()"


class Changes:
    """What the supervisor said, and a way to wait for more."""

    def __init__(self) -> None:
        self.seen: list[ProcessChange] = []
        self._news = asyncio.Event()

    def put(self, change: ProcessChange) -> None:
        self.seen.append(change)
        self._news.set()

    async def until(self, condition: Callable[[list[ProcessChange]], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition(self.seen):
                self._news.clear()
                await self._news.wait()

    async def started(self, count: int) -> ProcessChange:
        """The ``count``-th start."""
        await self.until(lambda seen: sum(each.change == "started" for each in seen) >= count)
        return [each for each in self.seen if each.change == "started"][count - 1]


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def supervisor(changes: Changes) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(changes.put)
    yield supervisor
    await supervisor.stop(grace_s=0.1)


def _python(name: str, code: str, directory: Path) -> Program:
    return Program(name, (sys.executable, "-u", "-c", code), directory / f"{name}.log")


async def _words(program: Program) -> str:
    """What the program has written, once it has."""
    await until_async(program.log.read_text)
    return program.log.read_text()


def _alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


async def test_a_killed_child_comes_back_with_the_same_command(
    supervisor: Supervisor, changes: Changes, tmp_path: Path
) -> None:
    supervisor.start(_python("node", WAIT, tmp_path))
    for number in range(1, 4):
        started = await changes.started(number)
        os.kill(started.pid, signal.SIGKILL)
    await changes.started(4)
    assert supervisor.restarts() == {"node": 3}
    died = [each for each in changes.seen if each.change == "died"]
    assert [each.code for each in died] == [-signal.SIGKILL] * 3
    assert not supervisor.failure.done()


async def test_stopping_ends_every_child_even_one_that_ignores_sigterm(
    supervisor: Supervisor, changes: Changes, tmp_path: Path
) -> None:
    supervisor.start(_python("polite", WAIT, tmp_path))
    deaf = _python("deaf", DEAF, tmp_path)
    supervisor.start(deaf)
    await changes.started(2)
    pids = list(supervisor.pids().values())
    await _words(deaf)
    await supervisor.stop(grace_s=0.2)
    assert len(pids) == 2
    assert not any(_alive(pid) for pid in pids)
    codes = {each.name: each.code for each in changes.seen if each.change == "ended"}
    assert codes == {"polite": -signal.SIGTERM, "deaf": -signal.SIGKILL}


async def test_a_grandchild_goes_with_its_parent(
    supervisor: Supervisor, changes: Changes, tmp_path: Path
) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAIT + ' # marked'!r}])"
    program = _python("parent", "import os; print(os.getpgid(0)); " + code, tmp_path)
    supervisor.start(program)
    await changes.started(1)
    group = int(await _words(program))
    await supervisor.stop(grace_s=1.0)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


async def test_a_child_that_keeps_failing_fails_the_run_with_its_last_words(
    supervisor: Supervisor, changes: Changes, tmp_path: Path
) -> None:
    supervisor.start(_python("bad", "import sys; print('port 5 is in use'); sys.exit(1)", tmp_path))
    async with asyncio.timeout(60):
        error = await supervisor.failure
    assert isinstance(error, ResourceError)
    assert str(error) == "bad: port 5 is in use"
    assert sum(each.change == "started" for each in changes.seen) > 1


async def test_bad_input_is_not_tried_again(supervisor: Supervisor, changes: Changes, tmp_path: Path) -> None:
    supervisor.start(_python("bad", "import sys; print('no such key'); sys.exit(2)", tmp_path))
    async with asyncio.timeout(60):
        error = await supervisor.failure
    assert "no such key" in str(error)
    assert sum(each.change == "started" for each in changes.seen) == 1


async def test_a_program_that_is_not_there_is_a_resource_error(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(Program("ghost", ("/nonexistent/program",), tmp_path / "log"))
    error = await supervisor.failure
    assert isinstance(error, ResourceError)


PARENT = """
import asyncio, sys
from pathlib import Path
from linkemu.runtime.supervisor import Program, Supervisor
async def main():
    supervisor = Supervisor(lambda change: print(change.pid, flush=True))
    for name in "ab":
        supervisor.start(Program(name, (sys.executable, "-c", sys.argv[2]), Path(sys.argv[1]) / name))
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_children_of_a_killed_supervisor_die_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), DEAF]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(_alive(pid) for pid in pids)
        parent.kill()
    assert eventually(lambda: not any(map(_alive, pids))), "a child outlives its parent"
