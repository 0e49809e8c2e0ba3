"""What doors play: a scenario that is compiled now, a sky from a file, or a recorded run; or a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linkemu.cli import output
from linkemu.cli.excerpts import Given
from linkemu.errors import InputError, TimelineError

if TYPE_CHECKING:
    from linkemu.link.timeline import Sky
    from linkemu.record.opening import Record
    from linkemu.record.played import Played

DOORS = "doors"  # document of a recorded run: what its doors were


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """``record`` is the recorded run that it comes from, if it does."""

    played: Played
    record: Record | None = None

    def document(self, name: str) -> Any:
        """What the recorded run says of this, None without one."""
        return None if self.record is None else self.record.document(name)


def make_room(record: Path | None) -> None:
    """See that a run can be recorded there, if it is to be, before it costs anything."""
    if record is not None:
        from linkemu.record import recording

        recording.make_room(record)


def find(scenario: Path | None, sky: Path | None, part: Given) -> Source:
    """What is to be played; a sky file may stand in the scenario's place. InputError if it can't be read."""
    if scenario is not None and scenario.is_dir():
        if sky is not None:
            raise InputError("--sky", "has no meaning with a recorded run, which has its own")
        from linkemu.record import opening

        record = opening.load(scenario)
        return Source(part.excerpt(record.played.epoch).apply(record.played), record)
    if scenario is not None and sky is None and _is_sky(scenario):
        scenario, sky = None, scenario
    whole = _fresh(scenario, sky)
    return Source(part.excerpt(whole.epoch).apply(whole))


def _fresh(scenario: Path | None, path: Path | None) -> Played:
    from linkemu import scenario as scenarios
    from linkemu.forecast import forecast
    from linkemu.link.timeline import Sky
    from linkemu.record.played import Played

    read = None if scenario is None else scenarios.load(scenario)
    if path is not None:
        try:
            loaded = Sky.load(path)
        except TimelineError as error:
            raise InputError("--sky", str(error)) from None
        return Played(loaded, read, _epoch(loaded))
    if read is None:
        raise InputError("SCENARIO", "expected a scenario file, a recorded run, or --sky FILE")
    compiled = forecast(read)
    output.warn(compiled.warnings)
    return Played(compiled.sky, read, compiled.epoch, compiled.plans)


def _is_sky(path: Path) -> bool:
    """Whether a file begins as sky files do, whole or not."""
    from linkemu.link import skyfile

    try:
        with path.open("rb") as file:
            return file.read(len(skyfile.BEGINS)) == skyfile.BEGINS
    except OSError:
        return False


def _epoch(sky: Sky) -> datetime | None:
    """UTC of scenario time 0, if the sky tells it."""
    told = sky.header.get("epoch")
    try:
        moment = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment
