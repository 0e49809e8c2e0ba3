"""``linkemu doctor``: what this machine can run, and what to change where it can't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import output, readers
from linkemu.cli.door import FAILED

if TYPE_CHECKING:
    from linkemu.access.doctor import Diagnosis

MODES = ("run", "proxy", "exec")


def doctor(
    mode: Annotated[
        str | None,
        typer.Argument(
            parser=readers.one_of("MODE", *MODES), metavar="|".join(MODES), help="Judge by this mode alone."
        ),
    ] = None,
    json: output.Json = False,
) -> None:
    """Try what linkemu needs of this machine: which modes work, which don't and why, and the exact fix.

    Takes about two seconds. Exit code 0 if every mode works, or the one that was asked for.

    \b
    Examples:
      linkemu doctor
      linkemu doctor --json
      linkemu doctor exec
    """
    from dataclasses import asdict

    from linkemu.access.doctor import examine

    diagnosis = examine()
    if json:
        output.document({"healthy": diagnosis.healthy, **asdict(diagnosis)})
    else:
        _show(diagnosis)
    raise typer.Exit(
        0 if all(each.works for each in diagnosis.modes if mode in (None, each.name)) else FAILED
    )


def _show(diagnosis: Diagnosis) -> None:
    console = output.console()
    rows = [
        (mode.name, "works" if mode.works else f"can't work: {', '.join(mode.why_not)}")
        for mode in diagnosis.modes
    ]
    console.print(output.table(("mode", "here"), rows))
    console.print()
    found = [(each.name, each.verdict, each.found) for each in diagnosis.findings]
    console.print(output.table(("tried", "verdict", "found"), found))
    fixes = [each for each in diagnosis.findings if each.fix is not None]
    if fixes:
        console.print()
        console.print(output.table(("to change", "how"), [(each.name, each.fix or "") for each in fixes]))
