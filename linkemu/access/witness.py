"""What a data plane records of a run: the sky as it played it, and what its clients saw, as two traces.

"sky" holds light, dark and runs of erased slots of each link that a door uses, in the order of their
scheduled times: nothing of it depends on a client or on this machine. "doors" holds what came of clients, at
the moments at which it came. Nothing here wakes the loop; what has passed is written down in its next round.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from linkemu.link.timeline import Cause, LinkTimeline, Sky
from linkemu.machine import Direction
from linkemu.record.chain import ChainWriter
from linkemu.record.layout import SKY_TRACE as SKY
from linkemu.trace import Field, Trace

if TYPE_CHECKING:
    from linkemu.access.connection import Connection

DOORS = "doors"
Happening = tuple[int, str, str, dict[str, Field]]
"""Time in ns, who, what, and the rest of a record."""

_log = logging.getLogger(__name__)


class Witness:
    """Order of calls: ``begin`` when time begins, ``step`` in each round, ``close``."""

    def __init__(self, directory: Path) -> None:
        """ResourceError if the traces can't be written into ``directory``."""
        self._files = {name: ChainWriter(directory / f"{name}.jsonl") for name in (SKY, DOORS)}
        self._traces = {name: Trace(_until_it_fails(file)) for name, file in self._files.items()}
        self._coming: Iterator[Happening] = iter(())
        self._next: Happening | None = None
        self.is_begun = False

    def begin(self, sky: Sky, links: set[int], start_ns: int) -> None:
        """Time goes from ``start_ns`` on, over these links."""
        self.is_begun = True
        self._traces[SKY].record(start_ns / 1e9, "time", "begins", digest=sky.digest())
        ways = [sky.timelines[link, way] for link in sorted(links) for way in Direction]
        self._coming = heapq.merge(
            *(each for way in ways for each in (_light(way), _erased(way))), key=_order
        )
        self._next = next((each for each in self._coming if each[0] >= start_ns), None)

    def of_door(self, name: str, now_ns: Callable[[], int]) -> Callable[[str, Connection], None]:
        """Who hears what comes of the connections of a door, at the moment at which it comes."""

        def saw(what: str, connection: Connection) -> None:
            self._traces[DOORS].record(now_ns() / 1e9, name, what, number=connection.number)

        return saw

    def step(self, now_ns: int) -> None:
        """Write down what the sky has done by now."""
        while self._next is not None and self._next[0] <= now_ns:
            at_ns, who, what, fields = self._next
            self._traces[SKY].record(at_ns / 1e9, who, what, **fields)
            self._next = next(self._coming, None)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _order(happening: Happening) -> tuple[int, str, str]:
    return happening[:3]


def _name(timeline: LinkTimeline) -> str:
    return f"{timeline.station} - {timeline.satellite} {timeline.direction.value}"


def _light(timeline: LinkTimeline) -> Iterator[Happening]:
    """Every change of rate, in the sender's time."""
    rows = zip(timeline.edge_ns.tolist(), timeline.rate_bps.tolist(), timeline.cause.tolist(), strict=False)
    for at_ns, rate_bps, cause in rows:
        if rate_bps:
            yield at_ns, _name(timeline), "light", {"rate_bps": rate_bps}
        else:
            yield at_ns, _name(timeline), "dark", {"cause": Cause(cause).name.lower()}


def _erased(timeline: LinkTimeline) -> Iterator[Happening]:
    """Every run of erased slots, when light crosses the atmosphere (law 10)."""
    rows = zip(
        timeline.erased_slot.tolist(),
        timeline.erased_count.tolist(),
        timeline.erased_cause.tolist(),
        strict=True,
    )
    for slot, count, cause in rows:
        fields: dict[str, Field] = {"slot": slot, "count": count, "cause": Cause(cause).name.lower()}
        yield slot * timeline.slot_ns, _name(timeline), "erased", fields


def _until_it_fails(file: ChainWriter) -> Callable[[str], None]:
    """A sink that ends with the disk: a trace must not end what it traces."""
    takes_more = True

    def write(line: str) -> None:
        nonlocal takes_more
        if takes_more:
            try:
                file.write(line)
            except OSError as error:
                takes_more = False
                _log.warning("the trace ends here: %s", error.strerror)

    return write
