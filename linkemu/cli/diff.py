"""``linkemu diff``: what two recorded runs differ in."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import output
from linkemu.cli.door import FAILED
from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.record.difference import Difference, FigureDifference, RecordDifference

_SHOWN = 12  # lines of each kind


def diff(
    first: Annotated[Path, typer.Argument(metavar="DIR", help="A recorded run.", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="DIR", help="Another one.", show_default=False)],
    within: Annotated[
        str, typer.Option(metavar="DURATION", help='Times that differ by no more are the same: "2 ms".')
    ] = "0 s",
    json: output.Json = False,
) -> None:
    """Compare two recorded runs: first differing record, outages, delivered bytes, completion of transfers.

    Traces are compared if both runs were under the virtual clock. Exit code 0: same, 1: they differ.

    \b
    Examples:
      linkemu diff recorded/demo recorded/changed
      linkemu diff recorded/demo recorded/changed --json
      linkemu diff recorded/curl recorded/python --within "2 ms" --json
    """
    from linkemu import units
    from linkemu.record import difference, opening

    within_s = units.duration_s(within, "--within")
    if within_s < 0.0:
        raise InputError("--within", f"{within!r} is below 0")
    found = difference.compare(opening.load(first), opening.load(second), within_s)
    if json:
        output.document({"same": found.is_same, **asdict(found)})
    else:
        for line in told(found):
            typer.echo(line)
    raise typer.Exit(0 if found.is_same else FAILED)


def told(found: Difference) -> list[str]:
    """The difference in words, a line each."""
    lines = [
        f"sky: {'same' if found.sky_is_same else 'differs'}",
        _traces(found),
        *_few(_record(each) for each in found.records),
        *_few(
            f"outage only in run {each.run}: {' - '.join(each.way[:2])} {each.way[2]}, "
            f"{each.start_s:.3f} to {each.end_s:.3f} s, {each.cause}"
            for each in found.outages
        ),
        *_few(map(_figure, found.edges)),
        *_few(map(_figure, found.delivered)),
        *_few(map(_figure, found.transfers)),
        "same" if found.is_same else "the runs differ",
    ]
    return lines


def _traces(found: Difference) -> str:
    if not found.compared_traces:
        return "traces: none to compare, as both must be of the virtual clock, or of doors"
    verdict = "differ" if found.records else "same"
    return f"traces ({', '.join(found.compared_traces)}): {verdict}"


def _record(each: RecordDifference) -> str:
    one, other = ("(ended)" if event is None else jsons.dumps(event) for event in (each.first, each.second))
    return f"first differing record of {each.trace}: {each.record}\n  1: {one}\n  2: {other}"


def _figure(each: FigureDifference) -> str:
    one, other = ("-" if value is None else value for value in (each.first, each.second))
    return f"{each.subject}: {each.figure} {one} / {other}"


def _few(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    rest = len(every) - _SHOWN
    return every if rest <= 0 else [*every[:_SHOWN], f"… and {rest} more"]
