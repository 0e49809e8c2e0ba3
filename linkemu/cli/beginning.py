"""``--start-at``: the scenario time at which a command or the doors begin, or that of first light."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from linkemu.errors import InputError

if TYPE_CHECKING:
    from linkemu.link.timeline import Sky

LIGHT = "light"

StartAt = Annotated[
    str,
    typer.Option(
        metavar="TIME|light", help='Begin at this scenario time, such as 25 or "2 min", or at first light.'
    ),
]


def start_ns(sky: Sky, links: Collection[int], text: str) -> int:
    """Scenario time. InputError if it isn't one, or lies outside the time of these links."""
    if text == LIGHT:
        return _first_light_ns(sky, links)
    start_s = _seconds(text)
    end_s = max(way.end_ns for (link, _), way in sky.timelines.items() if link in links) / 1e9
    if not 0.0 <= start_s < end_s:
        raise InputError("--start-at", f"{text} is not within the scenario, 0 to {end_s:g} s")
    return round(start_s * 1e9)


def _first_light_ns(sky: Sky, links: Collection[int]) -> int:
    """When one of the links first carries anything up."""
    from linkemu.link.capacity import Capacity
    from linkemu.machine import Direction

    ways = [sky.timelines[link, Direction.UP] for link in links if (link, Direction.UP) in sky.timelines]
    lit = (Capacity(way.edge_ns.tolist(), way.rate_bps.tolist()).next_light(0) for way in ways)
    found = [light_ns for light_ns in lit if light_ns is not None]
    if not found:
        raise InputError("--start-at", f"this link never has {LIGHT}")
    return min(found)


def _seconds(text: str) -> float:
    from linkemu import units

    try:
        return float(text)
    except ValueError:
        pass
    try:
        return units.duration_s(text, "--start-at")
    except InputError:
        raise InputError("--start-at", f"{text!r} is neither a time such as 25 s nor {LIGHT!r}") from None
