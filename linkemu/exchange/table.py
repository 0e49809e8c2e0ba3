"""CSV sample tables: one line a moment, with ``time_s`` and ``rate_bps`` at least (docs/formats.md).

Measured or calculated elsewhere, or written by ``linkemu export --format csv``. Which columns there are the
first line tells; what isn't there is taken as none. Comments (#) before it may hold our own notes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from linkemu.errors import InputError
from linkemu.exchange import blame, dates, rows
from linkemu.exchange.blame import LARGEST_BPS, LATEST_S, Kind, Note, Place
from linkemu.exchange.contactplan import ContactPlan, preamble, read_preamble
from linkemu.exchange.rows import FIGURES, Row
from linkemu.link.timeline import Sky
from linkemu.machine import Direction

COLUMNS = (
    *("station", "satellite", "direction", "time_s", "rate_bps"),
    *("delay_s", "erased", "cause", "known", *FIGURES),
)
_FARTHEST_S = 1e6
_WORDS = {"": None, "0": False, "1": True, "false": False, "true": True}
Cells = Mapping[str, object]


def read(
    text: str, file: str, link: tuple[str, str], slot_ns: int, epoch: datetime | None = None
) -> tuple[Sky, list[Note]]:
    """The sky of a table; ``link`` is whose it is where no column tells. InputError names the line."""
    lines = blame.lines(text)
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    told = read_preamble(((i + 1, line[1:].strip()) for i, line in enumerate(lines[:head])), file)
    reader = csv.reader(lines[head:], strict=True)
    found: list[tuple[Place, Cells]] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        check_columns(names, Place(file, head + 1))
        for cells in reader:
            place = Place(file, head + reader.line_num)
            if not cells:
                continue
            if len(cells) != len(names):
                raise place.error(f"has {len(cells)} cells, the first line {len(names)}")
            found.append((place, dict(zip(names, map(str.strip, cells), strict=True))))
    except csv.Error as error:
        raise Place(file, head + reader.line_num).error(f"not CSV: {error}") from None
    return sky_of(found, file, link, slot_ns, epoch or told.epoch)


def check_columns(names: list[str], place: Place) -> None:
    """InputError unless the needed columns are there, once each, and no foreign ones."""
    for name in names:
        if name not in (*COLUMNS, "time_ns"):
            raise place.error(f"column {name[:30]!r} isn't known, expected {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise place.error(f"column {name!r} stands there twice")
    if "rate_bps" not in names or ("time_s" in names) == ("time_ns" in names):
        raise place.error("expected columns time_s (or time_ns) and rate_bps, and more if there are")


def sky_of(
    found: Iterable[tuple[Place, Cells]],
    file: str,
    link: tuple[str, str],
    slot_ns: int,
    epoch: datetime | None,
) -> tuple[Sky, list[Note]]:
    """The sky of rows of cells, texts or numbers."""
    notes: list[Note] = []
    read = [(place, row) for place, cells in found for row in _rows(place, cells, link)]
    if not read:
        raise InputError(file, "holds no row")
    end_ns = max(row.time_ns for _, row in read)
    return rows.to_sky(read, slot_ns, dates.header(file, end_ns, epoch), notes), notes


def _rows(place: Place, cells: Cells, link: tuple[str, str]) -> list[Row]:
    """One row, or one for each direction if the table doesn't tell it."""
    told = _text(cells, "direction")
    if told not in ("", "up", "down"):
        raise place.error(f"direction is {told[:30]!r}, expected up or down")
    directions = [Direction(told)] if told else list(Direction)
    rate_bps = place.whole(_integral(cells["rate_bps"]), "rate_bps", 0, LARGEST_BPS)
    known_text = _text(cells, "known").lower()
    if known_text not in _WORDS:
        raise place.error(f"known is {known_text[:30]!r}, expected 0 or 1")
    cause = rows.cause_of(_text(cells, "cause"), place, "cause")
    cause, known = rows.darkness(rate_bps, cause, _WORDS[known_text], place)
    erased = rows.cause_of(_text(cells, "erased"), place, "erased")
    light_s = _number(place, cells, "delay_s", 0.0, _FARTHEST_S)
    figures = tuple(_number(place, cells, name, -1e15, 1e15) for name in FIGURES)
    names = place.name(_text(cells, "station") or link[0]), place.name(_text(cells, "satellite") or link[1])
    time_ns = _time_ns(place, cells)
    return [
        Row(*names, direction, time_ns, rate_bps, cause, known, light_s, erased, figures)
        for direction in directions
    ]


def _text(cells: Cells, name: str) -> str:
    value = cells.get(name)
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)


def _integral(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(place: Place, cells: Cells, name: str, low: float, high: float) -> float | None:
    text = _text(cells, name)
    return None if text in ("", "nan") else place.number(text, name, low, high)


def _time_ns(place: Place, cells: Cells) -> int:
    if "time_ns" in cells:
        return place.whole(cells["time_ns"], "time_ns", 0, LATEST_S * 10**9)
    text = _text(cells, "time_s")
    place.number(text, "time_s", 0, LATEST_S)
    try:
        scaled = Decimal(text) * 10**9
    except InvalidOperation:
        raise place.error(f"time_s is {text[:40]!r}, expected a decimal number") from None
    return int(scaled.to_integral_value())


def write(sky: Sky, step_ns: int, epoch: datetime | None = None) -> tuple[str, list[Note]]:
    """The table of a sky, and what it couldn't say."""
    notes: list[Note] = []
    out = io.StringIO()
    for line in preamble(ContactPlan((), epoch=epoch)):
        out.write(f"# {line}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows.of_sky(sky, step_ns, notes):
        cells = cells_of(row)
        writer.writerow(["" if cells[name] is None else _shown(cells[name]) for name in COLUMNS])
    note_slots(sky, notes)
    return out.getvalue(), notes


def note_slots(sky: Sky, notes: list[Note]) -> None:
    """Say so, if the slots aren't those that a reader takes by itself."""
    slots = {each.slot_ns for each in sky.timelines.values()}
    if slots - {10**6}:
        text = ", ".join(f"{slot_ns / 1e6:g} ms" for slot_ns in sorted(slots))
        notes.append(Note(Kind.LOST, f"the length of a slot: say --slot when it is imported ({text})"))


def cells_of(row: Row) -> dict[str, object]:
    """The cells of a row, None where there is nothing to say."""
    dark = not row.rate_bps
    told: dict[str, object] = {
        "station": row.station,
        "satellite": row.satellite,
        "direction": row.direction.value,
        "time_s": f"{row.time_ns // 10**9}.{row.time_ns % 10**9:09d}".rstrip("0").rstrip("."),
        "rate_bps": row.rate_bps,
        "delay_s": row.delay_s,
        "erased": row.erased.name.lower() if row.erased else None,
        "cause": row.cause.name.lower() if dark else None,
        "known": row.known if dark else None,
    }
    return told | dict(zip(FIGURES, row.figures, strict=True))


def _shown(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
