"""What an emulator leaves behind, and finds again after ``kill -9``: time map, live faults, fidelity report.

Files in one directory, each either old or new after a crash. The time map and the faults are made durable
before they take effect; the report is only as fresh as its last writing, and the rest is said as a gap.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from linkemu.errors import FormatError, ResourceError
from linkemu.link.channel import Overlay
from linkemu.link.fidelity import Fidelity
from linkemu.link.player import Key
from linkemu.machine import Direction
from linkemu.runtime.timemap import TimeMap


class Records:
    """The records in directory ``state``, which is made if it is absent."""

    def __init__(self, state: Path) -> None:
        self._time_map = state / "timemap.json"
        self._overlays = state / "overlays.jsonl"
        self._report = state / "fidelity.json"
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(str(state), error.strerror or str(error)) from None

    def time_map(self) -> TimeMap | None:
        return TimeMap.load(self._time_map)

    def keep_time_map(self, time_map: TimeMap) -> None:
        time_map.save(self._time_map)

    def report(self) -> Fidelity | None:
        return Fidelity.from_json(self._report.read_bytes()) if self._report.exists() else None

    def keep_report(self, report: Fidelity) -> None:
        draft = self._report.with_name(self._report.name + ".tmp")
        try:
            draft.write_text(report.to_json() + "\n")
            draft.replace(self._report)
        except OSError as error:
            raise ResourceError(str(self._report), error.strerror or str(error)) from None

    def keep_overlay(self, key: Key, overlay: Overlay) -> None:
        line = json.dumps({"link": key[0], "direction": key[1].value, **asdict(overlay)}) + "\n"
        try:
            with self._overlays.open("a") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ResourceError(str(self._overlays), error.strerror or str(error)) from None

    def overlays(self) -> list[tuple[Key, Overlay]]:
        """All live faults so far; a torn last line never took effect and is cut off."""
        if not self._overlays.exists():
            return []
        text = self._overlays.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self._overlays.write_text(whole)
        return [_overlay(line) for line in whole.splitlines()]


def _overlay(line: str) -> tuple[Key, Overlay]:
    try:
        record = json.loads(line)
        key = (int(record.pop("link")), Direction(record.pop("direction")))
        return key, Overlay(**record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"not a journal of live faults ({error!r}): {line!r}") from None
