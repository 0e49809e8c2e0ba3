"""``linkemu export``: a sky in the format of another program, and what that format couldn't say."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import excerpts, options, output, places, readers
from linkemu.errors import InputError, ResourceError

if TYPE_CHECKING:
    from linkemu.exchange.blame import Note
    from linkemu.exchange.forms import Form
    from linkemu.exchange.places import Places
    from linkemu.link.timeline import Sky
    from linkemu.machine import Direction
    from linkemu.record.played import Played

SKIES = "ion, hdtn, ccm, mahimahi, csv, parquet, czml"
FORMATS = f"{SKIES}, pcapng"


def export(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="SCENARIO", help="Scenario, or recorded run.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; its name tells the format.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help=f"{FORMATS}; without --out to stdout.")
    ] = None,
    sky: options.Sky = None,
    planned: Annotated[
        bool, typer.Option("--planned", help="Contacts as planned, without clouds, fades, acquisition.")
    ] = False,
    absolute: Annotated[bool, typer.Option("--absolute", help="ION: dates instead of +seconds.")] = False,
    link: Annotated[
        str | None, typer.Option(metavar="STATION:SATELLITE", help="mahimahi: whose trace it is.")
    ] = None,
    direction: Annotated[
        str,
        typer.Option(
            parser=readers.one_of("--direction", "up", "down"), metavar="up|down", help="mahimahi: which way."
        ),
    ] = "up",
    scale: Annotated[str, typer.Option(metavar="FACTOR", help="mahimahi: of the rate, such as 0.01.")] = "1",
    step: Annotated[
        str, typer.Option(metavar="DURATION", help="csv, parquet: a row so often while light time moves.")
    ] = "1 s",
    snap: Annotated[str, typer.Option(metavar="SIZE", help="pcapng: so much of each frame.")] = "256 B",
    epoch: Annotated[
        str | None, typer.Option(metavar="TIME", help="UTC of scenario time 0, if the sky doesn't tell.")
    ] = None,
    start: excerpts.From = None,
    length: excerpts.For = None,
    json: output.Json = False,
) -> None:
    """Write a sky in the format of another program: contact plans, traces, tables, a picture for Cesium.

    What is rounded or left out is told on stderr, or with --json on stdout.

    \b
    Examples:
      linkemu export configs/demo.toml --out demo.ionrc --planned
      linkemu export --sky demo.sky --out demo.czml
      linkemu export --sky demo.sky --out demo.up --link koganei:iss --scale 0.1
      linkemu export configs/demo.toml --out demo.csv --step "100 ms" --json
      linkemu export recorded/demo --out demo.pcapng
    """
    from linkemu.cli import sources
    from linkemu.exchange import forms

    if json and out is None:
        raise InputError("--json", "goes to stdout, so the result needs --out FILE")
    chosen = form_of(form, out)
    places.check_file(out, "--out")
    played = sources.find(source, sky, excerpts.Given(start, length)).played
    moment = played.epoch if epoch is None else readers.instant(epoch, "--epoch")
    if chosen is forms.Form.PCAPNG:
        from linkemu.cli.capturing import captured

        made = captured(played, readers.snap(snap))
    else:
        writing = forms.Writing(
            moment,
            planned,
            absolute,
            _scale(scale),
            round(readers.step(step) * 1e9),
            None if link is None else _way(played.sky, link, direction),
            _places(played, moment) if chosen is forms.Form.CZML else None,
            str(played.sky.header.get("name", "linkemu")),
        )
        made = forms.dump(played.sky, chosen, writing)
    _finish(*made, chosen, out, json)


def _finish(data: bytes, notes: tuple[Note, ...], chosen: Form, out: Path | None, json: bool) -> None:
    """Write the result, and say what it couldn't say."""
    if out is None:
        typer.echo(data, nl=False)
    else:
        save(out, data)
    if json:
        output.document(
            {"format": str(chosen), "file": str(out), "bytes": len(data), "notes": [n.row() for n in notes]}
        )
    else:
        tell(notes)


def tell(notes: tuple[Note, ...]) -> None:
    """Notes on stderr, a line each."""
    for note in notes:
        output.say(str(note))


def save(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ResourceError(str(path), error.strerror or str(error)) from None


def form_of(told: str | None, file: Path | None) -> Form:
    """The format that is told, else that of the file's name."""
    from linkemu.exchange import forms

    if told is not None:
        return forms.Form(readers.one_of("--format", *forms.Form)(told))
    if file is None:
        raise InputError("--out", f"expected a file, or --format {FORMATS}")
    return forms.guessed(file)


def _scale(text: str) -> Fraction:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not Fraction(1, 10**9) <= value <= 1000:
        raise InputError("--scale", f"{text!r} is no factor above 0, up to 1000")
    return value


def _way(sky: Sky, text: str, direction: str) -> tuple[int, Direction]:
    from linkemu.machine import Direction

    names = [(each.station, each.satellite) for each in sky.links]
    pair = pair_of(text)
    if pair not in names:
        known = ", ".join(":".join(each) for each in names)
        raise InputError("--link", f"{text!r} isn't in this sky, which has {known}")
    return names.index(pair), Direction(direction)


def pair_of(text: str) -> tuple[str, str]:
    """Station and satellite of "STATION:SATELLITE"; with a comma the names may have colons."""
    station, mark, satellite = (part.strip() for part in text.partition("," if "," in text else ":"))
    if not mark or not station or not satellite or station == satellite:
        raise InputError("--link", f"{text!r} is no pair such as koganei:iss")
    return station, satellite


def _places(played: Played, epoch: datetime | None) -> Places | None:
    """Where all are, if a scenario tells."""
    if played.scenario is None or epoch is None:
        return None
    from linkemu.exchange import places
    from linkemu.link import reshape

    return places.of_scenario(played.scenario, epoch, reshape.end_ns(played.sky) / 1e9)
