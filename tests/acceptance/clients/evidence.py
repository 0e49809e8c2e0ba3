"""What shows that an outage really hit a voyage in mid-transfer, from the door's report and the clock.

A file of more bytes than one stretch of light can carry has bytes on both sides of an outage, if the outage
was kept: nothing left in the dark (the report's edges, or its count of bursts in the dark), and the client
was not done before the sky allowed it.
"""

from __future__ import annotations

from typing import Any

from linkemu.machine import Direction
from tests.acceptance.clients import broken_sky
from tests.acceptance.clients.plans import Plan
from tests.acceptance.clients.voyages import Voyage


def endured(plan: Plan, voyage: Voyage) -> None:
    """Fails if the payload can have crossed without an outage in its midst."""
    client, sky, way = plan.client, plan.sky, Direction(plan.client.direction)
    if client.trips:
        assert client.trips * 2 * broken_sky.DELAY_S > broken_sky.LIGHT_S
        assert voyage.lasted_s > broken_sky.NEED_S + broken_sky.DARK_S - 3 * broken_sky.DELAY_S
    else:
        assert len(voyage.payload) > broken_sky.longest_light_bytes(sky, way)
        assert voyage.lasted_s > broken_sky.earliest_s(sky, way, len(voyage.payload))
    kept(rows(plan, voyage), way, len(voyage.payload))


def rows(plan: Plan, voyage: Voyage) -> dict[str, dict[str, Any]]:
    """The door's report of each direction."""
    ways = voyage.report["directions" if plan.door == "exec" else "ways"]
    return {each["direction"]: each for each in ways}


def kept(ways: dict[str, dict[str, Any]], way: Direction, least_bytes: int) -> None:
    """The door wrote bytes in two stretches of light at least, and none amid the dark between them."""
    assert ways[way.value]["delivered_bytes"] >= least_bytes
    assert len(ways[way.value]["edges"]) >= 2
    for row in ways.values():
        assert row.get("dark_bursts", 0) == 0
        for edge in row["edges"]:
            assert edge["start_s"] <= edge["first_s"] <= edge["last_s"]
            assert edge["last_s"] < edge["end_s"] + broken_sky.DARK_S / 2
