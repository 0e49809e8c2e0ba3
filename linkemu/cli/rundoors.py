"""The doors of a scenario beside its nodes: ``linkemu run`` opens them once the run is ready.

They are a data plane of their own that plays the run's sky by the emulator's own time map. They carry other
bytes than the nodes do, over a capacity of their own; an operator's live faults act on both, as the data
plane reads the emulator's journal. A run that is recorded has their traces and reports too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from linkemu.cli import output
from linkemu.runtime.layout import RunDirectory

if TYPE_CHECKING:
    from linkemu.access.gauge import DoorReport
    from linkemu.access.launch import DataPlane
    from linkemu.record.recording import Recording
    from linkemu.runtime.session import Event
    from linkemu.scenario import Scenario


class RunDoors:
    """Order of calls: ``keep`` if the run is recorded, ``follow`` with each of its events, ``close``.

    Then ``reports`` has what came of each door.
    """

    def __init__(self, scenario: Scenario, follow: Callable[[Event], None]) -> None:
        self._scenario = scenario
        self._follow = follow
        self._plane: DataPlane | None = None
        self._traces: Path | None = None
        self.reports: list[DoorReport] = []

    def keep(self, recording: Recording) -> None:
        """Let the doors write their traces into it, and their reports at its end."""
        if self._scenario.doors:
            self._traces = recording.trace("doors").parent.absolute()
            recording.join(self._said)

    def follow(self, event: Event) -> None:
        """Pass it on, and open the doors when it says that all is ready. ResourceError if one can't open."""
        from linkemu.runtime.session import Ready

        self._follow(event)
        if isinstance(event, Ready) and self._scenario.doors:
            self._open(RunDirectory(event.marker.directory))

    def close(self) -> None:
        """Close all doors, and keep their reports; does nothing if they are closed."""
        plane, self._plane = self._plane, None
        if plane is None:
            return
        try:
            plane.stop()
            self.reports = plane.wait()
        finally:
            plane.close()

    def show(self) -> None:
        """The reports for people."""
        from linkemu.cli import proxy

        for report in self.reports:
            proxy.show(report)
            output.warn(f"{report.name}: {line}" for line in report.warnings)

    def _said(self) -> Mapping[str, object]:
        self.close()
        return {"reports": [asdict(each) for each in self.reports]}

    def _open(self, directory: RunDirectory) -> None:
        from linkemu.access import settings
        from linkemu.access.launch import DataPlane
        from linkemu.link.timeline import Sky
        from linkemu.runtime.records import Records

        sky, records = Sky.load(directory.sky), Records(directory.emulator)
        told = settings.Proxy(
            directory.sky,
            settings.doors_of(self._scenario, sky),
            queue_bytes=self._scenario.queue.size_bytes,
            hold_s=self._scenario.queue.hold_s,
            time_map=records.time_map_file,
            journal=records.overlays_file,
            record=self._traces,
        )
        self._plane = DataPlane.start(told, sky)
        for door in told.doors:
            at = settings.spoken(self._plane.addresses[door.name])
            typer.echo(f"door {door.name}: {door.protocol} {at}, to {settings.spoken(door.to)}", err=True)
