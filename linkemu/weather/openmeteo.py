"""CSV with the columns of Open-Meteo and ERA5 to reports.

Cover comes as per cent of a grid cell, of each deck by itself; visibility is a forecast's, far above what
observers see, and capped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from linkemu.errors import InputError
from linkemu.weather import codes
from linkemu.weather.cells import Row, find, needed, number
from linkemu.weather.decode import FOG_DEPTH_m
from linkemu.weather.genera import Genus, low, middle
from linkemu.weather.report import Deck, Report, seconds

TIMES = ("time", "valid_time")  # what the header begins with
_CAP_m = 24_100.0  # 15 miles: PHYSICS notes C
_SNOW_WATER = 1.0 / 0.7  # mm of water in a cm of snow, as Open-Meteo counts it
_COVERS = ("cloud_cover_low", "cloud_cover_mid", "cloud_cover_high")
_BASES_m = (1000.0, 4000.0, 9000.0)  # within ERA5's low, middle and high: PHYSICS notes C
_UNITS = {
    **dict.fromkeys(_COVERS, ("%",)),
    **{"visibility": ("m",), "rain": ("mm",), "snowfall": ("cm",), "precipitation": ("mm",)},
    **{"weather_code": ("wmo code",), "weathercode": ("wmo code",)},
}


def read(rows: Sequence[Row], where: str, ground_m: float | None) -> tuple[float, list[Report]]:
    """Ground in m above sea level, and hours: a block about the place, then a header; or the latter alone."""
    start = next((n for n, (_, cells) in enumerate(rows) if cells[0] in TIMES), None)
    if start is None:
        raise InputError(where, 'is neither TMY3 nor a table whose header begins with "time"')
    offset_s, height_m = _place(rows[:start], where)
    ground = height_m if ground_m is None else ground_m
    if ground is None:
        raise InputError(where, "tells no elevation: give the weather's elevation in the scenario")
    line, header = rows[start]
    names = [_unit(cell, f"{where}:{line}") for cell in header]
    find((line, names), ["cloud_cover_low"], where)
    reports = []
    for line, cells in rows[start + 1 :]:
        at = f"{where}:{line}"
        if len(cells) != len(names):
            raise InputError(at, f"has {len(cells)} cells, expected {len(names)}")
        reports.append(_hour(dict(zip(names, cells, strict=True)), offset_s, ground, at))
    if not any(one.decks is not None for one in reports):
        raise InputError(where, "no hour in it tells the clouds")
    return ground, reports


def _place(rows: Sequence[Row], where: str) -> tuple[float, float | None]:
    """Offset from UTC in s, and elevation if it is told, of the block before the header."""
    if not rows:
        return 0.0, None
    if len(rows) != 2 or len(rows[0][1]) != len(rows[1][1]):
        raise InputError(
            f"{where}:{rows[0][0]}", "expected one row of names and one of values about the place"
        )
    told = dict(zip(rows[0][1], rows[1][1], strict=True))
    at = f"{where}:{rows[1][0]}"
    offset_s = number(told.get("utc_offset_seconds", "0"), at, "utc_offset_seconds", -50_400.0, 50_400.0)
    height_m = number(told.get("elevation", ""), at, "elevation", -500.0, 9000.0)
    return needed(offset_s, at, "utc_offset_seconds"), height_m


def _unit(cell: str, where: str) -> str:
    """The name of a column "name (unit)"; InputError if it is in another unit than ours."""
    match = re.fullmatch(r"(.*?)\s*\(([^()]*)\)", cell)
    if match is None:
        return cell
    name, unit = match[1], match[2]
    if name in _UNITS and unit not in _UNITS[name]:
        raise InputError(where, f"{name} is in {unit}, expected {_UNITS[name][0]}")
    return name


def _hour(row: dict[str, str], offset_s: float, ground_m: float, at: str) -> Report:
    """One row. A missing column or cell leaves its value missing; cover is in %, of each deck by itself."""
    moment = _stamp(next(iter(row.values())), at) - timedelta(seconds=offset_s)
    covers = [number(row.get(name, ""), at, name, 0.0, 100.0) for name in _COVERS]
    visibility_m = number(row.get("visibility", ""), at, "visibility", 0.0, 400_000.0)
    name = "weather_code" if "weather_code" in row else "weathercode"
    code = number(row.get(name, ""), at, name, 0.0, 99.0)
    rain = number(row.get("rain", row.get("precipitation", "")), at, "rain", 0.0, 500.0)
    snow_cm = number(row.get("snowfall", ""), at, "snowfall", 0.0, 100.0)
    typical = codes.precipitation_mmph(round(code)) if code is not None else (0.0, 0.0)
    foggy = code is not None and codes.fog(round(code))
    notes = [f"an hour without {name}: {then}" for name, then in _gaps(covers, visibility_m)]
    return Report(
        seconds(moment),
        _sky(covers, ground_m),
        None if visibility_m is None else min(visibility_m, _CAP_m),
        None,
        typical[0] if rain is None else rain,
        typical[1] if snow_cm is None else snow_cm * _SNOW_WATER,
        ground_m + FOG_DEPTH_m if foggy else None,
        tuple(notes),
    )


def _gaps(covers: Sequence[float | None], visibility_m: float | None) -> Iterator[tuple[str, str]]:
    if covers[0] is None:
        yield "cloud_cover_low", "the sky before stands"
    for name, cover in zip(_COVERS[1:], covers[1:], strict=True):
        if cover is None:
            yield name, "no such cloud assumed"
    if visibility_m is None:
        yield "visibility", "the one before stands"


def _sky(covers: Sequence[float | None], ground_m: float) -> tuple[Deck | None, ...] | None:
    """Decks of the low, middle and high cover in %; None if the low one is missing."""
    if covers[0] is None:
        return None
    shares = [(cover or 0.0) / 100.0 for cover in covers]
    genera = (low(shares[0]), middle(shares[1]), Genus.CIRRUS)
    decks = [
        Deck.of(share, genus, ground_m, base_m) if share > 0.0 else None
        for share, genus, base_m in zip(shares, genera, _BASES_m, strict=True)
    ]
    return (None, *decks)


def _stamp(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(where, f'"{text[:24]}" is no time, expected such as 2024-05-10T18:00') from None
