"""The stage of ``linkemu exec`` for a control desk: one link, no doors; what changes it changes its beams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from linkemu.access.exec_laser import Beam
from linkemu.access.imposed import Standings
from linkemu.access.line import Document
from linkemu.access.settings import Door
from linkemu.access.stage import Notice
from linkemu.errors import InputError
from linkemu.link.overlay import Overlay
from linkemu.link.player import Key
from linkemu.link.timeline import Sky
from linkemu.machine import Direction


class Links:
    """``beams`` are those of the link that is played, ``report`` tells what they have done so far.

    ``faults`` are live ones of a recorded run; ``history`` has them too, and all that was changed since.
    """

    def __init__(
        self,
        sky: Sky,
        link: int,
        beams: Mapping[Direction, Beam],
        now_ns: Callable[[], int],
        report: Callable[[], dict[str, Any]],
        faults: Iterable[tuple[Key, Overlay]] = (),
    ) -> None:
        self.sky = sky
        self.standings = Standings(sky)
        for key, overlay in faults:
            if key in sky.timelines:
                self.standings[key].impose(overlay, 0, 0)
        for direction, beam in beams.items():
            self.standings[link, direction].join(beam)
        self._now_ns = now_ns
        self._report = report

    def now_ns(self) -> int:
        return self._now_ns()

    def relit(self, links: Iterable[int]) -> None:
        """Nothing here goes by light but the beams themselves."""

    def announce(self, notice: Notice | None) -> None:
        """Nothing happens at doors."""

    def doors(self) -> list[Document]:
        return []

    def reports(self) -> list[Document]:
        report = self._report()
        warnings = [f"{row['direction']}: {line}" for row in report["directions"] for line in row["warnings"]]
        return [{**report, "name": "exec", "warnings": warnings}]

    def connections(self, door: str, after: int, most: int) -> list[Document]:
        _refuse()

    def open(self, door: Door) -> None:
        _refuse()

    def close(self, door: str) -> None:
        _refuse()

    def check(self, door: str) -> None:
        _refuse()

    def enable(self, door: str, wanted: bool) -> None:
        _refuse()

    def doom(self, door: str, after_s: float | None) -> None:
        _refuse()

    def break_connections(self, door: str, how: str) -> int:
        _refuse()


def _refuse() -> NoReturn:
    raise InputError("door", "a command under exec has none: its packets cross the link as they are")
