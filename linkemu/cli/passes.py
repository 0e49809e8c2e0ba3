"""``linkemu passes``: when which satellite stands over which station. No sky is compiled for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from linkemu.cli import output, readers
from linkemu.errors import InputError
from linkemu.units import format_duration, format_length

if TYPE_CHECKING:
    from linkemu.orbit.elements import Elements
    from linkemu.orbit.passes import Pass
    from linkemu.orbit.site import Site

DEFAULT_HOURS = 24.0
DEFAULT_MASK_DEG = 10.0
STALE_DAYS = 3.0
_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("station", "left"),
    ("satellite", "left"),
    ("AOS (UTC)", "left"),
    ("TCA", "left"),
    ("LOS", "left"),
    ("culmination", "right"),
    ("range", "right"),
    ("duration", "right"),
)


@dataclass(frozen=True, slots=True)
class Search:
    """What to search: which satellites over which stations, from when, for how long."""

    satellites: list[Elements]
    sites: list[Site]
    start: datetime
    duration_s: float


def passes(
    scenario: Annotated[Path | None, typer.Argument(help="Scenario file (TOML).", show_default=False)] = None,
    tle: Annotated[Path | None, typer.Option(help="Element sets instead: TLE, 3LE, OMM JSON or CSV.")] = None,
    norad: Annotated[str | None, typer.Option(help="Only this catalogue number of --tle.")] = None,
    name: Annotated[str | None, typer.Option(help="Only the satellite of this name of --tle.")] = None,
    lat: Annotated[
        float | None, typer.Option(parser=readers.latitude, metavar="DEG", help="Geodetic latitude, north.")
    ] = None,
    lon: Annotated[
        float | None, typer.Option(parser=readers.longitude, metavar="DEG", help="Longitude, east.")
    ] = None,
    alt: Annotated[
        float | None, typer.Option(parser=readers.altitude, metavar="M", help="Above the ellipsoid (0).")
    ] = None,
    mask: Annotated[
        float | None, typer.Option(parser=readers.mask, metavar="DEG", help="Lowest elevation (10).")
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(parser=readers.instant, metavar="UTC", help="ISO 8601 (the scenario's start, or now)."),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(parser=readers.hours, metavar="H", help="How long (the scenario's duration, or 24)."),
    ] = None,
    json: output.Json = False,
) -> None:
    """List passes: rise (AOS), culmination (TCA) and set (LOS) of satellites over stations.

    Of a scenario, or ad hoc of any element file and place on Earth.

    \b
    Examples:
      linkemu passes configs/demo.toml
      linkemu passes configs/demo.toml --hours 168 --json
      linkemu passes --tle configs/elements/stations_2024-05-09.tle --norad 25544 \\
          --lat -33.9 --lon 18.4 --mask 10 --start 2024-05-10 --hours 24
    """
    from linkemu.orbit.passes import find

    place = {"--lat": lat, "--lon": lon, "--alt": alt, "--mask": mask}
    if scenario is not None:
        _refuse(
            {"--tle": tle, "--norad": norad, "--name": name, **place}, "belongs to --tle, not to a scenario"
        )
        search = _of_scenario(scenario, start, hours)
    elif tle is not None:
        search = _ad_hoc(tle, norad, name, place, start, hours)
    else:
        raise InputError("passes", "give a scenario file, or --tle FILE with --lat and --lon")
    _warn(search)
    found = find(search.satellites, search.sites, search.start, search.duration_s)
    rows = [row(each, search.start) for each in found]
    if json:
        output.document(rows)
    else:
        _show(rows, search)


def row(found: Pass, epoch: datetime) -> dict[str, Any]:
    """One pass as it stands in JSON: times ISO 8601 UTC with microseconds, SI units by name."""

    def at(seconds: float) -> str:
        return output.iso(epoch + timedelta(seconds=float(seconds)))

    return {
        "station": found.station,
        "satellite": found.satellite,
        "norad_id": found.norad_id,
        "aos": at(found.aos_s),
        "tca": at(found.tca_s),
        "los": at(found.los_s),
        "max_elevation_deg": float(found.max_elevation_deg),
        "range_at_tca_m": float(found.range_at_tca_m),
        "duration_s": float(found.duration_s),
    }


def _refuse(options: dict[str, object], problem: str) -> None:
    for option, value in options.items():
        if value is not None:
            raise InputError(option, problem)


def _of_scenario(path: Path, start: datetime | None, hours: float | None) -> Search:
    from dataclasses import replace

    from linkemu import scenario as scenarios
    from linkemu.forecast import epoch_of
    from linkemu.orbit import elements
    from linkemu.orbit.site import Site

    scenario = scenarios.load(path)
    sets = [each for file in scenario.elements for each in elements.read(file)]
    begin = start or epoch_of(scenario)
    chosen = [
        replace(elements.select(sets, name=each.name, norad=each.norad, at=begin), name=each.id)
        for each in scenario.satellites
    ]
    sites = [
        Site(each.id, each.latitude_deg, each.longitude_deg, each.altitude_m, each.mask_deg)
        for each in scenario.stations
    ]
    return Search(chosen, sites, begin, scenario.duration_s if hours is None else hours * 3600.0)


def _ad_hoc(
    tle: Path,
    norad: str | None,
    name: str | None,
    place: dict[str, float | None],
    start: datetime | None,
    hours: float | None,
) -> Search:
    from linkemu.orbit import elements
    from linkemu.orbit.site import Site

    latitude, longitude = place["--lat"], place["--lon"]
    if latitude is None or longitude is None:
        raise InputError("--lat" if latitude is None else "--lon", "needed with --tle")
    site = Site("station", latitude, longitude, place["--alt"] or 0.0, _or(place["--mask"], DEFAULT_MASK_DEG))
    sets = elements.read(tle)
    begin = start or datetime.now(UTC)
    if norad is not None or name is not None:
        chosen = [elements.select(sets, name=name, norad=norad, at=begin)]
    else:
        numbers = dict.fromkeys(each.norad_id for each in sets)
        chosen = [elements.select(sets, norad=each, at=begin) for each in numbers]
    return Search(chosen, [site], begin, _or(hours, DEFAULT_HOURS) * 3600.0)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _warn(search: Search) -> None:
    """Elements far from the time, and satellites that SGP4 can't follow."""
    for each in search.satellites:
        age_days = each.age_days(search.start)
        if abs(age_days) > STALE_DAYS:
            output.warn(
                [f"the elements of {each.name} are {abs(age_days):.1f} days from {output.iso(search.start)}"]
            )
        if (problem := each.problem_at(search.start)) is not None:
            output.warn([f"{each.name}: {problem}"])


def _show(rows: list[dict[str, Any]], search: Search) -> None:
    from rich.table import Table

    hours = search.duration_s / 3600.0
    span = f"{hours:g} h from {search.start:%Y-%m-%d %H:%M:%S} UTC"
    if not rows:
        typer.echo(f"no pass in {span}")
        return
    table = Table(title=f"{len(rows)} passes in {span}", title_justify="left", header_style="bold")
    for heading, justify in _COLUMNS:
        table.add_column(heading, justify=justify, no_wrap=True)
    for each in rows:
        aos, tca, los = (str(each[key]) for key in ("aos", "tca", "los"))
        table.add_row(
            each["station"],
            f"{each['satellite']} [dim]{each['norad_id']}[/]",
            f"{aos[:10]} {aos[11:21]}",
            tca[11:21],
            los[11:21],
            f"{each['max_elevation_deg']:.1f}°",
            format_length(each["range_at_tca_m"]),
            format_duration(each["duration_s"]),
        )
    output.console().print(table)
