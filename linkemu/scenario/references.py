"""References between the tables of a scenario: ids that must be unique or are taken, and ids that must exist.

Works on the tables as TOML gives them, before their shape is known to be right, so that one run names
every problem of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from linkemu.scenario.complaints import Problem, nearest, plain

_REFERENCES = (
    ("satellite", "terminal", "terminal"),
    ("station", "terminal", "terminal"),
    ("cloud", "station", "station"),
    ("fault", "station", "station"),
    ("fault", "satellite", "satellite"),
    ("fault", "node", "node"),
    ("fault", "door", "door"),
    ("transfer", "station", "station"),
    ("transfer", "satellite", "satellite"),
    ("door", "station", "station"),
    ("door", "satellite", "satellite"),
)

_TAKEN = ("broker", "doors", "emulator", "run", "sky")  # processes of every run, and traces of recorded ones


def check(document: Mapping[str, Any], preset_terminals: Collection[str]) -> list[Problem]:
    """Problems with ids in the tables of ``document``; presets of terminals may be named directly."""
    known = {
        kind: [row["id"] for _, row in rows(document, kind) if isinstance(row.get("id"), str)]
        for kind in ("terminal", "satellite", "station", "door")
    }
    known["node"] = [*known["station"], *known["satellite"]]
    problems = [*_duplicates(document), *_taken(document)]
    known["terminal"] += preset_terminals
    for kind, key, target in _REFERENCES:
        for place, row in rows(document, kind):
            name = row.get(key)
            if isinstance(name, str) and name not in known[target]:
                problems.append(
                    (f"{kind}[{place}].{key}", f'no {target} "{plain(name)}", {nearest(name, known[target])}')
                )
    return problems


def rows(document: Mapping[str, Any], kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The (index, table) pairs of an array of tables, as far as it is one."""
    array = document.get(kind)
    if isinstance(array, list):
        yield from ((place, row) for place, row in enumerate(array) if isinstance(row, dict))


def _duplicates(document: Mapping[str, Any]) -> Iterator[Problem]:
    """An id is unique over stations and satellites, over terminals, and over doors."""
    for kinds in (("terminal",), ("station", "satellite"), ("door",)):
        first: dict[str, str] = {}
        for kind in kinds:
            for place, row in rows(document, kind):
                name = row.get("id")
                if not isinstance(name, str):
                    continue
                if name in first:
                    yield f"{kind}[{place}].id", f'"{plain(name)}" is already the id of {first[name]}'
                first.setdefault(name, f"{kind}[{place}]")


def _taken(document: Mapping[str, Any]) -> Iterator[Problem]:
    """A node's process and its trace have the node's name, and stand beside others."""
    for kind in ("station", "satellite"):
        for place, row in rows(document, kind):
            if row.get("id") in _TAKEN:
                others = ", ".join(each for each in _TAKEN if each != row["id"])
                yield f"{kind}[{place}].id", f'"{row["id"]}" is a part of every run, as are {others}'
