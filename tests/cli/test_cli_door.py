"""The error door: one line on stderr and the right exit code, whatever happens inside."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner

from linkemu.cli.door import Door
from linkemu.cli.main import app
from linkemu.errors import InputError, ResourceError, TimelineError

runner = CliRunner()


def ended(problem: BaseException):
    def work() -> None:
        raise problem

    return called(work)


def called(work: Callable[[], None]):
    broken = typer.Typer(cls=Door, pretty_exceptions_enable=False)

    @broken.callback()
    def top() -> None:
        """A group."""

    broken.command("work")(work)
    return runner.invoke(broken, ["work"])


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (InputError("--lat", "95 is out of range"), 2, "linkemu: --lat: 95 is out of range"),
        (TimelineError("x.sky: not a sky file"), 1, "linkemu: x.sky: not a sky file"),
        (ResourceError("port 80", "in use"), 1, "linkemu: port 80: in use"),
        (ResourceError("a", "two\nlines"), 1, "linkemu: a: two lines"),
        (
            ZeroDivisionError("oh"),
            1,
            "linkemu: unexpected ZeroDivisionError: oh (a bug; LINKEMU_DEBUG=1 shows where)",
        ),
        (KeyboardInterrupt(), 130, ""),
        (
            ExceptionGroup("g", [OSError("x"), ExceptionGroup("h", [InputError("a", "b")])]),
            2,
            "linkemu: a: b",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_becomes_one_line_and_a_code(problem, code, said, monkeypatch):
    monkeypatch.delenv("LINKEMU_DEBUG", raising=False)
    result = ended(problem)
    assert result.exit_code == code
    assert result.stderr.strip() == said
    assert result.stdout == ""


@pytest.mark.parametrize("of_sigint", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_is_heeded_once_as_ctrl_c_is(of_sigint):
    """Also of a job in the background, for which a shell ignores SIGINT."""
    before = signal.getsignal(signal.SIGTERM)
    cleared: list[str] = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            cleared.append("went on")
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleared.append("cleared up")

    of_tests = signal.signal(signal.SIGINT, of_sigint)
    try:
        result = called(work)
    finally:
        signal.signal(signal.SIGINT, of_tests)
    assert (result.exit_code, result.output, cleared) == (130, "", ["cleared up"])
    assert signal.getsignal(signal.SIGTERM) is before


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("LINKEMU_DEBUG", "1")
    problem = InputError("a", "b")
    assert ended(problem).exception is problem


@pytest.mark.parametrize(
    "line",
    [
        ["--nonsense"],
        ["nonsense"],
        ["passes", "--nonsense"],
        ["passes", "--lat"],
        ["passes", "a", "b"],
        ["put"],
        ["run"],
        ["forecast"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_one_line_and_2(line):
    result = runner.invoke(app, line)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stderr.startswith("linkemu: ")


def test_a_word_that_is_no_choice_is_told_with_the_choices():
    result = runner.invoke(app, ["plot", "nosuch", "a.toml"])
    assert result.exit_code == 2
    assert "'nosuch' is not one of 'pass', 'fades', 'sky', 'months' (try: " in result.stderr
    assert "Value error" not in result.stderr
