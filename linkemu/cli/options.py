"""Arguments and options that several commands have: each is spelled once, with one help text.

Those of one matter stand with it: excerpts (a part of a sky), control (the control API), live (the running
session). A name comes from the command's parameter where it isn't said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from linkemu.cli import readers
from linkemu.errors import InputError

CLOCKS = ("real", "scaled", "virtual")

_FILE = "Scenario file (TOML), or a name of linkemu scenarios"
Scenario = Annotated[Path, typer.Argument(help=f"{_FILE}.", show_default=False)]
MaybeScenario = Annotated[Path | None, typer.Argument(help=f"{_FILE}.", show_default=False)]
Playable = Annotated[Path, typer.Argument(help=f"{_FILE}; or a recorded run.", show_default=False)]
MaybePlayable = Annotated[
    Path | None, typer.Argument(help=f"{_FILE}; or a recorded run.", show_default=False)
]

Tle = Annotated[Path | None, typer.Option(help="Element sets instead: TLE, 3LE, OMM JSON or CSV.")]
Latitude = Annotated[
    float | None, typer.Option(parser=readers.latitude, metavar="DEG", help="Geodetic latitude, north.")
]
Longitude = Annotated[
    float | None, typer.Option(parser=readers.longitude, metavar="DEG", help="Longitude, east.")
]
Altitude = Annotated[
    float | None, typer.Option(parser=readers.altitude, metavar="M", help="Above the ellipsoid (0).")
]

Sky = Annotated[Path | None, typer.Option(help="This compiled sky (of linkemu forecast --out) instead.")]
Link = Annotated[
    str | None, typer.Option(metavar="STATION:SATELLITE", help="Which link (needed if there are several).")
]
Record = Annotated[
    Path | None, typer.Option(help="Record the run into this new directory: it can be played again.")
]

Clock = Annotated[
    str | None,
    typer.Option(
        parser=readers.one_of("--clock", *CLOCKS),
        metavar="|".join(CLOCKS),
        help="Instead of the clock of the scenario, or of the recorded run.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(parser=readers.rate, metavar="X", help="Scenario seconds in a second (scaled)."),
]
Broker = Annotated[
    str, typer.Option(help="embedded, mosquitto, off, or a URL such as mqtt://host:1883 (no virtual clock).")
]
SkipGaps = Annotated[
    bool, typer.Option("--skip-gaps", help="Jump over the time in which no link is near a window.")
]
UntilDone = Annotated[bool, typer.Option("--until-done", help="End when all transfers have ended.")]

Priority = Annotated[int, typer.Option(parser=readers.priority, metavar="N", help="0 goes first, up to 255.")]
Timeout = Annotated[
    float | None, typer.Option(parser=readers.timeout, metavar="S", help="Wait at most this long.")
]

Jobs = Annotated[
    int | None, typer.Option(parser=readers.jobs, metavar="N", help="Processes (one for each core).")
]
Dask = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help='A Dask scheduler, "tcp://host:8786", or "local" for one here.'),
]


def refuse(given: Mapping[str, object], reason: str) -> None:
    """InputError for the first of these options, by their names, that says anything."""
    for option, value in given.items():
        if value is not None and value is not False:  # 0 says something
            raise InputError(option, reason)
