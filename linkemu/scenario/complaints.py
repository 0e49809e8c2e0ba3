"""What is wrong with a file, told to a person: pydantic's errors as (dotted path, problem) in our words.

A path reads as in the file: ``station[0].mask`` is the key mask of the first [[station]].
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from linkemu.scenario.quantities import Quantity

Problem = tuple[str, str]


def complaints(error: ValidationError, model: type[BaseModel], above: str = "") -> list[Problem]:
    """Every problem of a validation, in the order of the file's keys; ``above`` is put before each path."""
    found = error.errors(include_url=False, include_context=True)
    return [(dotted(detail["loc"], above), _problem(detail, model)) for detail in found]


def dotted(place: Sequence[str | int], above: str = "") -> str:
    """("station", 0, "mask") as station[0].mask."""
    path = above
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{plain(step)}" if path else plain(step)
    return path


def nearest(word: str, known: Iterable[str]) -> str:
    """What to say after an unknown word: the close match, or all that is known."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(names)}" if names else "none is defined"


def plain(key: str) -> str:
    shown = key if key.isprintable() else repr(key)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> str:
    place = detail["loc"]
    match detail["type"]:
        case "missing":
            return f"is missing{_expected(str(place[-1]), _field(model, place))}"
        case "extra_forbidden":
            table = _table(model, place[:-1])
            return f"unknown key, {nearest(str(place[-1]), table.model_fields)}"
        case "model_type" | "dict_type":
            return "expected a table"
        case "list_type":
            return "expected a list" if place[-1] in ("elements", "modes") else "expected an array of tables"
        case "too_short":
            return "expected at least one"
        case "wrong":
            return detail["msg"]
        case _:
            text = detail["msg"].replace("Input should be", "expected")
            return text.replace("a valid integer", "an integer").replace("a valid ", "a ")


def _expected(key: str, field: FieldInfo | None) -> str:
    if field is None:
        return ""
    for kind in field.metadata:
        if isinstance(kind, Quantity):
            return f", expected {kind.expectation}"
    if any(_is_model(kind) for kind in get_args(field.annotation)):
        return f", expected a table [[{key}]]"
    return ', expected a list of files such as ["elements/stations.tle"]' if key == "elements" else ""


def _field(model: type[BaseModel], place: Sequence[str | int]) -> FieldInfo | None:
    return _table(model, place[:-1]).model_fields.get(str(place[-1]))


def _table(model: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel]:
    """The model of the table at ``place``."""
    for step in place:
        if isinstance(step, str):
            model = _model_in(model.model_fields[step].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel]:
    found = next(kind for kind in (annotation, *get_args(annotation)) if _is_model(kind))
    return found  # type: ignore[no-any-return]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
