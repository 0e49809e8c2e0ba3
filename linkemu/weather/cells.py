"""Cells of a table: rows with their lines, numbers with their ranges, columns by name. Knows no weather."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from linkemu.errors import InputError

Row = tuple[int, list[str]]  # line of the file, cells

LONGEST = 200_000  # rows: over 20 years of hours
_MISSING = -9000.0  # TMY3 writes -9900


def rows(text: str, where: str) -> list[Row]:
    """(line, cells) of each row that isn't empty."""
    reader = csv.reader(io.StringIO(text), strict=True)
    found: list[Row] = []
    try:
        for cells in reader:
            if cells and not cells[0].startswith("#"):
                found.append((reader.line_num, [cell.strip() for cell in cells]))
            if len(found) > LONGEST:
                raise InputError(where, f"has more than {LONGEST} rows")
    except csv.Error as error:
        raise InputError(f"{where}:{reader.line_num}", f"is no CSV: {error}") from error
    if len(found) < 2:
        raise InputError(where, "holds no table")
    return found


def number(text: str, where: str, name: str, lowest: float, highest: float) -> float | None:
    """A number in a range; None where the cell is empty or says that it is missing."""
    if text in ("", "nan", "NaN", "null", "None"):
        return None
    try:
        value = float(text)
    except ValueError:
        raise InputError(where, f'{name}: "{text[:20]}" is not a number') from None
    if value <= _MISSING:
        return None
    if not (math.isfinite(value) and lowest <= value <= highest):
        raise InputError(where, f"{name}: {text[:20]} is not from {lowest:g} to {highest:g}")
    return value


def needed(value: float | None, where: str, name: str) -> float:
    if value is None:
        raise InputError(where, f"{name} is missing")
    return value


def find(header: Row, names: Sequence[str], where: str) -> dict[str, int]:
    """Columns of the names; InputError with those that are missing."""
    line, cells = header
    if missing := [name for name in names if name not in cells]:
        raise InputError(f"{where}:{line}", f"has no column {', '.join(missing)}")
    return {name: cells.index(name) for name in names}
