"""The door: text of a TOML file in, Scenario out, or ScenarioError with every problem of the file.

Nothing behind this door checks a scenario again.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from linkemu.errors import ScenarioError
from linkemu.scenario import build, catalogue, presets, references
from linkemu.scenario.complaints import complaints
from linkemu.scenario.model import Scenario
from linkemu.scenario.shape import ScenarioFile


def load(path: Path | str) -> Scenario:
    """Read and check a scenario file, or the case of the catalogue that a bare name stands for.

    Raises:
        ScenarioError: it can't be read, or is wrong.
    """
    path = catalogue.resolve(Path(path))
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ScenarioError(str(path), [("", error.strerror or str(error))]) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(str(path), [("", f"is not UTF-8 text (byte {error.start})")]) from error
    return loads(text, path)


def loads(text: str, path: Path | str) -> Scenario:
    """Check the text of a scenario; ``path`` names it in errors, and its files are found beside it."""
    path = Path(path)
    document, problems = presets.apply(_parse(text, path))
    try:
        file = ScenarioFile.model_validate(document, context={"folder": path.parent})
    except ValidationError as error:
        problems += complaints(error, ScenarioFile)
    else:
        problems += build.late_problems(file)
    problems += references.check(document, presets.terminals())
    if problems:
        raise ScenarioError(str(path), problems)
    return build.scenario(file, path, text)


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and Python's refusal of integers beyond 4300 digits
        raise ScenarioError(str(path), [("", f"is not TOML: {error}")]) from error
    except RecursionError as error:
        raise ScenarioError(str(path), [("", "is not TOML: nested too deeply")]) from error
