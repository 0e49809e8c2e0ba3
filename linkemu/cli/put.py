"""``linkemu put``: hands a file to a station of the running session, and follows it into orbit if asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import live, options, output
from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.cli.stationdoor import Custody


def put(
    file: Annotated[Path, typer.Argument(help="File to send.", show_default=False)],
    satellite: live.SatelliteName = None,
    station: live.StationName = None,
    name: Annotated[str | None, typer.Option(help="Name in orbit (the file's own).")] = None,
    priority: options.Priority = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it is verified in orbit.")] = False,
    timeout: options.Timeout = None,
    directory: live.Directory = live.SESSIONS,
    json: output.Json = False,
) -> None:
    """Send a file to a satellite, through the HTTP door of a ground station.

    Once this returns the file is in the station's custody: it crosses in the next windows, whatever happens.

    \b
    Examples:
      linkemu put photo.raw
      linkemu put photo.raw --satellite iss --station koganei --name 2024/photo.raw --wait
      linkemu put notes.txt --priority 1 --json
    """
    from linkemu.cli import crossing
    from linkemu.cli.busfeed import BusFeed

    if not file.is_file():
        raise InputError(str(file), "no such file" if not file.exists() else "not a file")
    marker = live.session(directory)
    door = live.door(marker, station)
    target = live.satellite(door, satellite)
    with crossing.bar(f"to {door.station}", file.stat().st_size, json) as drawn:
        custody = door.put(target, name or file.name, file, priority, drawn.advance)
    if wait:
        with BusFeed(marker) as feed:
            custody = crossing.follow(door, custody, timeout_s=timeout, quiet=json, outlook=feed)
    if json:
        output.document({**custody.told, "station": door.station, "url": door.url + custody.told["location"]})
    else:
        _say(door.station, custody, door.url)


def _say(station: str, custody: Custody, url: str) -> None:
    typer.echo(f"{custody.name}: {custody.state}, {station} to {custody.satellite}, sha256 {custody.sha256}")
    if not custody.ended:
        typer.echo(f"custody: {url}{custody.told['location']}")
