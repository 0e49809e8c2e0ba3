"""The running session that put, get, ls, status and fault talk to: found by its directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.cli.stationdoor import StationDoor
    from linkemu.runtime.layout import Marker

SESSIONS = Path(".linkemu")

Directory = Annotated[
    Path, typer.Option("--dir", help="Directory of the session, as given to run, or the one above.")
]
StationName = Annotated[
    str | None, typer.Option("--station", help="Ground station (needed if there are several).")
]
SatelliteName = Annotated[
    str | None, typer.Option("--satellite", help="Satellite (needed if there are several).")
]


def session(directory: Path) -> Marker:
    """The live session in or right below ``directory``; InputError if there is none, or several."""
    from linkemu.runtime.layout import find

    return find(directory)


def door(marker: Marker, station: str | None) -> StationDoor:
    """The door of ``station``, or the only one."""
    from linkemu.cli.stationdoor import StationDoor

    doors = marker.doors
    if station is None and len(doors) == 1:
        station = next(iter(doors))
    if station is None:
        raise InputError("--station", f"choose one of {', '.join(doors) or 'none: no station has a door'}")
    if station not in doors:
        raise InputError("--station", f"{station} has no door here; there are: {', '.join(doors) or 'none'}")
    return StationDoor(station, doors[station])


def satellite(at: StationDoor, wanted: str | None) -> str:
    """``wanted``, or the only satellite that the station knows of."""
    if wanted is not None:
        return wanted
    known = [sight.satellite for sight in at.sights()]
    if len(known) == 1:
        return known[0]
    raise InputError("--satellite", f"choose one of {', '.join(known)}")
