"""``linkemu availability``: how much of a year stations see satellites through their weather."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkemu.cli import options, output, progress, readers
from linkemu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from linkemu.scenario import Scenario
    from linkemu.study.availability import Availability, Settings

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def availability(
    scenario: options.MaybeScenario = None,
    tle: options.Tle = None,
    norad: Annotated[str | None, typer.Option(help="The catalogue number in --tle.")] = None,
    lat: options.Latitude = None,
    lon: options.Longitude = None,
    alt: options.Altitude = None,
    mask: Annotated[
        float | None, typer.Option(parser=readers.mask, metavar="DEG", help="Lowest elevation (20).")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Hourly weather for --tle: TMY3, or CSV of Open-Meteo.")
    ] = None,
    cover: Annotated[
        float | None,
        typer.Option(parser=readers.cover, metavar="SHARE", help="Fixed cloud cover for --tle, 0 to 1."),
    ] = None,
    year: Annotated[
        int | None,
        typer.Option(parser=readers.year, metavar="YEAR", help="A calendar year (365 days from the start)."),
    ] = None,
    days: Annotated[
        float | None, typer.Option(parser=readers.days, metavar="D", help="How long (a year).")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(parser=readers.margin, metavar="dB", help="What the weather may take (3 dB)."),
    ] = None,
    jobs: options.Jobs = None,
    dask: options.Dask = None,
    json: output.Json = False,
) -> None:
    """Watch satellites through a year of weather: by station, by month, and from all stations together.

    A sight counts as open while the satellite stands above the mask, the Sun is far enough, no cloud blocks
    it and cirrus, haze and rain take no more than the margin.

    \b
    Examples:
      linkemu availability configs/weather-greensboro.toml
      linkemu availability configs/weather-sites.toml --days 30 --json
      linkemu availability --tle configs/elements/stations_2024-05-09.tle --norad 25544 \\
          --lat 36.1 --lon -79.95 --alt 273 --table configs/weather/greensboro.tmy3.csv --year 2024
    """
    from linkemu.forecast import start
    from linkemu.study.availability import Settings

    place = {"--norad": norad, "--lat": lat, "--lon": lon, "--alt": alt, "--mask": mask}
    read = _read(scenario, tle, place, table, cover)
    if year is not None:
        options.refuse({"--days": days}, "goes with the scenario's start, not with --year")
        first, last = (datetime(each, 1, 1, tzinfo=UTC) for each in (year, year + 1))
        read, days = replace(read, start=first), (last - first) / timedelta(days=1)
    epoch = start.epoch(read, start.choose(read))
    settings = Settings(365.0 if days is None else days, 1, 3.0 if margin is None else margin, jobs, dask)
    found = _study(read, epoch, settings)
    output.warn(_warnings(read, epoch, settings.days))
    document = found.document()
    if json:
        output.document({"scenario": read.name, "margin_dB": settings.margin_dB, **document})
    else:
        _show(document, settings)


def _read(
    path: Path | None, tle: Path | None, place: dict[str, Any], table: Path | None, cover: float | None
) -> Scenario:
    """The scenario of the file, or that of the options; InputError if they tell neither, or both."""
    from linkemu.scenario import load

    if path is not None:
        adhoc = {"--tle": tle, **place, "--table": table, "--cover": cover}
        options.refuse(adhoc, "belongs to --tle, not to a scenario")
        return load(path)
    if tle is None:
        raise InputError("availability", "give a scenario file, or --tle FILE with --norad, --lat and --lon")
    return _ad_hoc(tle, place, table, cover)


def _ad_hoc(tle: Path, place: dict[str, Any], table: Path | None, cover: float | None) -> Scenario:
    """The scenario that the options tell: one station, one satellite, generic terminals."""
    from json import dumps

    from linkemu.scenario import loads

    for needed in ("--norad", "--lat", "--lon"):
        if place[needed] is None:
            raise InputError(needed, "needed with --tle")
    if (table is None) == (cover is None):
        raise InputError("--table", "give the weather: either --table FILE or --cover SHARE")
    weather = f"cloud_cover = {cover}" if table is None else f"table = {dumps(str(table.absolute()))}"
    mask = 20.0 if place["--mask"] is None else place["--mask"]
    text = f"""
        start = "next-pass"
        duration = "1 d"
        elements = [{dumps(str(tle.absolute()))}]
        satellite = [{{ id = "satellite", norad = {dumps(place["--norad"])}, terminal = "sda-oct" }}]
        [[station]]
        id = "station"
        latitude = "{place["--lat"]} deg"
        longitude = "{place["--lon"]} deg"
        altitude = "{place["--alt"] or 0.0} m"
        mask = "{max(mask, 0.0)} deg"
        terminal = "ogs-sda"
        weather = {{ {weather} }}
        """
    return loads(text, "options")


def _study(scenario: Scenario, epoch: datetime, settings: Settings) -> Availability:
    """The study; how far it is meanwhile stands on stderr."""
    from linkemu.study.availability import study

    with progress.shown("watching") as tell:
        return study(scenario, epoch, settings, tell)


def _warnings(scenario: Scenario, epoch: datetime, days: float) -> list[str]:
    """What a user should know: of the reports, and that old elements tell how many passes, not when."""
    from linkemu.forecast import skies, start

    whole = replace(scenario, duration_s=days * 86_400.0)
    lines = skies.warnings(whole, skies.skies(whole, epoch))
    ages = [abs((one.epoch - epoch).days) for one in start.choose(whole)]
    if max(ages) + days > start.OLD_days:
        lines.append(
            "passes this long after the element sets are typical ones: minutes to hours off, right in number"
        )
    return lines


def _show(document: dict[str, Any], settings: Settings) -> None:
    console = output.console()
    title = f"{settings.days:g} days from {document['start'][:16].replace('T', ' ')} UTC"
    console.print(title)
    console.print(_table(("station", "satellite"), [_cells(each) for each in document["pairs"]]))
    several = len(document["pairs"]) > 1
    months = [(f"{_MONTHS[each['month'] - 1]} {each['year']}", *_cells(each)) for each in document["months"]]
    console.print()
    console.print(_table(("month", "station", "satellite"), months))
    if several:
        console.print()
        for each in document["network"]:
            times = f"{_hours(each['visible_s'])} in sight, {_hours(each['open_s'])} open"
            share = _percent(each["availability"])
            console.print(f"{each['satellite']} from any of {each['stations']} stations: {times}, {share}")
    if document["zenith"] is not None:
        _show_zenith(document["zenith"])


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    """Names on the left, figures on the right."""
    drawn = output.table((*names, *_HEADINGS), rows)
    for column in drawn.columns[len(names) :]:
        column.justify = "right"
    return drawn


def _show_zenith(zenith: dict[str, Any]) -> None:
    console = output.console()
    clear = ", ".join(f"{each['station']} {_percent(each['clear'])}" for each in zenith["stations"])
    console.print(f"clear zenith: {clear}; at least one {_percent(zenith['any_clear'])}")
    for each in zenith["pairs"]:
        one, two = each["stations"]
        console.print(
            f"{one} and {two} both under cloud: {_percent(each['both_blocked'])}, "
            f"{_percent(each['if_independent'])} if their skies had nothing in common"
        )


_HEADINGS = ("passes", "served", "in sight", "Sun", "cloud", "dim", "open", "availability")


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    times = (_hours(each[key]) for key in ("visible_s", "sun_s", "blocked_s", "dim_s", "open_s"))
    counts = (str(each["passes"]), str(each["served"]))
    return (each["station"], each["satellite"], *counts, *times, _percent(each["availability"]))


def _hours(seconds: int) -> str:
    return f"{seconds / 3600.0:.2f} h"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.1f} %"
