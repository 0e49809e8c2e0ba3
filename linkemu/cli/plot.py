"""``linkemu plot``: charts of a scenario's sky, as PNG or SVG."""

from __future__ import annotations

from enum import StrEnum
from json import JSONDecodeError, loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkemu.cli import output, places
from linkemu.errors import InputError, ResourceError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
DAYS = 365.0


class Chart(StrEnum):
    """What can be drawn."""

    CONTACT = "pass"
    FADES = "fades"
    SKY = "sky"
    MONTHS = "months"


def plot(
    chart: Annotated[Chart, typer.Argument(help="pass, fades, sky or months.", show_default=False)],
    source: Annotated[
        Path,
        typer.Argument(metavar="SCENARIO", help="Scenario file; for months also availability's JSON."),
    ],
    out: Annotated[Path | None, typer.Option(help="A .png or .svg file (SCENARIO-CHART.png here).")] = None,
    station: Annotated[str | None, typer.Option(help="Only contacts of this station.")] = None,
    satellite: Annotated[str | None, typer.Option(help="Only contacts of this satellite.")] = None,
    contact: Annotated[
        int | None, typer.Option(min=1, help="Number of the contact, in order of time (the longest).")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=1.0, max=366.0, help="Length of the months' study (365).")
    ] = None,
    json: output.Json = False,
) -> None:
    """Draw a chart: a pass second by second, its fades with theory, the sky, or availability by month.

    \b
    Examples:
      linkemu plot pass configs/demo.toml
      linkemu plot fades configs/demo.toml --out fades.svg
      linkemu plot sky configs/constellation.toml
      linkemu plot months configs/weather-greensboro.toml --days 90
      linkemu plot pass configs/demo.toml --json
    """
    path = _path(chart, source, out)
    places.check_file(path, "--out")
    if days is not None and chart is not Chart.MONTHS:
        raise InputError("--days", "belongs to the chart of months")
    charts = _charts()
    match chart:
        case Chart.MONTHS:
            figure = _months(charts, source, DAYS if days is None else days)
        case Chart.SKY:
            figure = _sky(charts, source)
        case _:
            figure = _contact(charts, chart, source, (station, satellite, contact))
    try:
        charts.save(figure, path)
    except OSError as error:
        raise ResourceError(str(path), error.strerror or str(error)) from error
    if json:
        output.document({"chart": chart.value, "file": str(path), "bytes": path.stat().st_size})
    else:
        typer.echo(str(path))


def _path(chart: Chart, source: Path, out: Path | None) -> Path:
    path = Path(f"{source.stem}-{chart.value}.png") if out is None else out
    if path.suffix not in SUFFIXES:
        raise InputError("--out", f'"{path.name}" ends in neither {SUFFIXES[0]} nor {SUFFIXES[1]}')
    return path


def _charts() -> Any:
    """The drawing room, or one line that says what is missing."""
    try:
        from linkemu.cli import charts
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ResourceError("matplotlib", 'charts need it: pip install "linkemu[plot]"') from error
    return charts


def _contact(
    charts: Any, chart: Chart, source: Path, which: tuple[str | None, str | None, int | None]
) -> Figure:
    from linkemu.cli import chartdata
    from linkemu.machine import Direction

    compiled = _compile(source)
    link, meeting = chartdata.choose(compiled, *which)
    if chart is Chart.CONTACT:
        drawn: Figure = charts.contact(chartdata.contact(compiled, link, meeting))
    else:
        title = f"{' – '.join(link.pair.names)}: fading of a contact"
        drawn = charts.fades(
            title, {direction: chartdata.fade(meeting, direction) for direction in Direction}
        )
    return drawn


def _sky(charts: Any, source: Path) -> Figure:
    from linkemu.cli import chartdata

    compiled = _compile(source)
    arcs = list(chartdata.arcs(compiled))
    if not arcs:
        raise InputError("plot", "no satellite rises in this scenario")
    drawn: Figure = charts.sky(f"{source.stem}, {compiled.epoch:%Y-%m-%d %H:%M} UTC", arcs)
    return drawn


def _months(charts: Any, source: Path, days: float) -> Figure:
    document = _document(source) if source.suffix == ".json" else _study(source, days)
    drawn: Figure = charts.months(f"availability from {document['start'][:10]}", document["months"])
    return drawn


def _document(source: Path) -> Any:
    """What ``linkemu availability --json`` wrote."""
    try:
        document = loads(source.read_bytes())
        rows = [
            (each["year"], each["month"], each["station"], each["availability"])
            for each in document["months"]
        ]
        if not rows or not isinstance(document["start"], str):
            raise KeyError("start")
    except OSError as error:
        raise InputError(str(source), error.strerror or str(error)) from error
    except (JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(str(source), "is not what linkemu availability --json writes") from error
    return document


def _study(source: Path, days: float) -> dict[str, Any]:
    from linkemu import scenario
    from linkemu.forecast import start
    from linkemu.study.availability import Settings, study

    read = scenario.load(source)
    epoch = start.epoch(read, start.choose(read))
    return study(read, epoch, Settings(days)).document()


def _compile(source: Path) -> Any:
    from linkemu import scenario
    from linkemu.cli.forecast import compiled

    made = compiled(scenario.load(source))
    output.warn(made.warnings)
    return made
