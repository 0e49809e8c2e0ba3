"""A case: a list of faults that shows a violation, as a file to keep, send and play again. JSON, version 1.

    {"format": "linkemu campaign case", "version": 1, "scenario": "../configs/campaign.toml", "sky":
    "<digest>",
     "seed": 23, "what": "acknowledged", "details": "…", "faults": [{"fault": "crash", "node": "iss", …}, …]}

``scenario`` is a path from the case's own directory, or the name of one that comes with linkemu; ``seed`` the
seed that it was shrunk from, if any; ``what`` the violation that it showed (linkemu.campaign.watch), null for
a case that is to show none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from linkemu import wholefile
from linkemu.campaign.faults import AnyFault, Fault
from linkemu.errors import InputError, ResourceError
from linkemu.scenario import catalogue


@dataclass(frozen=True, slots=True)
class Case:
    """``sky``: digest of the sky under which it was found; under another it may show nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    scenario: str
    sky: str
    faults: tuple[AnyFault, ...]
    seed: int | None = None
    what: str | None = None
    details: str = ""
    format: Literal["linkemu campaign case"] = "linkemu campaign case"
    version: Literal[1] = 1


_CASE = TypeAdapter(Case)
_FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[AnyFault, ...])


def read(path: Path) -> Case:
    """The case in a file.

    Raises:
        InputError: the file is absent, or no case of this version; says where.
    """
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(str(path), (error.strerror or str(error)).lower()) from error


def parse(text: bytes, where: str) -> Case:
    """The case in ``text``; InputError names ``where`` and the key."""
    try:
        return _CASE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{where}: {place}" if place else where, first["msg"]) from None


def scenario_of(case: Case, path: Path) -> Path:
    """The scenario that the case in ``path`` names: a file, or one that comes with linkemu."""
    beside = path.parent / case.scenario
    return beside if beside.exists() else catalogue.shipped().get(case.scenario, beside)


def write(path: Path, case: Case) -> None:
    """Put the case there, whole; ResourceError if the system refuses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(str(path), (error.strerror or str(error)).lower()) from error
    wholefile.put(path, (to_json(case) + "\n").encode())


def to_json(case: Case) -> str:
    """``parse`` gives back an equal case."""
    mapping = _CASE.dump_python(case, mode="json")
    first = ("format", "version")
    return json.dumps({**{key: mapping.pop(key) for key in first}, **mapping}, indent=1, allow_nan=False)


def of(
    scenario: Path, sky: str, faults: Sequence[Fault], at: Path, seed: int | None, what: str, details: str
) -> Case:
    """A case to be written at ``at``, which names its scenario from there."""
    if catalogue.resolve(scenario) == scenario:
        scenario = Path(os.path.relpath(scenario.absolute(), at.parent.absolute()))
    return Case(scenario.as_posix(), sky, tuple(faults), seed, what, details)


def describe(faults: Sequence[Fault]) -> list[dict[str, object]]:
    """Faults as JSON values."""
    values: list[dict[str, object]] = _FAULTS.dump_python(tuple(faults), mode="json")
    return values
