"""The run directory of a session: what lies where, who holds it, and how another program finds it.

    session.json        the marker of a session: pids, doors, broker (0600: its URL may hold a password)
    lock                held (flock) by the session's process for as long as it lives, and its pid
    sky  scenario.toml  what is played, and what it was compiled from
    node-faults.jsonl   kills and freezes of nodes as they took effect
    emulator.json  plans/  node-files/  broker/       what the processes are told
    emulator/           what the emulator writes: time map, overlays, fidelity.json
    ledgers/  logs/     last state of the transfers; output of each process
    state/NODE/         spools and stores: survive from run to run (or under a directory of the user's choice)

No process is started here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from linkemu import wholefile
from linkemu.contract import Address
from linkemu.errors import InputError, ResourceError

DEFAULT = Path(".linkemu")
MARKER = "session.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Marker:
    """What a session says of itself to programs on the same machine, from when all its doors are open."""

    scenario: str
    directory: Path
    pid: int
    epoch: str  # UTC, ISO 8601
    duration_s: float
    rate: float
    broker: str | None  # URL, None: no bus
    doors: Mapping[str, Address] = field(default_factory=dict)  # HTTP, by station
    processes: Mapping[str, int] = field(default_factory=dict)  # pid by name

    def write(self) -> None:
        """Put the marker in place, whole."""
        wholefile.put(self.directory / MARKER, _MARKER.dump_json(self, indent=2) + b"\n", mode=0o600)


_MARKER = TypeAdapter(Marker)


def find(directory: Path = DEFAULT) -> Marker:
    """The live session in ``directory``, or the only one in a directory right below it.

    Raises:
        InputError: no live session there, or several to choose from.
    """
    places = [directory, *sorted(path.parent for path in directory.glob(f"*/{MARKER}"))]
    found = [marker for place in places if (marker := _live(place)) is not None]
    if not found:
        raise InputError(str(directory), "no session runs here; start one with 'linkemu run SCENARIO'")
    if len(found) > 1:
        names = ", ".join(str(marker.directory) for marker in found)
        raise InputError(str(directory), f"several sessions run here, choose one with --dir: {names}")
    return found[0]


def is_starting(directory: Path = DEFAULT) -> bool:
    """Whether a session in ``directory``, or right below it, has no marker yet, or none any more."""
    locks = [directory / _LOCK, *directory.glob(f"*/{_LOCK}")]
    return any(not (lock.parent / MARKER).exists() and _has_holder(lock) for lock in locks)


def _has_holder(lock: Path) -> bool:
    """Whether a session holds it. One that nobody has written to isn't touched: somebody may be about to."""
    try:
        return lock.stat().st_size > 0 and _held(lock)
    except OSError:
        return False


def _live(directory: Path) -> Marker | None:
    """The marker in ``directory`` if its session lives; a marker left by a killed one is none."""
    try:
        marker = _MARKER.validate_json((directory / MARKER).read_bytes())
    except (OSError, ValidationError):
        return None
    return marker if _held(directory / _LOCK) else None


def _held(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class RunDirectory:
    """Paths of one run. ``state`` None: spools and stores lie in the run directory itself."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        self.root = root.absolute()
        self.state = self.root / "state" if state is None else state.absolute()
        self.sky = self.root / "sky"
        self.node_faults = self.root / "node-faults.jsonl"
        self.scenario = self.root / "scenario.toml"
        self.emulator_file = self.root / "emulator.json"
        self.emulator = self.root / "emulator"
        self.broker = self.root / "broker"
        self._plans = self.root / "plans"
        self._node_files = self.root / "node-files"
        self._ledgers = self.root / "ledgers"
        self._logs = self.root / "logs"

    def plan(self, node: str) -> Path:
        return self._plans / f"{node}.json"

    def node_file(self, node: str) -> Path:
        return self._node_files / f"{node}.json"

    def ledger(self, node: str) -> Path:
        return self._ledgers / f"{node}.json"

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def node_root(self, node: str) -> Path:
        return self.state / node

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory for this process alone; ResourceError if a live session has it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / _LOCK).open("ab", buffering=0)
        except OSError as error:
            raise ResourceError(str(self.root), error.strerror or str(error)) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ResourceError(str(self.root), "a session is running in this directory") from None
            try:
                lock.truncate(0)
                lock.write(b"%d\n" % os.getpid())
                (self.root / MARKER).unlink(missing_ok=True)  # of a session that was killed
            except OSError as error:
                raise ResourceError(str(self.root), error.strerror or str(error)) from error
            try:
                yield
            finally:
                (self.root / MARKER).unlink(missing_ok=True)
                lock.truncate(0)

    def prepare(self, *, fresh: bool) -> None:
        """Clear away what an earlier run was told and said; its spools and stores only if ``fresh``."""
        made = (self.emulator, self.broker, self._plans, self._node_files, self._ledgers, self._logs)
        try:
            self.node_faults.unlink(missing_ok=True)
            for directory in (*made, *((self.state,) if fresh else ())):
                shutil.rmtree(directory, ignore_errors=True)
            for directory in (*made, self.state):
                directory.mkdir(parents=True, exist_ok=True)
            if not os.access(self.state, os.W_OK):
                raise ResourceError(str(self.state), "permission denied")
        except OSError as error:
            raise ResourceError(str(error.filename or self.root), error.strerror or str(error)) from error
