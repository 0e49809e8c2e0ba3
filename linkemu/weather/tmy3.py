"""TMY3, the typical meteorological years of NREL, to reports (Wilcox & Marion 2008, NREL/TP-581-43156)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from linkemu.errors import InputError
from linkemu.weather import codes
from linkemu.weather.cells import Row, find, needed, number
from linkemu.weather.decode import FOG_DEPTH_m, FOG_m
from linkemu.weather.genera import Genus, LOW_m, low, middle
from linkemu.weather.report import Deck, Report, seconds

YEAR = 2001  # that all hours are given: months come from several years, and the 29th of February from none
COLUMNS = {
    "total": "TotCld (tenths)",
    "opaque": "OpqCld (tenths)",
    "visibility": "Hvis (m)",
    "ceiling": "CeilHgt (m)",
}
_WEATHER = "PresWth"
_UNLIMITED_m = 70_000.0  # 77777 unlimited and 88888 cirrus in the ceiling (table 1-4)


def read(rows: Sequence[Row], where: str, ground_m: float | None) -> tuple[float, list[Report]]:
    """Ground in m above sea level, and hours; times are local standard time, 24:00 ends a day."""
    line, place = rows[0]
    if len(place) < 7:
        raise InputError(
            f"{where}:{line}", "expected code, name, state, time zone, latitude, longitude, elevation"
        )
    zone = needed(number(place[3], f"{where}:{line}", "time zone", -14.0, 14.0), where, "time zone")
    height = needed(number(place[6], f"{where}:{line}", "elevation", -500.0, 9000.0), where, "elevation")
    ground = height if ground_m is None else ground_m
    column = find(rows[1], [*COLUMNS.values()], where)
    weather = next((place for place, name in enumerate(rows[1][1]) if name.startswith(_WEATHER)), None)
    reports = []
    for line, cells in rows[2:]:
        at = f"{where}:{line}"
        if len(cells) != len(rows[1][1]):
            raise InputError(at, f"has {len(cells)} cells, expected {len(rows[1][1])}")
        moment = _local(cells[0], cells[1], at) - timedelta(hours=zone)
        values = {name: cells[column[heading]] for name, heading in COLUMNS.items()}
        reports.append(_hour(moment, values, None if weather is None else cells[weather], ground, at))
    if not reports:
        raise InputError(where, "holds no hour")
    if all(one.decks is None for one in reports):
        raise InputError(where, "no hour in it tells the clouds")
    return ground, reports


def _local(date: str, clock: str, where: str) -> datetime:
    match = re.fullmatch(r"(\d{2})/(\d{2})/(\d{4}) (\d{2}):(\d{2})", f"{date} {clock}")
    try:
        if match is None or int(match[4]) > 24 or int(match[5]) > 59 or int(match[3]) < 1900:
            raise ValueError
        day = datetime(YEAR, int(match[1]), int(match[2]), tzinfo=UTC)
    except ValueError:
        raise InputError(
            where, f'"{date[:12]} {clock[:8]}" is no date and time (MM/DD/YYYY, HH:MM)'
        ) from None
    return day + timedelta(hours=int(match[4]), minutes=int(match[5]))


def _hour(moment: datetime, values: dict[str, str], code: str | None, ground_m: float, at: str) -> Report:
    """Opaque cover stands at the ceiling, the rest of the total is cirrus above it."""
    opaque = number(values["opaque"], at, "opaque cover", 0.0, 10.0)
    total = number(values["total"], at, "total cover", 0.0, 10.0)
    ceiling_m = number(values["ceiling"], at, "ceiling", 0.0, 99_999.0)
    visibility_m = number(values["visibility"], at, "visibility", 0.0, 400_000.0)
    present = None if code is None else number(code, at, "present weather", 0.0, 99.0)
    decks = None if opaque is None or total is None else _decks(opaque / 10, total / 10, ceiling_m, ground_m)
    rain, snow = codes.precipitation_mmph(round(present)) if present is not None else (0.0, 0.0)
    foggy = (
        present is not None
        and codes.fog(round(present))
        and visibility_m is not None
        and visibility_m < FOG_m
    )
    notes = [] if decks is not None else ["an hour without cloud cover: the one before stands"]
    notes += [] if visibility_m is not None else ["an hour without visibility: the one before stands"]
    fog_top_m = ground_m + FOG_DEPTH_m if foggy else None
    return Report(seconds(moment), decks, visibility_m, None, rain, snow, fog_top_m, tuple(notes))


def _decks(opaque: float, total: float, ceiling_m: float | None, ground_m: float) -> tuple[Deck | None, ...]:
    base_m = None if ceiling_m is None or ceiling_m >= _UNLIMITED_m else ceiling_m
    bottom = above = None
    if opaque > 0.0 and (base_m is None or base_m < LOW_m):
        bottom = Deck.of(opaque, low(opaque), ground_m, base_m)
    elif opaque > 0.0:
        above = Deck.of(opaque, middle(opaque), ground_m, base_m)
    thin = (total - opaque) / (1.0 - opaque) if total > opaque and opaque < 1.0 else 0.0
    cirrus = Deck.of(thin, Genus.CIRRUS, ground_m) if thin > 0.0 else None
    return (None, bottom, above, cirrus)
