"""Faults known in advance that a timeline can't say: for whoever plays a link, keeps a node or opens a door.

Made by the forecast, kept in the header of its Sky, so that whoever plays a sky has it, and carried out by
session, composition and doors. Times are integer ns of scenario time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args

from linkemu.errors import FormatError
from linkemu.link.overlay import Overlay
from linkemu.link.overlayform import of_record, to_record
from linkemu.link.timeline import Sky
from linkemu.machine import Direction

FORMAT_VERSION = 1

NodeFaultKind = Literal["kill", "freeze", "clock", "bit-flip", "disk", "plan-late"]
DoorFaultKind = Literal["refuse", "reset", "half-open"]
Key = tuple[int, Direction]


@dataclass(frozen=True, slots=True)
class NodeFault:
    """What happens to a node from ``start_ns`` to ``end_ns`` (None: to the end; of a kill: at once)."""

    node: str
    kind: NodeFaultKind
    start_ns: int
    end_ns: int | None = None
    shift_ns: int = 0  # of its clock, ahead of the scenario's
    drift_ppm: float = 0.0  # by which its clock runs fast
    count: int = 1  # of flipped bits
    seed: int = 0  # by which they are chosen


@dataclass(frozen=True, slots=True)
class DoorFault:
    """What a door does to its connections from ``start_ns`` to ``end_ns`` (None: to the end)."""

    door: str
    kind: DoorFaultKind
    start_ns: int
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """All of it; overlays by the sky's link and direction."""

    overlays: tuple[tuple[Key, Overlay], ...] = ()
    nodes: tuple[NodeFault, ...] = ()
    doors: tuple[DoorFault, ...] = ()

    def of_node(self, name: str) -> tuple[NodeFault, ...]:
        """Those of a node, by time."""
        return tuple(sorted((f for f in self.nodes if f.node == name), key=lambda fault: fault.start_ns))

    def document(self) -> dict[str, Any]:
        """As JSON has it; ``read`` gives back an equal schedule."""
        return {
            "format": FORMAT_VERSION,
            "overlays": [
                {"link": key[0], "direction": key[1].value, **to_record(overlay)}
                for key, overlay in self.overlays
            ],
            "nodes": [asdict(each) for each in self.nodes],
            "doors": [asdict(each) for each in self.doors],
        }

    @classmethod
    def read(cls, document: Any) -> Schedule:
        """FormatError in one line if it is no such document."""
        try:
            if document["format"] != FORMAT_VERSION:
                raise FormatError(
                    f"schedule: format {document['format']!r}, this linkemu reads {FORMAT_VERSION}"
                )
            return cls(
                tuple(_overlay(dict(row)) for row in document["overlays"]),
                tuple(cast(NodeFault, _fault(NodeFault, row)) for row in document["nodes"]),
                tuple(cast(DoorFault, _fault(DoorFault, row)) for row in document["doors"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"schedule: not a schedule, or incomplete ({error!r})") from None

    @classmethod
    def of(cls, sky: Sky) -> Schedule:
        """That of a sky; FormatError if its header holds something else, or overlays of no link of it."""
        document = sky.header.get("schedule")
        schedule = cls() if document is None else cls.read(document)
        schedule.check(sky)
        return schedule

    def put_into(self, sky: Sky) -> Sky:
        """The sky with this schedule in its header."""
        rest = {key: value for key, value in sky.header.items() if key != "schedule"}
        return replace(sky, header=rest if self == Schedule() else {**rest, "schedule": self.document()})

    def check(self, sky: Sky) -> None:
        """FormatError if an overlay is of no link of this sky."""
        for (link, direction), overlay in self.overlays:
            if (link, direction) not in sky.timelines:
                raise FormatError(
                    f"schedule: overlay {overlay.name}: the sky has no link {link} {direction.value}"
                )


_KINDS = {NodeFault: get_args(NodeFaultKind), DoorFault: get_args(DoorFaultKind)}
_WHOLE = {"start_ns", "shift_ns", "count", "seed"}


def _overlay(row: dict[str, Any]) -> tuple[Key, Overlay]:
    link, direction = row.pop("link"), Direction(row.pop("direction"))
    if not isinstance(link, int) or isinstance(link, bool):
        raise TypeError(f"link {link!r}")
    return (link, direction), of_record(row)


def _fault(kind: type[NodeFault] | type[DoorFault], row: Mapping[str, Any]) -> NodeFault | DoorFault:
    for name, value in row.items():
        if name in _WHOLE or (name == "end_ns" and value is not None):
            fits = isinstance(value, int) and not isinstance(value, bool)
        elif name == "drift_ppm":
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else:
            fits = value is None if name == "end_ns" else isinstance(value, str)
        if not fits:
            raise TypeError(f"{name} {value!r}")
    if row["kind"] not in _KINDS[kind] or row["start_ns"] < 0:
        raise ValueError(f"{row['kind']} at {row['start_ns']}")
    fault = kind(**row)
    if fault.end_ns is not None and fault.end_ns < fault.start_ns:
        raise ValueError(f"{fault.kind} ends at {fault.end_ns}, before it starts")
    return fault
