"""Help: quick, with examples that are true."""

from __future__ import annotations

import subprocess
import sys

import pytest
from invoked import COMMANDS, PARSERS, called, documented, examples

from linkemu.errors import LinkemuError

HEAVY = ("numpy", "skyfield", "sgp4", "scipy", "pydantic", "starlette", "aiomqtt", "asyncio")


def test_all_commands_are_there():
    assert tuple(PARSERS) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_json(command):
    result = called(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "--json" in result.stdout
    assert len(examples(command)) >= 3


def test_help_leaves_its_prose_to_the_terminal_to_wrap():
    assert "A cloud of 6 s interrupts it, the link reacquires" in PARSERS["demo"].help
    for command in PARSERS.values():
        prose = [each for each in command.help.split("\n\n") if not each.startswith("\b")]
        assert [each for each in prose if "\n" in each] == []


EXAMPLES = [each for command in COMMANDS for each in examples(command)]
DOCUMENTED = [line for line in documented() if line[0] in COMMANDS]


@pytest.mark.parametrize("line", EXAMPLES + DOCUMENTED, ids=" ".join)
def test_every_example_parses(line):
    """Names, options and readers of each example hold (examples of the help are also run elsewhere)."""
    command, *arguments = line
    try:
        context = PARSERS[command].make_context(command, arguments)
    except LinkemuError as error:
        pytest.fail(f"{line}: {error}")
    context.close()


def test_the_documents_show_every_command():
    assert {line[0] for line in DOCUMENTED} >= set(COMMANDS) - {"demo"}  # which is `make demo`


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from linkemu.cli.main import app\n"
        "from typer.testing import CliRunner\n"
        "before = set(sys.modules)\n"
        f"print(sorted(set({HEAVY!r}) & before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['asyncio']"), (
        done.stdout
    )  # the test runner itself may bring asyncio


def test_version():
    from linkemu import __version__

    assert called("--version").stdout == f"linkemu {__version__}\n"
