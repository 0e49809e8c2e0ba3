"""How the tests of the command line call it: in this process, or as a process of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner, Result

from linkemu.cli.main import app
from tests import one_pass
from tests.one_pass import ELEMENTS as ELEMENTS
from tests.one_pass import ROOT
from tests.waiting import until as until

CONFIGS = ROOT / "configs"
COMMANDS = (
    *("demo", "run", "scenarios", "passes", "forecast", "budget", "availability", "plot"),
    *("put", "get", "ls", "status", "fault"),
    *("proxy", "exec", "doctor"),
    *("campaign",),
    *("replay", "diff"),
    *("export", "import"),
)
PARSERS = get_command(app).commands
LINKEMU = (sys.executable, "-m", "linkemu.cli.main")


def scenario(directory: Path, duration_s: int, more: str = "") -> Path:
    """A scenario file in ``directory``: the demo's pass without its cloud and work."""
    path = directory / "short.toml"
    path.write_text(one_pass.text(duration_s, one_pass.MASKED, more))
    return path


def called(*arguments: object) -> Result:
    """A command in this process; an error must be one line, as for a user."""
    return CliRunner().invoke(app, [str(each) for each in arguments])


def document(*arguments: object) -> Any:
    """What a command that succeeds says with --json."""
    result = called(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(*arguments: object) -> str:
    """The one line of a command that finds its input bad."""
    result = called(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert result.stdout == ""
    line, *more = result.stderr.strip().splitlines()
    assert not more
    assert line.startswith("linkemu: ")
    return line.removeprefix("linkemu: ")


def examples(command: str) -> list[list[str]]:
    """The command line of each example in the help of a command, without the program's name."""
    text = PARSERS[command].help or ""
    lines = text.replace("\\\n", " ").splitlines()
    return [
        shlex.split(line)[1:] for line in map(str.strip, lines) if re.match(rf"linkemu {command}\b", line)
    ]


def documented() -> list[list[str]]:
    """The command line of each ``linkemu`` in an indented block of README.md and docs/, without its name."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for line in re.findall(r"^ {4}(?:\.venv/bin/)?linkemu (.+)$", page.read_text(), re.MULTILINE):
            found.append(shlex.split(line, comments=True))
    return found


@contextmanager
def running(directory: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command as a process in ``directory``; ended by SIGINT, then SIGKILL."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (directory / "stderr.txt").open("w") as errors:
        process = subprocess.Popen(
            [*LINKEMU, *map(str, arguments)],
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def processes_that_mention(text: str) -> list[int]:
    """Pids whose command line holds ``text``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(int(entry.name))
    return found
