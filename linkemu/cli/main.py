"""The composition of the command line: which commands there are, and the door through which errors leave.

Kept light: a command imports what it needs when it runs, so that ``linkemu --help`` is quick.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from linkemu import __version__
from linkemu.cli.availability import availability
from linkemu.cli.budget import budget
from linkemu.cli.campaign import campaign
from linkemu.cli.demo import demo
from linkemu.cli.diff import diff
from linkemu.cli.doctor import doctor
from linkemu.cli.door import Door
from linkemu.cli.exec import CommandLast, exec
from linkemu.cli.export import export
from linkemu.cli.fault import fault
from linkemu.cli.forecast import forecast
from linkemu.cli.get import get
from linkemu.cli.import_ import import_
from linkemu.cli.ls import ls
from linkemu.cli.passes import passes
from linkemu.cli.plot import plot
from linkemu.cli.proxy import proxy
from linkemu.cli.put import put
from linkemu.cli.replay import replay
from linkemu.cli.run import run
from linkemu.cli.scenarios import scenarios
from linkemu.cli.status import status

app = typer.Typer(
    name="linkemu",
    cls=Door,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A laser link to orbit on a laptop.",
    epilog="Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted. LINKEMU_DEBUG=1 shows tracebacks.",
)
SKY = (demo, run, scenarios, passes, forecast, budget, availability, plot)
FILES = (put, get, ls, status, fault)  # of a running session
CLIENTS = (proxy, exec, doctor)  # any other program
TRIALS = (campaign,)
PAST = (replay, diff)  # recorded runs
FOREIGN = (export, import_)  # formats of others


def _flowing(text: str) -> str:
    """A docstring with each paragraph on one line, for the terminal to wrap; examples stay as they are."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)


for command in (*SKY, *FILES, *CLIENTS, *TRIALS, *PAST, *FOREIGN):
    app.command(
        command.__name__.strip("_"),
        cls=CommandLast if command is exec else None,
        help=_flowing(command.__doc__ or ""),
    )(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"linkemu {__version__}")
        raise typer.Exit


@app.callback()
def linkemu(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A laser link to orbit on a laptop."""


def main() -> None:
    """Entry point of the console script. A stream that its caller has closed leads nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  # as long as the process
    app()


if __name__ == "__main__":
    main()
