"""The running session that put, get, ls, status and fault talk to: found by its directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.cli import output
from linkemu.errors import InputError, ResourceError

if TYPE_CHECKING:
    from linkemu.cli.stationdoor import StationDoor
    from linkemu.runtime.layout import Marker

SESSIONS = Path(".linkemu")
START_S = 60.0  # compiling a long sky takes most of it
_POLL_S = 0.1

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
    """The running session in or right below ``directory``, awaited while it is starting.

    Raises:
        InputError: there is none, or several.
        ResourceError: it is starting for too long.
    """
    from linkemu.runtime import layout

    if layout.is_starting(directory):
        output.say(f"{directory}: a session is starting here; waiting for it")
        end_s = time.monotonic() + START_S
        while layout.is_starting(directory):
            if time.monotonic() > end_s:
                raise ResourceError(str(directory), f"the session is still starting after {START_S:g} s")
            time.sleep(_POLL_S)
    return layout.find(directory)


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
