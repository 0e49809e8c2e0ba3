"""Live faults between a recorded run and an emulator: rows of the record, overlays, the emulator's journal.

An emulator finds faults of its past in its journal when it starts; so does one that replays a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from linkemu.link.overlay import Overlay
from linkemu.link.player import Key
from linkemu.record.played import Row
from linkemu.runtime.records import Records, overlay_row, read_overlay_row, standing
from linkemu.schedule import NodeFault, Schedule

_LATE_NS = 2_000_000_000


def overlays(rows: Iterable[Row]) -> list[tuple[Key, Overlay]]:
    """For a Player that is imposed upon before it plays."""
    return [read_overlay_row(row) for row in rows]


def rows(journal: Iterable[tuple[Key, Overlay]]) -> list[Row]:
    """For the record: the last word on each fault of a journal."""
    return [overlay_row(*each) for each in standing(journal)]


def write_journal(state: Path, rows: Iterable[Row]) -> None:
    """As if the emulator whose records lie in ``state`` had been told them before."""
    if batch := overlays(rows):
        Records(state).keep_overlays(batch)


def read_journal(state: Path) -> list[Row]:
    """All live faults that the emulator has been told, as they took effect."""
    return [overlay_row(*each) for each in Records(state).overlays()]


def read_strikes(journal: Path, schedule: Schedule) -> list[Row] | None:
    """What nodes were struck with beyond the schedule, as it happened; None if nothing."""
    if not journal.exists():
        return None
    rows = [json.loads(line) for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [row for row in rows if not any(_is(row, each) for each in schedule.nodes)] or None


def _is(row: Row, foreseen: NodeFault) -> bool:
    """Whether a fault of the journal is this one of the schedule, which is carried out a little later."""
    same = (row["node"], row["kind"], row["end_ns"]) == (foreseen.node, foreseen.kind, foreseen.end_ns)
    return same and 0 <= row["start_ns"] - foreseen.start_ns < _LATE_NS


def time_map(state: Path) -> object:
    """How scenario time went, None if it never did."""
    path = state / "timemap.json"
    return json.loads(path.read_text()) if path.exists() else None
