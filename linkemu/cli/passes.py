"""``linkemu passes``: when which satellite stands over which station. No sky is compiled for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkemu.cli import options, output, readers
from linkemu.errors import InputError
from linkemu.units import format_duration, format_length

if TYPE_CHECKING:
    from linkemu.orbit.elements import Elements
    from linkemu.orbit.passes import Pass
    from linkemu.orbit.site import Site

DEFAULT_HOURS = 24.0
DEFAULT_MASK_DEG = 10.0
STALE_DAYS = 3.0
MOST_DOUBTS = 5


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched, and what was found."""

    found: list[Pass]
    start: datetime
    duration_s: float
    warnings: list[str]
    stations: int


def passes(
    scenario: options.MaybeScenario = None,
    tle: options.Tle = None,
    norad: Annotated[str | None, typer.Option(help="Only this catalogue number of --tle.")] = None,
    name: Annotated[str | None, typer.Option(help="Only the satellite of this name of --tle.")] = None,
    lat: options.Latitude = None,
    lon: options.Longitude = None,
    alt: options.Altitude = None,
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
    place = {"--lat": lat, "--lon": lon, "--alt": alt, "--mask": mask}
    if scenario is not None:
        adhoc = {"--tle": tle, "--norad": norad, "--name": name, **place}
        options.refuse(adhoc, "belongs to --tle, not to a scenario")
        search = _of_scenario(scenario, start, hours)
    elif tle is not None:
        search = _ad_hoc(tle, norad, name, _site(place), start, hours)
    else:
        raise InputError("passes", "give a scenario file, or --tle FILE with --lat and --lon")
    output.warn(search.warnings)
    rows = [row(each, search.start) for each in search.found]
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


def _of_scenario(path: Path, start: datetime | None, hours: float | None) -> Search:
    from linkemu import scenario as scenarios
    from linkemu.forecast import geometry
    from linkemu.forecast import start as beginning

    scenario = scenarios.load(path)
    if start is not None:
        scenario = replace(scenario, start=start)
    chosen = beginning.choose(scenario)
    begin = beginning.epoch(scenario, chosen)
    duration_s = scenario.duration_s if hours is None else hours * 3600.0
    found = geometry.seek(scenario, chosen, begin, duration_s)
    warnings = beginning.warnings(replace(scenario, duration_s=duration_s), chosen, begin)
    return Search(found, begin, duration_s, warnings, len(scenario.stations))


def _ad_hoc(
    tle: Path,
    norad: str | None,
    name: str | None,
    site: Site,
    start: datetime | None,
    hours: float | None,
) -> Search:
    from linkemu.orbit import elements
    from linkemu.orbit.passes import find

    sets = elements.read(tle)
    begin = start or datetime.now(UTC)
    if norad is not None or name is not None:
        chosen = [elements.select(sets, name=name, norad=norad, at=begin)]
    else:
        numbers = dict.fromkeys(each.norad_id for each in sets)
        chosen = [elements.select(sets, norad=each, at=begin) for each in numbers]
    duration_s = (DEFAULT_HOURS if hours is None else hours) * 3600.0
    found = find(chosen, [site], begin, duration_s)
    return Search(found, begin, duration_s, _doubts(chosen, begin), 1)


def _site(place: dict[str, float | None]) -> Site:
    from linkemu.orbit.site import Site

    for needed in ("--lat", "--lon"):
        if place[needed] is None:
            raise InputError(needed, "needed with --tle")
    latitude, longitude, altitude, mask = (each or 0.0 for each in place.values())
    if place["--mask"] is None:
        mask = DEFAULT_MASK_DEG
    return Site("station", latitude, longitude, altitude, mask)


def _doubts(chosen: list[Elements], begin: datetime) -> list[str]:
    """Elements far from the time, and satellites that SGP4 can't follow."""
    lines = []
    for each in chosen:
        age_days = each.age_days(begin)
        if abs(age_days) > STALE_DAYS:
            lines.append(f"the elements of {each.name} are {abs(age_days):.1f} days from {output.iso(begin)}")
        if (problem := each.problem_at(begin)) is not None:
            lines.append(f"{each.name} ({each.norad_id}) has no position: {problem}")
    return lines[:MOST_DOUBTS] + [f"and {len(lines) - MOST_DOUBTS} more"] * (len(lines) > MOST_DOUBTS)


def _show(rows: list[dict[str, Any]], search: Search) -> None:
    from rich.table import Table

    span = f"{format_duration(search.duration_s)} from {search.start:%Y-%m-%d %H:%M:%S} UTC"
    if not rows:
        typer.echo(f"no pass in {span}")
        return
    several = search.stations > 1
    table = Table(
        title=f"{output.count(len(rows), 'pass', 'passes')} in {span}",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    if several:
        table.add_column("station", no_wrap=True)
    table.add_column("satellite", no_wrap=True, overflow="ellipsis")
    for heading in ("AOS (UTC)", "TCA", "LOS", "culm.", "range", "lasts"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in rows:
        table.add_row(*([each["station"]] if several else []), each["satellite"], *_cells(each))
    output.console().print(table)


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    aos, tca, los = (str(each[key]) for key in ("aos", "tca", "los"))
    return (
        f"{aos[:10]} {aos[11:19]}",
        tca[11:19],
        los[11:19],
        f"{each['max_elevation_deg']:.1f}°",
        format_length(each["range_at_tca_m"]),
        output.seconds_clock(each["duration_s"]),
    )
