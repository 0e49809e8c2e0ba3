"""``linkemu scenarios``: the catalogue of outages that travels with linkemu, each with where it was seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkemu.cli import output

if TYPE_CHECKING:
    from linkemu.scenario.catalogue import Case


def scenarios(
    name: Annotated[
        str | None, typer.Argument(help="One of them: show all that it tells, and its file.")
    ] = None,
    json: output.Json = False,
) -> None:
    """List the catalogue of outages: named scenarios, what each breaks, and where that was seen.

    A name stands for its file wherever a command takes a scenario.

    \b
    Examples:
      linkemu scenarios
      linkemu scenarios los-mid-chunk
      linkemu scenarios ack-path-only --json
    """
    from linkemu.scenario import catalogue

    if name is not None:
        one = catalogue.case(name)
        if json:
            output.document(_document(one))
        else:
            _show(one)
        return
    found = catalogue.cases()
    if json:
        output.document([_document(each) for each in found])
    else:
        console = output.console()
        console.print(output.table(("name", "title"), [(each.name, each.title) for each in found]))
        typer.echo("\nlinkemu scenarios NAME tells more of one, linkemu run NAME plays it.")


def _document(case: Case) -> dict[str, Any]:
    return {**asdict(case), "path": str(case.path)}


def _show(case: Case) -> None:
    from rich.table import Table
    from rich.text import Text

    rows = [("title", case.title), ("breaks", case.breaks)]
    rows += [("seen", f"{each.what}\n{each.url}") for each in case.seen]
    rows += [("holds", case.holds), ("file", str(case.path))]
    drawn = Table(box=None, show_header=False, pad_edge=False)
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for label, words in rows:
        drawn.add_row(label, Text(words))
    output.console().print(drawn)
