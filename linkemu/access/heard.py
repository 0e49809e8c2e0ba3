"""Live faults of an emulator, heard by the doors beside it: its journal is read as it grows.

The emulator writes a fault down before it takes effect, and beside doors so long before (contract.files) that
they hear of it in time and begin, or end, it at the same slot's edge. One that is heard too late begins at
the next edge. The file is the emulator's: here it is only read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from linkemu.access.imposed import Standing, Standings
from linkemu.errors import ResourceError
from linkemu.link.overlay import Overlay
from linkemu.link.player import Key
from linkemu.runtime.records import batch_of, standing
from linkemu.schedule import Schedule

LOOK_EVERY_NS = 10_000_000


class Heard:
    """Order of calls: ``catch_up`` before any door opens, then ``hear`` now and again."""

    def __init__(self, journal: Path, foreseen: Schedule) -> None:
        self._journal = journal
        self._foreseen = list(foreseen.overlays)  # the journal has them too
        self._read_bytes = 0
        self._acts: dict[tuple[Key, Overlay], Overlay] = {}  # by what was told, what acts here; both endless

    def catch_up(self, standings: Standings) -> None:
        """What has been ordered so far, as it took effect. FormatError or ResourceError of the file."""
        for key, overlay in self._news():
            self._change(key, standings[key], overlay, 0, 0)

    def hear(self, standings: Standings, now_ns: int) -> set[int]:
        """Impose and lift what has been ordered since; the numbers of the links that have changed."""
        news = self._news()
        for key, overlay in news:
            on = standings[key]
            at_ns = on.boundary_ns(now_ns, erases=overlay.erase_slots is not None)
            self._change(key, on, overlay, now_ns, at_ns)
        return {number for (number, _), _ in news}

    def _news(self) -> list[tuple[Key, Overlay]]:
        """The last word on each fault of the lines that have come; one that is being written comes later."""
        try:
            with self._journal.open("rb") as file:
                file.seek(self._read_bytes)
                came = file.read()
        except FileNotFoundError:  # nothing was ever ordered
            return []
        except OSError as error:
            raise ResourceError(str(self._journal), error.strerror or str(error)) from None
        whole = came[: came.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        rows = [each for line in whole.decode().splitlines() for each in batch_of(line)]
        return standing(each for each in rows if each not in self._foreseen)

    def _change(self, key: Key, on: Standing, told: Overlay, now_ns: int, at_ns: int) -> None:
        """Impose what isn't there, or end what differs in nothing but its end; not before ``at_ns``."""
        endless = replace(told, end_ns=None)
        acts = self._acts.get((key, endless), endless)  # heard late, it has begun later than it was told to
        known = [each for each in on.overlaid.all if replace(each, end_ns=None) == acts]
        if not known:
            self._acts[key, endless] = replace(on.impose(told, now_ns, at_ns), end_ns=None)
        elif told.end_ns is not None and all(each.end_ns != told.end_ns for each in known):
            on.lift(told.name, now_ns, max(at_ns, told.end_ns))
