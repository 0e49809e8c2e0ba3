"""Gives an order to a running session over its bus, and waits for the answer: when it takes effect.

An order that comes before somebody listens is lost, and given twice it would act twice: so it is held back
until scenario time goes and the emulator says that it is up, which it does once it has subscribed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from linkemu import telemetry
from linkemu.errors import InputError, ResourceError
from linkemu.link.timeline import Sky
from linkemu.runtime import mqtt, orders
from linkemu.runtime.bus import Bus
from linkemu.runtime.layout import Marker
from linkemu.runtime.records import Records

ANSWER_S = 20.0  # an emulator that was killed is back by then
_POLL_S = 0.05


def give(marker: Marker, what: str, order: dict[str, Any]) -> list[dict[str, Any]]:
    """What an order has come to, as it takes effect.

    Raises:
        InputError: the session refuses it, or has no bus.
        ResourceError: nobody listens, or answers.
    """
    if marker.broker is None:
        raise InputError(str(marker.directory), "the session has no broker, so nothing can be ordered")
    topic = orders.fault_topic(marker.scenario) if what == "fault" else orders.node_topic(marker.scenario)
    number = secrets.token_hex(8)
    answer = asyncio.run(_ask(marker, topic, {**order, "id": number}))
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


async def _ask(marker: Marker, topic: str, order: dict[str, Any]) -> dict[str, Any]:
    """The answer to an order. ResourceError: none came, and what was missing."""
    bus = mqtt.connect(marker.broker, f"linkemu-fault-{order['id']}")
    answers = bus.subscribe(orders.answer_topic(marker.scenario))
    first = asyncio.ensure_future(anext(answers))
    missing = "scenario time has not begun"
    try:
        async with asyncio.timeout(ANSWER_S):
            await _time_goes(Records(marker.directory / "emulator"))
            missing = "the emulator doesn't say that it is up"
            await _emulator_is_up(bus, marker.scenario)
            missing = "nobody answers"
            bus.publish(topic, order)  # which leaves after all that we have subscribed to
            answer: dict[str, Any] = json.loads((await first).payload)
            while answer.get("id") != order["id"]:
                answer = json.loads((await anext(answers)).payload)
            return answer
    except TimeoutError:
        raise ResourceError(str(marker.directory), f"{missing}, for {ANSWER_S:g} s now") from None
    finally:
        first.cancel()
        await bus.close()


async def _time_goes(records: Records) -> None:
    """Until all nodes have joined the emulator."""
    while records.time_map() is None:  # noqa: ASYNC110  # a file of another process
        await asyncio.sleep(_POLL_S)


async def _emulator_is_up(bus: Bus, scenario: str) -> None:
    topic = telemetry.topic(scenario, "node", "emulator", "status")
    async for note in bus.subscribe(topic):
        told = telemetry.read(note.topic, note.payload)
        if isinstance(told, telemetry.NodeStatus) and told.state == "up":
            return
