"""Presets that travel with the package: terminals.toml and stations.toml, each figure with its source.

A table of a scenario with ``preset = "…"`` starts from the preset's keys and replaces those that it gives.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from linkemu.scenario.complaints import Problem, nearest
from linkemu.scenario.references import rows

Rows = dict[str, dict[str, Any]]
FILES = ("terminals.toml", "stations.toml")


@dataclass(frozen=True, slots=True)
class Presets:
    """The tables of both kinds, and the texts that they were read from, by file name."""

    terminals: Rows
    stations: Rows
    texts: dict[str, str]

    @classmethod
    def of(cls, texts: dict[str, str]) -> Presets:
        """Of the texts of FILES. ValueError or KeyError if they aren't such files."""
        terminals, stations = (_rows(texts[name], name.removesuffix("s.toml")) for name in FILES)
        return cls(terminals, stations, texts)


@cache
def shipped() -> Presets:
    """Those that travel with the package."""
    return Presets.of({name: files("linkemu.scenario").joinpath(name).read_text("utf-8") for name in FILES})


def terminals() -> Rows:
    """Tables of the preset terminals by id, as written in the file."""
    return shipped().terminals


def stations() -> Rows:
    """Tables of the preset stations by id, as written in the file."""
    return shipped().stations


def apply(document: dict[str, Any], presets: Presets) -> tuple[dict[str, Any], list[Problem]]:
    """The document with presets filled in, and the problems of tables that name an unknown one."""
    filled = dict(document)
    problems: list[Problem] = []
    for kind, known in (("terminal", presets.terminals), ("station", presets.stations)):
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


def _rows(text: str, kind: str) -> Rows:
    return {row["id"]: row for row in tomllib.loads(text)[kind]}
