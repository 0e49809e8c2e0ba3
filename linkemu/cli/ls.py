"""``linkemu ls``: what the stations of the running session have in custody, or what a satellite holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import live, options, output
from linkemu.cli.crossed import share
from linkemu.units import format_bytes

if TYPE_CHECKING:
    from linkemu.cli.stationdoor import Custody, StationDoor


def ls(
    satellite: Annotated[
        str | None, typer.Option(help="Files for this satellite alone; with --orbit: the one that is asked.")
    ] = None,
    station: Annotated[
        str | None, typer.Option(help="Files of this station alone; with --orbit: the one that asks.")
    ] = None,
    orbit: Annotated[
        bool, typer.Option("--orbit", help="Ask the satellite itself, by light: waits for a window.")
    ] = False,
    timeout: options.Timeout = None,
    directory: live.Directory = live.SESSIONS,
    json: output.Json = False,
) -> None:
    """List files: in custody of the stations, with their states, or in orbit.

    Without --orbit the stations answer at once from what they know.

    \b
    Examples:
      linkemu ls
      linkemu ls --satellite iss --json
      linkemu ls --orbit --timeout 60
    """
    from linkemu.cli.stationdoor import StationDoor

    marker = live.session(directory)
    if orbit:
        _in_orbit(live.door(marker, station), satellite, timeout, json)
        return
    doors = [live.door(marker, station)] if station else [StationDoor(*each) for each in marker.doors.items()]
    held = [
        (door.station, each)
        for door in doors
        for each in door.custodies()
        if satellite is None or each.satellite == satellite
    ]
    if json:
        output.document([{"station": name, **each.told} for name, each in held])
    else:
        _show_custody(held)


def _in_orbit(door: StationDoor, satellite: str | None, timeout_s: float | None, json: bool) -> None:
    """The catalogue comes down as a file like any other."""
    from linkemu.cli import crossing

    source = live.satellite(door, satellite)
    files = crossing.catalogue(door, source, timeout_s=timeout_s, quiet=json)
    if json:
        output.document([{"satellite": source, **each} for each in files])
        return
    if not files:
        typer.echo(f"{source}: no file in orbit")
        return
    rows = [(each["name"], format_bytes(each["size"]), each["sha256"][:16] + "…") for each in files]
    output.console().print(output.table(("file", "size", "sha256"), rows))


def _show_custody(held: list[tuple[str, Custody]]) -> None:
    if not held:
        typer.echo("no file in custody")
        return
    rows = [
        (
            each.name,
            f"{station} {'→' if each.action == 'put' else '←'} {each.satellite}",
            each.state,
            "?" if each.size_bytes is None else format_bytes(each.size_bytes),
            f"{100 * share(each):.0f} %",
            (each.sha256 or "")[:16],
        )
        for station, each in held
    ]
    output.console().print(output.table(("file", "way", "state", "size", "done", "sha256"), rows))
