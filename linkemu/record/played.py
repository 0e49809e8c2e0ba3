"""What a run plays: a sky, and, with nodes of ours, the scenario and the plans. Frozen words, no deeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linkemu.link.timeline import Sky
from linkemu.plan import Plan
from linkemu.schedule import NodeFault, Schedule

if TYPE_CHECKING:  # a data plane plays a sky, and has no need of all that reads scenarios
    from linkemu.scenario import Changes, Scenario

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]
"""A live fault as a JSON object: "link", "direction" and the fields of an overlay (link/overlayform.py)."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """``scenario`` is that of its text with ``changes``; all of it is as the ``excerpts`` have made it."""

    sky: Sky
    scenario: Scenario | None = None
    epoch: datetime | None = None  # UTC of scenario time 0
    plans: Mapping[str, Plan] = field(default_factory=dict)
    faults: tuple[Row, ...] = ()
    strikes: tuple[NodeFault, ...] = ()  # live faults of nodes
    changes: Changes = field(default_factory=dict)
    excerpts: tuple[dict[str, Any], ...] = ()
    origin: Path | None = None  # a recorded run that this comes from: its presets and files go along

    @property
    def epoch_ns(self) -> int:
        """Unix time of scenario time 0, which is 1970 where nothing tells."""
        return 0 if self.epoch is None else (self.epoch - _UNIX) // timedelta(microseconds=1) * 1000

    def armed(self) -> Played:
        """With the live faults of nodes in the schedule of the sky, for whoever carries that out."""
        if not self.strikes:
            return self
        schedule = Schedule.of(self.sky)
        nodes = (*schedule.nodes, *self.strikes)
        return replace(self, sky=replace(schedule, nodes=nodes).put_into(self.sky), strikes=())
