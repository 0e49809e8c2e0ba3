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
from linkemu.runtime.records import Records, overlay_row, read_overlay_row


def overlays(rows: Iterable[Row]) -> list[tuple[Key, Overlay]]:
    """For a Player that is imposed upon before it plays."""
    return [read_overlay_row(row) for row in rows]


def write_journal(state: Path, rows: Iterable[Row]) -> None:
    """As if the emulator whose records lie in ``state`` had been told them before."""
    if batch := overlays(rows):
        Records(state).keep_overlays(batch)


def read_journal(state: Path) -> list[Row]:
    """All live faults that the emulator has been told, as they took effect."""
    return [overlay_row(*each) for each in Records(state).overlays()]


def time_map(state: Path) -> object:
    """How scenario time went, None if it never did."""
    path = state / "timemap.json"
    return json.loads(path.read_text()) if path.exists() else None
