"""The door: text of a TOML file in, Scenario out, or ScenarioError with every problem of the file.

Nothing behind this door checks a scenario again. A scenario that was kept (a recorded run) brings its own
presets and files; a changed one says what stands instead of its text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from linkemu.errors import ScenarioError
from linkemu.scenario import build, catalogue, presets, references
from linkemu.scenario.complaints import Problem, complaints
from linkemu.scenario.model import Scenario
from linkemu.scenario.presets import Presets
from linkemu.scenario.shape import ScenarioFile

Changes = Mapping[str, Any]
"""Values of top-level keys, as TOML would give them. ``weather`` then holds for each station too."""

_ZIP = b"PK\x03\x04"  # how the file of a compiled sky begins (docs/timeline-format.md)


def load(path: Path | str, changes: Changes | None = None) -> Scenario:
    """Read and check a scenario file, or that which comes with linkemu under a bare name.

    Raises:
        ScenarioError: it can't be read, or is wrong.
    """
    path = catalogue.resolve(Path(path))
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except IsADirectoryError as error:
        problem = "is a directory, expected a scenario file (linkemu replay plays a recorded run)"
        raise ScenarioError(str(path), [("", problem)]) from error
    except OSError as error:
        raise ScenarioError(str(path), [("", error.strerror or str(error))]) from error
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text (byte {error.start})"
        if raw.startswith(_ZIP):
            problem += "; a compiled sky is for linkemu proxy, exec and export"
        raise ScenarioError(str(path), [("", problem)]) from error
    return loads(text, path, changes)


def loads(
    text: str,
    path: Path | str,
    changes: Changes | None = None,
    *,
    kept: Presets | None = None,
    files: Mapping[str, Path] | None = None,
) -> Scenario:
    """Check the text of a scenario; ``path`` names it in errors, and its files are found beside it.

    Args:
        changes: what stands instead of the text's own keys.
        kept: the presets to fill in, by default those of this package.
        files: where the files that the scenario names lie, if not beside it.
    """
    path, known = Path(path), kept or presets.shipped()
    file, problems = _validated(text, path, changes or {}, known, {"files": files})
    if problems or file is None:
        raise ScenarioError(str(path), problems)
    return build.scenario(file, path, text, known.terminals)


def files_of(scenario: Scenario, changes: Changes | None = None) -> dict[str, Path]:
    """Every file that a scenario names, by the name that it uses: what must be kept with it."""
    found: dict[str, Path] = {}
    _validated(scenario.text, scenario.path, changes or {}, presets.shipped(), {"found": found})
    return found


def _validated(
    text: str, path: Path, changes: Changes, known: Presets, context: dict[str, Any]
) -> tuple[ScenarioFile | None, list[Problem]]:
    """The tables if their shape is right, and every problem."""
    document, problems = presets.apply(_changed(_parse(text, path), changes), known)
    file = None
    try:
        file = ScenarioFile.model_validate(document, context={"folder": path.parent, **context})
    except ValidationError as error:
        problems += complaints(error, ScenarioFile)
    else:
        problems += build.late_problems(file)
    return file, problems + references.check(document, known.terminals)


def _changed(document: dict[str, Any], changes: Changes) -> dict[str, Any]:
    changed = document | dict(changes)
    if "weather" in changes:
        changed["station"] = [
            {key: value for key, value in row.items() if key != "weather"} if isinstance(row, dict) else row
            for row in document.get("station", [])
        ]
    return changed


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and Python's refusal of integers beyond 4300 digits
        raise ScenarioError(str(path), [("", f"is not TOML: {error}")]) from error
    except RecursionError as error:
        raise ScenarioError(str(path), [("", "is not TOML: nested too deeply")]) from error
