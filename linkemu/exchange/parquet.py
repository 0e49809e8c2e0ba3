"""The rows of a table (rows.py) as an Apache Parquet file, for pandas, DuckDB, Polars and their like.

Needs pyarrow, an extra: ``pip install 'linkemu[parquet]'``. Columns are those of CSV, but for ``time_ns`` in
place of ``time_s``, as integers keep every nanosecond.
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from linkemu.errors import InputError
from linkemu.exchange import dates, rows, table
from linkemu.exchange.blame import Note, Place
from linkemu.exchange.rows import FIGURES
from linkemu.link.timeline import Sky

COLUMNS = tuple("time_ns" if name == "time_s" else name for name in table.COLUMNS)
_EPOCH = b"linkemu.epoch"
_TYPES = {"time_ns": "int64", "rate_bps": "int64", "known": "bool", "delay_s": "float64"}


def write(sky: Sky, step_ns: int, epoch: datetime | None = None) -> tuple[bytes, list[Note]]:
    """The file of a sky, and what it couldn't say."""
    arrow, files = _pyarrow()
    notes: list[Note] = []
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for row in rows.of_sky(sky, step_ns, notes):
        cells = table.cells_of(row) | {"time_ns": row.time_ns}
        for name, column in columns.items():
            column.append(cells[name])
    types = {name: _TYPES.get(name, "float64" if name in FIGURES else "string") for name in COLUMNS}
    schema = arrow.schema(
        [(name, getattr(arrow, _FACTORY.get(kind, kind))()) for name, kind in types.items()]
    )
    if epoch is not None:
        schema = schema.with_metadata({_EPOCH: epoch.isoformat().encode()})
    out = io.BytesIO()
    files.write_table(arrow.table(columns, schema=schema), out)
    table.note_slots(sky, notes)
    return out.getvalue(), notes


_FACTORY = {"bool": "bool_"}


def read(
    data: bytes, file: str, link: tuple[str, str], slot_ns: int, epoch: datetime | None = None
) -> tuple[Sky, list[Note]]:
    """The sky of a file. InputError names the row, counted from 1."""
    arrow, files = _pyarrow()
    try:
        read = files.read_table(arrow.BufferReader(data))
        found = read.to_pylist()
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise InputError(file, f"not a Parquet file that can be read ({str(error)[:100]})") from None
    table.check_columns(read.column_names, Place(file))
    told = (read.schema.metadata or {}).get(_EPOCH)
    placed = ((Place(file, f"row {number}"), row) for number, row in enumerate(found, start=1))
    return table.sky_of(placed, file, link, slot_ns, epoch or _moment(told, file))


def _moment(told: bytes | None, file: str) -> datetime | None:
    if told is None:
        return None
    if (found := dates.read(told.decode(errors="replace"))) is None:
        raise InputError(file, "its linkemu.epoch is no date with its zone, of the years 1000 to 9900")
    return found


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("parquet", "needs pyarrow: pip install 'linkemu[parquet]', or take csv") from None
    return pyarrow, pyarrow.parquet
