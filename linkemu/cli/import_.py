"""``linkemu import``: a sky to play, and plans, from the file of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import output, places, readers
from linkemu.cli.export import SKIES, form_of, pair_of, save, tell
from linkemu.errors import InputError, ResourceError

if TYPE_CHECKING:
    from linkemu.exchange.blame import Note
    from linkemu.link.timeline import Sky

_LARGEST = 1 << 30  # bytes of a file that is read whole
_NAMED = 8  # links whose names are shown


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of another program.")],
    out: Annotated[Path, typer.Option(help="Write the sky to this file (docs/timeline-format.md).")],
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help=f"{SKIES}; else by the file's name.")
    ] = None,
    plans: Annotated[
        Path | None,
        typer.Option(help="Write what a node may know to NODE.json there, for programs of yours."),
    ] = None,
    down: Annotated[
        Path | None, typer.Option(help="mahimahi: the trace of the downlink; FILE is the uplink's.")
    ] = None,
    link: Annotated[
        str,
        typer.Option(metavar="STATION:SATELLITE", help="mahimahi, csv, parquet: names that they don't tell."),
    ] = "ground:orbit",
    delay: Annotated[str, typer.Option(metavar="DURATION", help="mahimahi: one-way light time.")] = "0 s",
    loop: Annotated[str, typer.Option(metavar="N", help="mahimahi: the trace N times in a row.")] = "1",
    slot: Annotated[str, typer.Option(metavar="DURATION", help="csv, parquet: length of a slot.")] = "1 ms",
    epoch: Annotated[
        str | None, typer.Option(metavar="TIME", help="UTC of scenario time 0, if the file doesn't tell.")
    ] = None,
    json: output.Json = False,
) -> None:
    """Make a sky of another program's file: linkemu proxy and exec play it with --sky.

    What is assumed or left out is told on stderr, or with --json on stdout.

    \b
    Examples:
      linkemu import contacts.ionrc --out contacts.sky --plans plans
      linkemu import hdtn.json --out hdtn.sky --json
      linkemu import lte.up --down lte.down --delay "20 ms" --out lte.sky
      linkemu import measured.csv --link graz:cubesat --out measured.sky
    """
    from linkemu.exchange import forms, planned

    places.check_file(out, "--out")
    places.check_directory(plans, "--plans")
    chosen = form_of(form, file)
    if down is not None and chosen is not forms.Form.MAHIMAHI:
        raise InputError("--down", "belongs to mahimahi's traces")
    reading = forms.Reading(
        None if epoch is None else readers.instant(epoch, "--epoch"),
        pair_of(link),
        _whole_ns(slot, "--slot", 1000, 10**9),
        _whole_ns(delay, "--delay", 0, 10**12),
        readers.rounds(loop),
        None if down is None else (_bytes(down), str(down)),
    )
    sky, notes = forms.load(_bytes(file), str(file), chosen, reading)
    sky.save(out)
    if plans is not None:
        _keep(plans, {node: plan.to_json() for node, plan in planned.plans_of(sky).items()})
    if json:
        output.document(_document(sky, str(chosen), out, notes))
    else:
        tell(notes)
        _show(sky, out)


def _show(sky: Sky, out: Path) -> None:
    from linkemu.units import format_duration

    names = ", ".join(f"{each.station} - {each.satellite}" for each in sky.links[:_NAMED])
    more = f" and {len(sky.links) - _NAMED} more" if len(sky.links) > _NAMED else ""
    links = output.count(len(sky.links), "link", "links")
    typer.echo(f"{out}: {links} ({names}{more}), {format_duration(_end_s(sky))}")


def _document(sky: Sky, form: str, out: Path, notes: tuple[Note, ...]) -> dict[str, object]:
    return {
        "format": form,
        "file": str(out),
        "sky": sky.digest(),
        "duration_s": _end_s(sky),
        "epoch": sky.header.get("epoch"),
        "links": [{"station": each.station, "satellite": each.satellite} for each in sky.links],
        "notes": [note.row() for note in notes],
    }


def _end_s(sky: Sky) -> float:
    from linkemu.link import reshape

    return reshape.end_ns(sky) / 1e9


def _whole_ns(text: str, option: str, low: int, high: int) -> int:
    from linkemu import units

    value = round(units.duration_s(text, option) * 1e9)
    if not low <= value <= high:
        raise InputError(option, f"{text!r} is out of range, expected {low / 1e9:g} s to {high / 1e9:g} s")
    return value


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(str(path), "has more than 1 GiB, which is too large to be converted")
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), f"can't be read: {error.strerror or error}") from None


def _keep(directory: Path, plans: dict[str, str]) -> None:
    """One file a node; a name that is no file name is an error."""
    for node in plans:
        if "/" in node or node in (".", ".."):
            raise InputError("--plans", f"node {node!r} can't be the name of a file")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(str(directory), error.strerror or str(error)) from None
    for node, text in plans.items():
        save(directory / f"{node}.json", text.encode() + b"\n")
