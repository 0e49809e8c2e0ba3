"""Reading a recorded run: every byte of it is checked before any of it is believed.

``load`` gives what it was given (Played); ``trace`` and ``document`` what it said. A run that died before its
end is one too: its traces are read as far as they go. Errors are RecordError: one line, with file and place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from linkemu import scenario as scenarios
from linkemu.errors import FormatError, RecordError, ScenarioError, TimelineError
from linkemu.link import reshape
from linkemu.link.overlayform import of_record
from linkemu.link.timeline import Sky
from linkemu.plan import Plan
from linkemu.record import chain, files, manifest
from linkemu.record.excerpt import Excerpt
from linkemu.record.layout import FAULTS, PLANS, PRESETS, SCENARIO, SKY, STRIKES, TRACES
from linkemu.record.manifest import Manifest, Origin
from linkemu.record.played import Played, Row
from linkemu.scenario import Scenario, presets
from linkemu.schedule import NodeFault, Schedule

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A recorded run whose files are whole. ``is_complete``: it came to its end."""

    directory: Path
    manifest: Manifest
    played: Played

    @property
    def is_complete(self) -> bool:
        return self.manifest.state == "complete"

    def traces(self) -> list[str]:
        """Their names; of a run that died, of those that are there."""
        if self.is_complete:
            return sorted(self.manifest.traces)
        return sorted(path.stem for path in (self.directory / TRACES).glob("*.jsonl"))

    def trace(self, name: str) -> chain.TraceFile:
        """A trace, checked to its last record."""
        path = self.directory / TRACES / f"{name}.jsonl"
        read = chain.read(path, torn=True)
        stated = self.manifest.traces.get(name)
        if stated is not None and (stated.records, stated.digest) != (len(read.events), read.digest):
            raise RecordError(str(path), None, "isn't the trace whose digest the manifest states")
        return read

    def document(self, name: str) -> Any:
        """What the run said of this (fidelity, transfers, …), None if it said nothing."""
        path = self.directory / f"{name}.json"
        return files.document(path) if path.name in self.manifest.files else None


def load(directory: Path) -> Record:
    """Open a recorded run.

    Raises:
        RecordError: it isn't one, is of another version, or a file of it is missing, damaged or changed.
    """
    found = manifest.load(directory)
    for name, stated in found.files.items():
        _check_file(directory / name, stated)
    record = Record(directory, found, _played(directory, found))
    for name in record.traces():
        record.trace(name)
    return record


def _check_file(path: Path, stated: files.Sum) -> None:
    size, digest = files.summed(path)
    if (size, digest) == stated:
        return
    if path.suffix == ".jsonl":
        chain.read(path)  # names the first record that is wrong
    if size != stated[0]:
        raise RecordError(str(path), None, f"has {size} bytes, the manifest states {stated[0]}")
    raise RecordError(str(path), None, "was changed: its digest isn't the one that the manifest states")


def _played(directory: Path, found: Manifest) -> Played:
    for name in (SKY, FAULTS):
        if name not in found.files:
            raise RecordError(str(directory), None, f"is not a recorded run: its manifest has no {name}")
    sky = _blame(directory / SKY, lambda: Sky.load(directory / SKY))
    if sky.digest() != found.sky:
        raise RecordError(str(directory / SKY), None, "isn't the sky whose digest the manifest states")
    plans = [_plan(directory / name) for name in found.files if Path(name).parent.as_posix() == PLANS]
    return Played(
        sky,
        None if found.origin is None else _scenario(directory, found, found.origin, sky),
        found.epoch,
        {plan.node: plan for plan in plans},
        _faults(directory / FAULTS, len(sky.links)),
        _strikes(directory, found),
        {} if found.origin is None else found.origin.changes,
        excerpts=tuple(found.excerpts),
        origin=directory,
    )


def _scenario(directory: Path, found: Manifest, origin: Origin, sky: Sky) -> Scenario:
    """The scenario by the presets and files of the run, with the work of its excerpts."""
    path = directory / SCENARIO
    text = _blame(path, lambda: files.read(path).decode())
    texts = {name: files.read(directory / PRESETS / name).decode() for name in presets.FILES}
    kept = _blame(directory / PRESETS, lambda: presets.Presets.of(texts))
    inputs = {name: directory / place for name, place in origin.files.items()}
    scenario = _blame(path, lambda: scenarios.loads(text, path, origin.changes, kept=kept, files=inputs))
    for document in found.excerpts:
        excerpt = _blame(directory / manifest.NAME, partial(Excerpt.of, document))
        scenario = excerpt.work(scenario, reshape.end_ns(sky))
    return replace(scenario, name=origin.name)


def _plan(path: Path) -> Plan:
    return _blame(path, lambda: Plan.from_json(files.read(path)))


def _faults(path: Path, links: int) -> tuple[Row, ...]:
    rows = files.document(path)
    if not isinstance(rows, list):
        raise RecordError(str(path), None, "expected a list of live faults")
    for number, row in enumerate(rows, start=1):
        _blame(path, partial(_check_fault, number, row, links))
    return tuple(rows)


def _strikes(directory: Path, found: Manifest) -> tuple[NodeFault, ...]:
    path = directory / f"{STRIKES}.json"
    if path.name not in found.files:
        return ()
    document = Schedule().document() | {"nodes": files.document(path)}
    return _blame(path, partial(Schedule.read, document)).nodes


def _check_fault(number: int, row: object, links: int) -> None:
    match row:
        case {"link": int(link), "direction": "up" | "down", **overlay} if 0 <= link < links:
            of_record(overlay)
        case _:
            raise FormatError(f"fault {number}: expected the number of a link, a direction and an overlay")


def _blame(path: Path, read: Callable[[], _T]) -> _T:
    """What ``read`` gives; whatever is wrong is the file's fault."""
    try:
        return read()
    except (TimelineError, ScenarioError, FormatError) as error:
        raise RecordError(str(path), None, str(error).removeprefix(f"{path}: ")) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(str(path), None, f"can't be read ({error!r})") from error
