"""Presets that travel with the package: terminals.toml and stations.toml, each figure with its source.

A table of a scenario with ``preset = "…"`` starts from the preset's keys and replaces those that it gives.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from linkemu.scenario.complaints import Problem, nearest
from linkemu.scenario.references import rows

Rows = dict[str, dict[str, Any]]


@cache
def terminals() -> Rows:
    """Tables of the preset terminals by id, as written in the file."""
    return _read("terminal")


@cache
def stations() -> Rows:
    """Tables of the preset stations by id, as written in the file."""
    return _read("station")


def apply(document: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The document with presets filled in, and the problems of tables that name an unknown one."""
    filled = dict(document)
    problems: list[Problem] = []
    for kind, known in (("terminal", terminals()), ("station", stations())):
        for place, row in rows(document, kind):
            name = row.get("preset")
            if not isinstance(name, str):
                continue
            if name not in known:
                problems.append(
                    (f"{kind}[{place}].preset", f'no preset "{name[:60]}", {nearest(name, known)}')
                )
                continue
            if filled[kind] is document[kind]:
                filled[kind] = list(document[kind])
            filled[kind][place] = known[name] | row
    return filled, problems


def _read(kind: str) -> Rows:
    text = files("linkemu.scenario").joinpath(f"{kind}s.toml").read_text("utf-8")
    return {row["id"]: row for row in tomllib.loads(text)[kind]}
