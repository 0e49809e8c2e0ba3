"""Live faults between a recorded run and an emulator: rows of the record, overlays, the emulator's journal.

An emulator finds faults of its past in its journal when it starts; so does one that replays a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from linkemu.link.channel import Overlay
from linkemu.link.player import Key
from linkemu.machine import Direction
from linkemu.record.played import Row
from linkemu.runtime.records import Records


def overlays(rows: Iterable[Row]) -> list[tuple[Key, Overlay]]:
    """For a Player that is imposed upon before it plays."""
    return [
        ((row["link"], Direction(row["direction"])), Overlay(row["start_ns"], row["end_ns"], row["rate_bps"]))
        for row in rows
    ]


def write_journal(state: Path, rows: Iterable[Row]) -> None:
    """As if the emulator whose records lie in ``state`` had been told them before."""
    records = Records(state)
    for key, overlay in overlays(rows):
        records.keep_overlay(key, overlay)


def read_journal(state: Path) -> list[Row]:
    """All live faults that the emulator has been told, as they took effect."""
    return [
        {"link": link, "direction": direction.value, **asdict(overlay)}
        for (link, direction), overlay in Records(state).overlays()
    ]


def time_map(state: Path) -> object:
    """How scenario time went, None if it never did."""
    path = state / "timemap.json"
    return json.loads(path.read_text()) if path.exists() else None
