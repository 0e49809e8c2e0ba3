"""What a caller says of a link (rate="10 Mbit/s", erasure=0.1) as the control API reads it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from linkemu import units
from linkemu.errors import InputError

Effects = dict[str, Any]
_RENAMED = {"erasure": "erase_slots"}
_PICKED = ("erasure", "erase_datagrams", "duplicate", "corrupt", "reorder")


@dataclass(frozen=True, slots=True)
class Every:
    """Each n-th slot or datagram since the override has begun; the first that is hit is the n-th."""

    n: int


def effects(
    *,
    rate: str | float | None = None,
    cap: str | float | None = None,
    delay: str | float | None = None,
    added_delay: str | float | None = None,
    late: str | float | None = None,
    seed: int | None = None,
    **picks: float | Every | None,
) -> Effects:
    """The keys of an override. Numbers are bit/s and seconds, shares 0 to 1; InputError for anything else.

    ``rate`` holds where the sky gives light (0: an outage), ``cap`` is the most; ``delay`` is one way, and
    ``added_delay`` comes on top. ``picks``: erasure (of slots), erase_datagrams, duplicate, corrupt, reorder.
    """
    found: Effects = {}
    if rate is not None:
        rate_bps = _bps("rate", rate)
        found["rate_bps" if rate_bps else "rate_cap_bps"] = rate_bps
    if cap is not None:
        found["rate_cap_bps"] = min(_bps("cap", cap), found.get("rate_cap_bps", 1 << 60))
    for key, value in (("delay_ns", delay), ("delay_added_ns", added_delay), ("late_ns", late)):
        if value is not None:
            found[key] = round(seconds(key.removesuffix("_ns"), value) * 1e9)
    for key, pick in picks.items():
        if key not in _PICKED:
            raise InputError(key, f"is no effect, expected one of rate, cap, delay, …, {', '.join(_PICKED)}")
        if pick is not None and pick != 0.0:
            found[_RENAMED.get(key, key)] = _pick(key, pick)
    if seed is not None:
        found["seed"] = seed
    return found


def seconds(where: str, value: str | float) -> float:
    """A duration, of "50 ms" or a number of seconds."""
    if isinstance(value, str):
        return units.duration_s(value, where)
    if not 0.0 <= value <= 1e9:
        raise InputError(where, f"{value!r} is no duration")
    return float(value)


def _bps(where: str, value: str | float) -> int:
    if isinstance(value, str):
        return round(units.rate_bps(value, where))
    if not 0 <= value <= 1e15:
        raise InputError(where, f"{value!r} is no rate")
    return round(value)


def _pick(where: str, pick: float | Every) -> dict[str, float]:
    if isinstance(pick, Every):
        return {"every": pick.n}
    if not 0.0 < pick <= 1.0:
        raise InputError(where, f"{pick!r} is no share, expected above 0 to 1, or Every(n)")
    return {"share": float(pick)}
