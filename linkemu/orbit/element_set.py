"""One element set, ready to propagate. How it is written in a file is the affair of tle.py and omm.py.

Mean elements of SGP4 are meaningless without SGP4, so a set holds its propagator; the catalogue number is
text, because the catalogue has outgrown five digits and supplemental sets use nine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sgp4.api import SGP4_ERRORS, jday

DAY_S = 86400.0


@dataclass(frozen=True, slots=True, eq=False)
class Elements:
    """Mean elements of one object at one epoch (aware UTC); ``satrec`` is its sgp4.api.Satrec."""

    name: str
    norad_id: str
    epoch: datetime
    satrec: Any
    source: str  # the file, with the line if it has one

    def age_days(self, at: datetime) -> float:
        """Days from the elements' epoch to ``at``: negative before it."""
        return (at - self.epoch).total_seconds() / DAY_S

    def problem_at(self, at: datetime) -> str | None:
        """Why SGP4 gives no position at ``at`` (decayed, most often), or None if it does."""
        return refusal(self.satrec, at)


def julian(at: datetime) -> tuple[float, float]:
    """Julian date (UTC) in two parts, midnight and fraction of the day, so that no microsecond is lost."""
    utc = at.astimezone(UTC)
    day, fraction = jday(
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second + utc.microsecond / 1e6
    )
    return float(day), float(fraction)


def refusal(satrec: Any, at: datetime) -> str | None:
    """SGP4's complaint at a time, in words, or None."""
    code, position_km, _ = satrec.sgp4(*julian(at))
    if code:
        return str(SGP4_ERRORS.get(code, f"SGP4 error {code}"))
    if not all(map(math.isfinite, position_km)):
        return "SGP4 gives no finite position"
    return None
