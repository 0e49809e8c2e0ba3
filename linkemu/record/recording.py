"""Writing a recorded run: begin with all that the run is given, finish with all that it said.

    recording = Recording.begin(directory, "run", played, pace)
    recording.trace("run")                    # where a trace of the run goes (chain.ChainWriter)
    recording.finish(fidelity=…, transfers=…) # each a JSON document
    recording.withdraw()                      # instead, if the run could not begin

If the run dies between the two, the directory still replays, and its traces can be read as far as they go.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from linkemu import scenario as scenarios
from linkemu.errors import InputError, ResourceError
from linkemu.link.timeline import Sky
from linkemu.record import chain, files, manifest
from linkemu.record.layout import FAULTS, INPUTS, PLANS, PRESETS, SCENARIO, SKY, TRACES
from linkemu.record.manifest import NAME, Manifest, Origin, Pace, TraceSum
from linkemu.record.played import Played, Row
from linkemu.scenario import Scenario, presets
from linkemu.schedule import Schedule

_PACKAGES = ("linkemu", "numpy", "scipy", "sgp4", "skyfield")


class Recording:
    """A directory that is being recorded into."""

    def __init__(self, directory: Path, begun: Manifest, sky: Sky) -> None:
        self.directory = directory
        self._manifest = begun
        self.schedule = Schedule.of(sky)  # what was foreseen, and is not live
        self._guests: list[Callable[[], Mapping[str, object]]] = []

    @classmethod
    def begin(
        cls, directory: Path, command: str, played: Played, pace: Pace, **documents: object
    ) -> Recording:
        """Write all that the run is given, each document as NAME.json.

        Raises:
            InputError: the directory holds something already, or the scenario isn't what its text says.
            ResourceError: the disk refuses.
        """
        make_room(directory)
        origin = None if played.scenario is None else _keep_scenario(directory, played.scenario, played)
        played.sky.save(directory / SKY)
        for node, plan in played.plans.items():
            files.put(directory / PLANS / f"{node}.json", plan.to_json().encode() + b"\n")
        files.put_document(directory / FAULTS, list(played.faults))
        for name, document in documents.items():
            files.put_document(directory / f"{name}.json", document)
        begun = Manifest(
            command=command,
            epoch=played.epoch,
            seed=None if played.scenario is None else played.scenario.seed,
            sky=played.sky.digest(),
            clock=pace,
            origin=origin,
            excerpts=list(played.excerpts),
            versions=_versions(),
        )
        recording = cls(directory, begun, played.sky)
        recording._write(())
        return recording

    def trace(self, name: str) -> Path:
        """Where the trace of this name goes: "run", or of a process its name."""
        return self.directory / TRACES / f"{name}.jsonl"

    def join(self, guest: Callable[[], Mapping[str, object]]) -> None:
        """Somebody else writes traces into it too: called by ``finish``, they end, and give documents."""
        self._guests.append(guest)

    def finish(self, *, faults: Iterable[Row] | None = None, **documents: object) -> None:
        """Write all that the run said, each document as NAME.json, and close the books.

        ``faults``: all live faults as they took effect, those of the beginning included; what the schedule
        of the sky has foreseen may be among them, and is left out.
        """
        while self._guests:
            documents |= self._guests.pop()()
        for name, document in documents.items():
            if document is not None:
                files.put_document(self.directory / f"{name}.json", document)
        if faults is not None:
            foreseen = self.schedule.document()["overlays"]
            live = [row for row in faults if row not in foreseen]
            files.put_document(self.directory / FAULTS, live)
        self._manifest = replace(self._manifest, state="complete")
        self._write(sorted((self.directory / TRACES).glob("*.jsonl")))

    def withdraw(self) -> None:
        """Leave nothing of a run that could not begin, so that the next attempt finds the room empty."""
        for path in self.directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _write(self, traces: Iterable[Path]) -> None:
        """The manifest over all files that are there."""
        read = {path.stem: chain.read(path, torn=True) for path in traces}
        sums = {name: TraceSum(len(trace.events), trace.digest) for name, trace in read.items()}
        held = {
            path.relative_to(self.directory).as_posix(): files.summed(path)
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and path != self.directory / NAME
        }
        self._manifest = replace(self._manifest, traces=sums, files=held)
        self._manifest.save(self.directory)


def make_room(directory: Path) -> None:
    """See that a run can be recorded there, before it costs anything. Errors as for ``begin``."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise InputError(str(directory), "is not empty: a run is recorded into a directory of its own")
    except (NotADirectoryError, FileExistsError):
        raise InputError(str(directory), "is not a directory") from None
    except OSError as error:
        raise ResourceError(str(directory), f"can't be made: {error.strerror or error}") from error


def _keep_scenario(directory: Path, scenario: Scenario, played: Played) -> Origin:
    """Text, presets and all files that the scenario names."""
    if played.origin is not None:
        return _keep_on(directory, played.origin)
    if scenarios.loads(scenario.text, scenario.path, played.changes) != scenario:
        raise InputError(str(scenario.path), "isn't what its text says any more: it can't be recorded")
    files.put(directory / SCENARIO, scenario.text.encode())
    for name, text in presets.shipped().texts.items():
        files.put(directory / PRESETS / name, text.encode())
    places: dict[str, str] = {}
    for number, (name, path) in enumerate(sorted(scenarios.files_of(scenario, played.changes).items())):
        places[name] = f"{INPUTS}/{number}/{path.name}"  # a file to send keeps its name
        files.keep(path, directory / places[name])
    return Origin(scenario.name, scenario.path.name, dict(played.changes), places)


def _keep_on(directory: Path, origin: Path) -> Origin:
    """The same of a recorded run that is replayed."""
    found = manifest.load(origin).origin
    assert found is not None, "a run with a scenario has its origin"
    kept = [SCENARIO, *(f"{PRESETS}/{name}" for name in presets.FILES), *found.files.values()]
    for name in kept:
        files.keep(origin / name, directory / name)
    return found


def _versions() -> dict[str, str]:
    """Of Python and of what the sky was compiled with, as far as it is installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a sky plays without scipy and skyfield
            continue
    return found
