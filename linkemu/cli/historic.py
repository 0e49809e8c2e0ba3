"""A day of the past: a scenario with the elements and the weather of that day instead of its own.

What the options say becomes changes to the scenario's text, so that the scenario room checks them as ever.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linkemu import scenario as scenarios
from linkemu import units
from linkemu.cli import output
from linkemu.errors import InputError
from linkemu.scenario import Changes, Scenario

_KINDS = {".metar": "metar", ".taf": "taf"}  # any other file is a table of hours


@dataclass(frozen=True, slots=True)
class Day:
    """What the options say."""

    date: str
    elements: Sequence[Path]
    weather: Path | None
    elevation: str | None
    length: str | None


def changed(path: Path, day: Day) -> tuple[Scenario, Changes]:
    """The scenario of that day, and what was changed. InputError if an option or the whole is wrong."""
    if path.is_dir():
        raise InputError("--date", f"compiles a scenario, and {path} is a directory")
    before = scenarios.load(path)
    changes: dict[str, Any] = {"start": _moment(day.date).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    if day.elements:
        changes["elements"] = [_seen_from(before.path, each, "--elements") for each in day.elements]
    if day.weather is not None:
        changes["weather"] = _weather(before, day.weather, day.elevation)
    elif day.elevation is not None:
        raise InputError("--elevation", "belongs to --weather")
    if day.length is not None:
        changes["duration"] = day.length
    return scenarios.load(path, changes), changes


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError("--date", f"{text!r} is not a time, expected UTC such as 2024-05-09T18:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _seen_from(scenario: Path, file: Path, option: str) -> str:
    """A path of the command line as the scenario would name it; InputError if no file is there."""
    if not file.is_file():
        raise InputError(option, f'no file "{file}"')
    return os.path.relpath(file, scenario.parent)


def _weather(before: Scenario, file: Path, elevation: str | None) -> dict[str, Any]:
    kind = _KINDS.get(file.suffix, "table")
    table: dict[str, Any] = {kind: _seen_from(before.path, file, "--weather")}
    if elevation is not None:
        units.length_m(elevation, "--elevation")
        table["elevation"] = elevation
    elif kind != "table":
        station = before.stations[0]
        height_m = station.sky.elevation_m if station.sky.elevation_m is not None else station.altitude_m
        table["elevation"] = f"{height_m:g} m"
        output.warn(
            [f"{file.name}: heights of cloud are taken above {height_m:g} m ({station.id}); --elevation says"]
        )
    return table
