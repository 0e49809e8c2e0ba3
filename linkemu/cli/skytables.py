"""A forecast in figures: as a document for JSON, and as tables. Nothing is compiled here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from linkemu.cli import output
from linkemu.cli.causes import CAUSES
from linkemu.forecast import Forecast
from linkemu.link.capacity import BYTE, Capacity
from linkemu.link.outages import available_bits, outages
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction
from linkemu.plan import Window
from linkemu.scenario import Scenario
from linkemu.units import format_bytes, format_duration

OUTAGES_SHOWN = 30
LIGHT_TIME_S = 0.3  # to the geostationary ring and back, more than any low orbit asks for
_EXPECTED = ("below_mask", "unassigned")  # the windows say as much


def summarise(scenario: Scenario, compiled: Forecast) -> dict[str, Any]:
    """The sky in figures, as it stands in JSON."""
    windows = [
        _window(compiled, station.id, window)
        for station in scenario.stations
        for window in compiled.plans[station.id].windows
    ]
    return {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "epoch": output.iso(compiled.epoch),
        "duration_s": scenario.duration_s,
        "digest": compiled.sky.digest(),
        "warnings": list(compiled.warnings),
        "passes": len(compiled.passes),
        "eclipses": compiled.sky.header["eclipses"],
        "windows": sorted(windows, key=lambda each: each["start_s"]),
        "outages": sorted(_outages(compiled), key=lambda each: each["start_s"]),
    }


def _window(compiled: Forecast, station: str, window: Window) -> dict[str, Any]:
    """One planned contact: what each direction could carry at the terminals, before any protocol.

    ``capacity_bytes`` counts the rate alone, ``available_bytes`` leaves out erased slots; ``availability``
    is the share of the window that is in no outage.
    """
    row: dict[str, Any] = {
        "station": station,
        "satellite": window.peer,
        "start": _at(compiled, window.start_s),
        "end": _at(compiled, window.end_s),
        "start_s": window.start_s,
        "duration_s": window.end_s - window.start_s,
        "max_elevation_deg": window.max_elevation_deg,
    }
    for direction in Direction:
        timeline = compiled.sky.timelines[window.link, direction]
        capacity = Capacity(timeline.edge_ns.tolist(), timeline.rate_bps.tolist())
        ends = (round(window.start_s * 1e9), round(window.end_s * 1e9))
        row[direction.value] = {
            "capacity_bytes": (capacity.position(ends[1]) - capacity.position(ends[0])) // BYTE,
            "available_bytes": available_bits(timeline, window.start_s, window.end_s) // 8,
            "availability": _availability(timeline, window.start_s, window.end_s),
        }
    return row


def _availability(timeline: LinkTimeline, start_s: float, end_s: float) -> float:
    lost_s = sum(max(0.0, min(each.end_s, end_s) - max(each.start_s, start_s)) for each in outages(timeline))
    return 1.0 - lost_s / (end_s - start_s)


def _outages(compiled: Forecast) -> Iterator[dict[str, Any]]:
    for (_, direction), timeline in compiled.sky.timelines.items():
        for each in outages(timeline):
            yield {
                "station": timeline.station,
                "satellite": timeline.satellite,
                "direction": direction.value,
                "start": _at(compiled, each.start_s),
                "start_s": each.start_s,
                "duration_s": each.end_s - each.start_s,
                "cause": each.cause.name.lower(),
                "known_in_advance": each.known,
            }


def _at(compiled: Forecast, seconds: float) -> str:
    return output.iso(compiled.epoch + timedelta(seconds=seconds))


def show(summary: dict[str, Any], out: Path | None) -> None:
    console = output.console()
    passes = output.count(summary["passes"], "pass", "passes")
    title = (
        f"  {summary['epoch'][:19].replace('T', ' ')} UTC, "
        f"{format_duration(summary['duration_s'])}, seed {summary['seed']}, {passes}"
    )
    console.print(Text.assemble((summary["scenario"], "bold"), title))
    if summary["windows"]:
        console.print(_window_table(summary["windows"]))
    told = joined([each for each in summary["outages"] if each["cause"] not in _EXPECTED])
    if told:
        console.print(_outage_table(told[:OUTAGES_SHOWN]))
    if (more := len(told) - OUTAGES_SHOWN) > 0:
        console.print(f"  and {more} more outages (--json has all)", style="dim")
    if out is not None:
        console.print(f"sky written to {out} (digest {summary['digest'][:16]}…)", soft_wrap=True)


def _window_table(windows: list[dict[str, Any]]) -> Table:
    table = Table(title="Windows", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("link", no_wrap=True, overflow="ellipsis")
    for heading in ("from (UTC)", "lasts", "culm.", "▲ carries", "open", "▼ carries", "open"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in windows:
        ways = [cell for direction in Direction for cell in _carries(each[direction.value])]
        table.add_row(
            f"{each['station']}-{each['satellite']}",
            each["start"][5:19].replace("T", " "),
            output.seconds_clock(each["duration_s"]),
            f"{each['max_elevation_deg']:.0f}°",
            *ways,
        )
    return table


def _carries(way: dict[str, Any]) -> tuple[str, str]:
    return format_bytes(way["available_bytes"]), f"{way['availability']:.0%}"


def joined(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outages of both directions that differ by no more than a light time, as one row."""
    result: list[dict[str, Any]] = []
    for row in rows:
        twin = next((each for each in reversed(result[-8:]) if _twins(each, row)), None)
        if twin is None:
            result.append(dict(row))
        else:
            twin["direction"] = "both"
    return result


def _twins(one: dict[str, Any], other: dict[str, Any]) -> bool:
    same = all(one[key] == other[key] for key in ("station", "satellite", "cause", "known_in_advance"))
    opposite = {one["direction"], other["direction"]} == {each.value for each in Direction}
    near = all(abs(one[key] - other[key]) < LIGHT_TIME_S for key in ("start_s", "duration_s"))
    return same and opposite and near


def _outage_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Outages", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("link", no_wrap=True, overflow="ellipsis")
    for heading in ("from (UTC)", "lasts", "cause", "known in advance"):
        table.add_column(heading, justify="right" if heading == "lasts" else "left", no_wrap=True)
    for each in rows:
        known = each["known_in_advance"]
        table.add_row(
            f"{each['station']}-{each['satellite']} {each['direction']}",
            each["start"][5:23].replace("T", " "),
            format_duration(each["duration_s"]),
            CAUSES[each["cause"]],
            Text("yes" if known else "no", style="dim" if known else "red"),
        )
    return table
