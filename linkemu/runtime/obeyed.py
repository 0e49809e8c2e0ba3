"""The shell around orders over the bus: each is taken as it comes, carried out by whom it is for, answered.

What an order may say is read in orders; the emulator obeys those about links, the warden those about nodes.
"""

from __future__ import annotations

from collections.abc import Callable

from linkemu.errors import FormatError, ResourceError
from linkemu.runtime import orders
from linkemu.runtime.bus import Bus


async def obey(bus: Bus, scenario: str, topic: str, carry_out: Callable[[bytes], list[object]]) -> None:
    """Give ``carry_out`` each order of a topic; what it returns has taken effect.

    FormatError and ResourceError of its are the answer.
    """
    async for note in bus.subscribe(topic):
        if note.retained:
            continue  # it was meant for an earlier time
        answer: dict[str, object] = {"id": orders.id_of(note.payload)}
        try:
            answer["effective"] = carry_out(note.payload)
        except (FormatError, ResourceError) as error:
            answer["error"] = str(error)
        bus.publish(orders.answer_topic(scenario), answer)
