"""A sky written by hand in a marker: one link "ground:orbit" of constant rate and delay, with its gaps.

    rate="20 Mbit/s", down_rate="5 Mbit/s", delay="5 ms", duration="60 s",
    passes=[("0 s", "3 s"), ("8 s", "30 s")]   light only there; below the mask between them
    dark=[("1 s", "2 s")]                      clouds: the sender knows, its modem holds
    fades=[("10 s", "10.1 s")]                 erased, and nobody knows

Numbers are bit/s and seconds. Nothing in it is a matter of chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from linkemu import units
from linkemu.errors import InputError, TimelineError
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.pytest_plugin.moments import duration_s

KEYS = ("rate", "down_rate", "delay", "duration", "passes", "dark", "fades")
STATION, SATELLITE = "ground", "orbit"
_SLOT_S = 1e-3
Span = tuple[float, float]


def sky(
    *,
    rate: str | float | None = None,
    down_rate: str | float | None = None,
    delay: str | float = "5 ms",
    duration: str | float = "60 s",
    passes: Any = None,
    dark: Any = (),
    fades: Any = (),
) -> Sky:
    """InputError for anything that is no rate, duration or list of (start, end) in order."""
    if rate is None:
        raise InputError("marker linkemu: rate", 'is missing, expected such as rate="20 Mbit/s"')
    up_bps = _bps("rate", rate)
    rates = {
        Direction.UP: up_bps,
        Direction.DOWN: up_bps if down_rate is None else _bps("down_rate", down_rate),
    }
    end_s = duration_s(duration, "duration")
    clouds, erased = _spans("dark", dark, end_s), _spans("fades", fades, end_s)
    gaps = [] if passes is None else _between(_spans("passes", passes, end_s), end_s)
    outages = _outages(clouds, gaps)
    slots = [(round(start / _SLOT_S), round((stop - start) / _SLOT_S)) for start, stop in erased]
    delay_s = duration_s(delay, "delay")
    try:
        return Sky.of(
            *(
                constant(STATION, SATELLITE, way, bps, delay_s, end_s, dark=outages, erased=slots)
                for way, bps in rates.items()
            )
        )
    except TimelineError as error:
        raise InputError("marker linkemu: figures", str(error)) from None


def _outages(clouds: Sequence[Span], gaps: Sequence[Span]) -> list[tuple[float, float, Cause]]:
    """In order and disjoint; where a gap has a cloud it is a gap."""
    left = [part for cloud in clouds for part in _without(cloud, gaps)]
    told = [(*each, Cause.CLOUD) for each in left] + [(*each, Cause.BELOW_MASK) for each in gaps]
    return sorted(told)


def _without(span: Span, gaps: Iterable[Span]) -> list[Span]:
    parts = [span]
    for start, stop in gaps:
        cut = [((a, min(b, start)), (max(a, stop), b)) for a, b in parts]
        parts = [each for pair in cut for each in pair if each[0] < each[1]]
    return parts


def _between(passes: Sequence[Span], end_s: float) -> list[Span]:
    edges = [0.0, *(edge for span in passes for edge in span), end_s]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def _spans(key: str, told: Any, end_s: float) -> list[Span]:
    where = f"marker linkemu: {key}"
    try:
        spans = [(duration_s(start, key), duration_s(stop, key)) for start, stop in told]
    except (TypeError, ValueError):
        raise InputError(where, f'{told!r} is no list of spans such as ("1 s", "2 s")') from None
    edges = [edge for span in spans for edge in span]
    if edges != sorted(edges) or any(start == stop for start, stop in spans):
        raise InputError(where, "its spans are empty, overlap or are not in order")
    if edges and edges[-1] > end_s:
        raise InputError(where, f"ends at {edges[-1]:g} s, after the duration of {end_s:g} s")
    return spans


def _bps(key: str, told: str | float) -> int:
    where = f"marker linkemu: {key}"
    bps = units.rate_bps(told, where) if isinstance(told, str) else told
    if not isinstance(bps, int | float) or not 1 <= bps <= 1e12:
        raise InputError(where, f"{told!r} is out of range, expected 1 bit/s to 1 Tbit/s")
    return round(bps)
