"""What an emulator leaves behind, and finds again after ``kill -9``: time map, live faults, fidelity report.

Files in one directory, each either old or new after a crash. The time map and the faults are made durable
before they take effect; the report is only as fresh as its last writing, and the rest is said as a gap.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from linkemu.errors import FormatError, ResourceError
from linkemu.link.fidelity import Fidelity
from linkemu.link.overlay import Overlay
from linkemu.link.overlayform import of_record, to_record
from linkemu.link.player import Key
from linkemu.machine import Direction
from linkemu.runtime.timemap import TimeMap


class Records:
    """The records in directory ``state``, which is made if it is absent."""

    def __init__(self, state: Path) -> None:
        self.time_map_file = state / "timemap.json"
        self.overlays_file = state / "overlays.jsonl"
        self._report = state / "fidelity.json"
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(str(state), error.strerror or str(error)) from None

    def time_map(self) -> TimeMap | None:
        return TimeMap.load(self.time_map_file)

    def keep_time_map(self, time_map: TimeMap) -> None:
        time_map.save(self.time_map_file)

    def report(self) -> Fidelity | None:
        return Fidelity.from_json(self._report.read_bytes()) if self._report.exists() else None

    def keep_report(self, report: Fidelity) -> None:
        draft = self._report.with_name(self._report.name + ".tmp")
        try:
            draft.write_text(report.to_json() + "\n")
            draft.replace(self._report)
        except OSError as error:
            raise ResourceError(str(self._report), error.strerror or str(error)) from None

    def keep_overlays(self, batch: Sequence[tuple[Key, Overlay]]) -> None:
        """Write down what has been imposed as it takes effect, or how it has ended: all of it or nothing."""
        line = json.dumps({"overlays": [overlay_row(*each) for each in batch]}) + "\n"
        try:
            with self.overlays_file.open("a") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ResourceError(str(self.overlays_file), error.strerror or str(error)) from None

    def overlays(self) -> list[tuple[Key, Overlay]]:
        """All live faults so far as they stand; a torn last line never took effect and is cut off."""
        if not self.overlays_file.exists():
            return []
        text = self.overlays_file.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            os.truncate(self.overlays_file, len(whole))
        return standing(each for line in whole.decode().splitlines() for each in batch_of(line))


def standing(journal: Iterable[tuple[Key, Overlay]]) -> list[tuple[Key, Overlay]]:
    """The last word on each fault: a later one that differs in nothing but its end is the same fault."""
    last = {(key, replace(overlay, end_ns=None)): (key, overlay) for key, overlay in journal}
    return list(last.values())


def overlay_row(key: Key, overlay: Overlay) -> dict[str, object]:
    """An overlay and where it lies, as a JSON object."""
    return {"link": key[0], "direction": key[1].value, **to_record(overlay)}


def read_overlay_row(row: Mapping[str, object]) -> tuple[Key, Overlay]:
    """FormatError in one line if it is none."""
    link, direction = row.get("link"), row.get("direction")
    if not isinstance(link, int) or direction not in ("up", "down"):
        raise FormatError("overlay: link: expected its number, and direction up or down")
    rest = {name: value for name, value in row.items() if name not in ("link", "direction")}
    return (link, Direction(direction)), of_record(rest)


def batch_of(line: str) -> list[tuple[Key, Overlay]]:
    """Of one line of the journal. FormatError if it is none."""
    try:
        return [read_overlay_row(row) for row in json.loads(line)["overlays"]]
    except (ValueError, KeyError, TypeError, AttributeError, FormatError) as error:
        raise FormatError(f"not a journal of live faults ({error}): {line[:200]!r}") from None
