"""``linkemu get``: fetches a file from orbit through a station of the running session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linkemu.cli import live, options, output
from linkemu.errors import InputError


def get(
    name: Annotated[str, typer.Argument(help="Name of the file in orbit.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", help="Where to (its name, here).")
    ] = None,
    satellite: live.SatelliteName = None,
    station: live.StationName = None,
    priority: options.Priority = 0,
    anew: Annotated[
        bool, typer.Option("--anew", help="Fetch again what the station has landed already.")
    ] = False,
    timeout: options.Timeout = None,
    directory: live.Directory = live.SESSIONS,
    json: output.Json = False,
) -> None:
    """Fetch a file from a satellite: waits for a window, checks SHA-256, then writes it whole.

    \b
    Examples:
      linkemu get photo.raw
      linkemu get 2024/photo.raw --out copy.raw --satellite iss --station koganei
      linkemu get photo.raw --anew --timeout 60 --json
    """
    from linkemu.cli import crossing
    from linkemu.cli.busfeed import BusFeed

    target = out if out is not None else Path(Path(name).name)
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(str(target), "is a directory" if target.is_dir() else "no such directory")
    marker = live.session(directory)
    door = live.door(marker, station)
    source = live.satellite(door, satellite)
    ordered = door.order(source, name, anew=anew, priority=priority)
    if ordered is not None:
        with BusFeed(marker) as feed:
            crossing.follow(door, ordered, timeout_s=timeout, quiet=json, outlook=feed)
    with crossing.bar(f"from {door.station}", None, json) as drawn:
        digest = door.fetch(source, name, target, drawn.advance)
    size = target.stat().st_size
    if json:
        told = {"name": name, "satellite": source, "station": door.station, "file": str(target)}
        output.document({**told, "size_bytes": size, "sha256": digest})
    else:
        typer.echo(f"{target}: {size} bytes, sha256 {digest}")
