"""Gives an order to a running session over its bus, and waits for the answer: when it takes effect."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from linkemu.errors import InputError, ResourceError
from linkemu.link.timeline import Sky
from linkemu.runtime import mqtt, orders
from linkemu.runtime.layout import Marker


def give(marker: Marker, what: str, order: dict[str, Any], timeout_s: float) -> list[dict[str, Any]]:
    """What an order has come to, as it takes effect.

    Raises:
        InputError: the session refuses it, or has no bus.
        ResourceError: nobody answers.
    """
    if marker.broker is None:
        raise InputError(str(marker.directory), "the session has no broker, so nothing can be ordered")
    topic = orders.fault_topic(marker.scenario) if what == "fault" else orders.node_topic(marker.scenario)
    number = secrets.token_hex(8)
    answer = asyncio.run(_ask(marker, topic, {**order, "id": number}, number, timeout_s))
    if answer is None:
        problem = (
            f"nobody answers within {timeout_s:g} s (a session that has just begun may still be starting)"
        )
        raise ResourceError(str(marker.directory), problem)
    if "error" in answer:
        raise InputError("fault", str(answer["error"]).removeprefix("order: "))
    effective: list[dict[str, Any]] = answer["effective"]
    return effective


def links(marker: Marker) -> list[tuple[str, str]]:
    """(station, satellite) of each link of the sky that is played."""
    return [(each.station, each.satellite) for each in Sky.load(marker.directory / "sky").links]


def new_name(kind: str) -> str:
    """A name that no other fault has."""
    return f"{kind}-{secrets.token_hex(3)}"


async def _ask(
    marker: Marker, topic: str, order: dict[str, Any], number: str, timeout_s: float
) -> dict[str, Any] | None:
    bus = mqtt.connect(marker.broker, f"linkemu-fault-{number}")
    notes = bus.subscribe(orders.answer_topic(marker.scenario))
    try:
        async with asyncio.timeout(timeout_s):
            first = asyncio.ensure_future(anext(notes))
            await asyncio.sleep(0)  # it subscribes, and subscriptions go out before anything is said
            bus.publish(topic, order)
            answer: dict[str, Any] = json.loads((await first).payload)
            while answer.get("id") != number:
                answer = json.loads((await anext(notes)).payload)
            return answer
    except TimeoutError:
        return None
    finally:
        await bus.close()
