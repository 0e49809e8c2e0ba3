"""Day and hour of a report, which carries neither month nor year, to an absolute time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def nearest(day: int, hour: int, minute: int, near: datetime) -> datetime | None:
    """The moment with that day of the month that is nearest to ``near`` (aware); hour 24 ends the day.

    None where no month around has such a day, or the hour isn't one.
    """
    if not (0 <= minute < 60 and (0 <= hour < 24 or (hour == 24 and minute == 0))):
        return None
    found = []
    for months in (-1, 0, 1):
        year, month = divmod(near.year * 12 + near.month - 1 + months, 12)
        try:
            found.append(datetime(year, month + 1, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute))
        except (ValueError, OverflowError):
            continue
    return min(found, key=lambda moment: abs(moment - near), default=None)


def on_line(text: str) -> datetime | None:
    """A date that a line begins with: ISO 8601 with Z, or the "2024/05/10 18:51" of NOAA's files."""
    try:
        if len(text) == 16 and text[4] == text[7] == "/":
            return datetime.strptime(text, "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
        moment = datetime.fromisoformat(text) if text.endswith("Z") and "-" in text else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None else None
