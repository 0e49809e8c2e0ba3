"""The date of scenario time 0: as files and skies tell it, and the header of a sky that holds it.

From a date that we take, thirty years can be counted without leaving the calendar, whatever its zone, and its
year has four digits, as the formats want it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from linkemu.errors import InputError

_FIRST, _LAST = datetime(1000, 1, 2, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)


def read(text: str) -> datetime | None:
    """A date with its zone in ISO 8601, None if it isn't one that we take."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.utcoffset() is not None and _FIRST <= found <= _LAST else None


def check(epoch: datetime | None, where: str) -> None:
    """InputError at ``where`` unless time can be counted from ``epoch``, or there is none."""
    if epoch is not None and not _FIRST <= epoch <= _LAST:
        raise InputError(where, f"time 0 is {epoch.isoformat()}, expected a date of the years 1000 to 9900")


def header(file: str, end_ns: int, epoch: datetime | None) -> dict[str, object]:
    """Of the sky of ``file``. InputError if no time can be counted from ``epoch``."""
    check(epoch, file)
    dated = {} if epoch is None else {"epoch": epoch.isoformat()}
    return {"name": file, "duration_s": end_ns / 1e9, **dated}
