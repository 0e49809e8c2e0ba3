"""The doors of a scenario beside its nodes: ``linkemu run`` opens them once the run is ready.

They are a data plane of their own that plays the run's sky by the emulator's own time map. They carry other
bytes than the nodes do, over a capacity of their own; the operator's live faults don't reach them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from linkemu.cli import output
from linkemu.runtime.layout import RunDirectory

if TYPE_CHECKING:
    from linkemu.access.gauge import DoorReport
    from linkemu.access.launch import DataPlane
    from linkemu.runtime.session import Event
    from linkemu.scenario import Scenario


class RunDoors:
    """Order of calls: ``follow`` with each event of the run, ``close``; then ``reports``."""

    def __init__(self, scenario: Scenario, follow: Callable[[Event], None]) -> None:
        self._scenario = scenario
        self._follow = follow
        self._plane: DataPlane | None = None
        self.reports: list[DoorReport] = []

    def follow(self, event: Event) -> None:
        """Pass it on, and open the doors when it says that all is ready. ResourceError if one can't open."""
        from linkemu.runtime.session import Ready

        self._follow(event)
        if isinstance(event, Ready) and self._scenario.doors:
            self._open(RunDirectory(event.marker.directory))

    def close(self) -> None:
        """Close all doors, and keep their reports."""
        if self._plane is None:
            return
        try:
            self._plane.stop()
            self.reports = self._plane.wait()
        finally:
            self._plane.close()

    def show(self) -> None:
        """The reports for people."""
        from linkemu.cli import proxy

        for report in self.reports:
            proxy.show(report)
            output.warn(f"{report.name}: {line}" for line in report.warnings)

    def _open(self, directory: RunDirectory) -> None:
        from linkemu.access import settings
        from linkemu.access.launch import DataPlane
        from linkemu.link.timeline import Sky
        from linkemu.runtime.records import Records

        sky = Sky.load(directory.sky)
        told = settings.Proxy(
            directory.sky,
            settings.doors_of(self._scenario, sky),
            queue_bytes=self._scenario.queue.size_bytes,
            hold_s=self._scenario.queue.hold_s,
            time_map=Records(directory.emulator).time_map_file,
        )
        self._plane = DataPlane.start(told, sky)
        for door in told.doors:
            at = settings.spoken(self._plane.addresses[door.name])
            typer.echo(f"door {door.name}: {door.protocol} {at}, to {settings.spoken(door.to)}", err=True)
