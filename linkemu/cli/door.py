"""The error door: whatever goes wrong below leaves here as one line on stderr and an exit code.

0 done; 1 failed; 2 bad input (a wrong option, file, unit or key); 130 interrupted, by SIGTERM too. No
traceback ever reaches a user, unless LINKEMU_DEBUG is set. No command catches errors on its own account only
to print them.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from linkemu.cli import output
from linkemu.errors import LinkemuError

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


class Door(TyperGroup):
    """The group of all commands; ``invoke`` is the one place where errors become exit codes."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().make_context(*args, **extra)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            _leave(getattr(error, "ctx", None), error)

    def invoke(self, ctx: Any) -> Any:
        try:
            with heeding_sigterm():
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except BaseException as error:
            _leave(ctx, _first(error))


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """SIGTERM ends what is within as Ctrl-C does, so that it clears up; of the main thread.

    A second one is taken for the first, as in runtime.stopping. What that has left for SIGTERM stays.
    """
    heard = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if not heard:
            heard = True
            _interrupt(frame)

    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is hear:
            signal.signal(signal.SIGTERM, before)


def _interrupt(frame: FrameType | None) -> None:
    """What SIGINT would do; of a job in the background, for which shells ignore it, KeyboardInterrupt."""
    heard_by = signal.getsignal(signal.SIGINT)
    if not callable(heard_by):
        raise KeyboardInterrupt
    heard_by(signal.SIGINT, frame)


def _first(error: BaseException) -> BaseException:
    """The one error of a group that a person is told: ours if there is one."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inner = [_first(each) for each in error.exceptions]
    return next((each for each in inner if isinstance(each, LinkemuError)), inner[0])


def _leave(ctx: Any, error: BaseException) -> NoReturn:
    if os.environ.get("LINKEMU_DEBUG"):
        raise error
    match error:
        case SystemExit() | GeneratorExit():
            raise error
        case KeyboardInterrupt():
            raise typer.Exit(INTERRUPTED) from None
        case BrokenPipeError():
            _mute_stdout()
            raise typer.Exit(FAILED) from None
        case OSError(errno=errno.ENOSPC | errno.EDQUOT, filename=None):
            _mute_stdout()
            _say(f"output: {error.strerror}")
            raise typer.Exit(FAILED) from None
        case LinkemuError():
            _say(str(error))
            raise typer.Exit(error.exit_code) from None
        case typer.TyperException() if type(error).__name__ == "NoArgsIsHelpError":
            raise typer.Exit(BAD_INPUT) from None  # the help is printed already
        case typer.TyperException():
            used = getattr(error, "ctx", None) or ctx
            path = used.command_path if used is not None else "linkemu"
            problem = error.format_message().replace("Value error, ", "").rstrip(".")  # pydantic's words
            _say(f"{problem} (try: {path} --help)")
            raise typer.Exit(BAD_INPUT) from None
        case _:
            _say(f"unexpected {type(error).__name__}: {error} (a bug; LINKEMU_DEBUG=1 shows where)")
            raise typer.Exit(FAILED) from None


def _say(problem: str) -> None:
    line = " ".join(problem.split())
    output.say(line)


def _mute_stdout() -> None:
    """The reader has gone (``| head``): let the interpreter's last flush go nowhere."""
    sys.stdout.flush = lambda: None  # type: ignore[method-assign]
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
