"""The manifest of a recorded run: what it is, where it came from, and each file with its length and digest.

It is written twice: as "recording" when the run begins, with all that it was given, and as "complete" at its
end, with all that it said. The file holds a digest of itself, and its bytes follow from its content, so that
no byte of it changes unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from linkemu.errors import RecordError
from linkemu.record import files
from linkemu.record.files import Sum

NAME = "manifest.json"
FORMAT = "linkemu-record"
VERSION = 1

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """The scenario that was run: name of its file, changes to its text, and where its files lie now."""

    __pydantic_config__ = _STRICT

    name: str
    file: str
    changes: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # path in the record, by the name in the text


@dataclass(frozen=True, slots=True)
class Pace:
    """The clock of the run."""

    __pydantic_config__ = _STRICT

    mode: Literal["real", "scaled", "virtual"] = "real"
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class TraceSum:
    """A trace of the run, by its number of records and its digest."""

    __pydantic_config__ = _STRICT

    records: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``origin`` is None where a sky was played without a scenario. ``epoch`` is UTC of scenario time 0."""

    __pydantic_config__ = _STRICT

    command: str
    epoch: datetime | None
    seed: int | None
    sky: str  # digest of the sky, of what light can do
    clock: Pace
    origin: Origin | None
    excerpts: list[dict[str, Any]]  # what was made of the run that this is a replay of, in this order
    versions: dict[str, str]
    state: Literal["recording", "complete"] = "recording"
    files: dict[str, Sum] = field(default_factory=dict)
    traces: dict[str, TraceSum] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        files.put(directory / NAME, _encoded(asdict(self)))


def load(directory: Path) -> Manifest:
    """Read the manifest of a recorded run.

    Raises:
        RecordError: none there, another format or version, damaged or edited.
    """
    path = directory / NAME
    if not directory.exists():
        raise RecordError(str(directory), None, "no such directory")
    if not path.exists():
        raise RecordError(str(directory), None, f"is not a recorded run: it has no {NAME}")
    content = files.document(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RecordError(str(path), None, f"is not the manifest of a recorded run (format {FORMAT!r})")
    if content.get("version") != VERSION:
        problem = f"is of version {content.get('version')!r} of recorded runs, this linkemu reads {VERSION}"
        raise RecordError(str(path), None, problem)
    content = {key: value for key, value in content.items() if key not in ("format", "version", "digest")}
    try:
        manifest = _MANIFEST.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise RecordError(str(path), None, f"{where}: {first['msg']}") from None
    _check_bytes(path, manifest)
    _check_names(path, manifest)
    return manifest


_MANIFEST = TypeAdapter(Manifest)


def _encoded(fields: Mapping[str, Any]) -> bytes:
    epoch = fields["epoch"]
    content = {
        "format": FORMAT,
        "version": VERSION,
        **fields,
        "epoch": None if epoch is None else epoch.isoformat(),
    }
    digest = blake2b(files.encoded(content), digest_size=32).hexdigest()
    return files.encoded({**content, "digest": digest})


def _check_bytes(path: Path, manifest: Manifest) -> None:
    """The bytes are those which the content gives; names the first line that isn't."""
    found = files.read(path)
    expected = _encoded(asdict(manifest))
    if found == expected:
        return
    lines = zip(found.split(b"\n"), expected.split(b"\n"), strict=False)
    line = next((number for number, (one, other) in enumerate(lines, start=1) if one != other), None)
    raise RecordError(str(path), line, "was damaged or edited: it doesn't agree with its own digest")


def _check_names(path: Path, manifest: Manifest) -> None:
    """A record names its own files only, none outside of it."""
    names = [*manifest.files, *(manifest.origin.files.values() if manifest.origin else ())]
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise RecordError(str(path), None, f"names {name!r}, which is no file of the run")
