"""Where words go: results to stdout, everything else to stderr.

With --json stdout holds one JSON document and nothing else, so that a pipe can trust it. Times are ISO 8601
UTC with microseconds and Z.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 160

Json = Annotated[bool, typer.Option("--json", help="Machine-readable: one JSON document on stdout.")]


def document(data: object) -> None:
    """Write one JSON document to stdout. Not-a-number is a mistake of ours, and an error."""
    json.dump(data, sys.stdout, indent=2, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def console() -> Console:
    """For results, names as they are. A pipe has no width, so a table there is as wide as it needs to be."""
    from rich.console import Console

    plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, markup=False, width=PIPE_WIDTH if plain else None)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Plain columns under dim headings."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="dim", pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, no_wrap=True, justify="right" if heading in ("size", "done") else "left")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def seconds_clock(seconds: float) -> str:
    """ "6:28" or "1:02:03": a duration for a column of a table."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def notices() -> Console:
    """For warnings and progress: stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def say(line: str) -> None:
    """A line for people, on stderr."""
    typer.echo(f"linkemu: {line}", err=True)


def warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}")


def count(number: int, one: str, many: str) -> str:
    """ "1 pass", "2 passes"."""
    return f"{number} {one if number == 1 else many}"


def iso(moment: datetime) -> str:
    """ "2024-05-10T18:50:36.123456Z" of an aware UTC datetime."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
