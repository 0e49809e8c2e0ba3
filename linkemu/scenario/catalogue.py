"""Scenarios that travel with linkemu, by name; and the catalogue of outages among them, each of whose files
tells in its opening comments what it breaks.

A file of the catalogue opens with four entries in this order, and nothing else, up to its first empty line::

    # Title: Loss of signal in the middle of a chunk
    # Breaks: clients that take the end of a pass for the end of a file,
    #   and more of it on lines that begin with three spaces
    # Seen: https://github.com/owner/name/issues/1 (what happened there)
    # Holds: what must be true at the end of a run

``Seen`` may stand several times. Only comments are read here; the rest is for ``linkemu.scenario.load``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from linkemu.errors import ScenarioError
from linkemu.scenario.complaints import nearest, plain

_ORDER = ("Title", "Breaks", "Seen", "Holds")
_ENTRY = re.compile(r"# (Title|Breaks|Seen|Holds): (\S.*)")
_MORE = re.compile(r"#   (\S.*)")
_SEEN = re.compile(r"(https://[\w./#-]+) \((.+)\)")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Seen:
    """Where it happened: an address, and what happened there in a few words."""

    url: str
    what: str


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario of the catalogue; its name is that of its file."""

    name: str
    path: Path
    title: str
    breaks: str
    seen: tuple[Seen, ...]
    holds: str


def configs() -> Path:
    """configs, of the installed package or of the checkout that it is run from."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def folder() -> Path:
    """Where the catalogue is."""
    return configs() / "scenarios"


def cases() -> tuple[Case, ...]:
    """The catalogue by name. ScenarioError if a file of it opens otherwise than told above."""
    return tuple(parse(path.read_text("utf-8"), path) for path in sorted(folder().glob("*.toml")))


def case(name: str) -> Case:
    """One of them. ScenarioError if there is none of this name."""
    path = folder() / f"{name}.toml"
    if not _NAME.fullmatch(name) or not path.is_file():
        names = [each.stem for each in folder().glob("*.toml")]
        raise ScenarioError(name, [("", f"no such scenario in the catalogue, {nearest(name, names)}")])
    return parse(path.read_text("utf-8"), path)


def shipped() -> dict[str, Path]:
    """Every scenario that travels along, by name: the catalogue, the examples and the missions."""
    places = (configs(), configs() / "missions", folder())
    return {path.stem: path for place in places for path in sorted(place.glob("*.toml"))}


def resolve(path: Path) -> Path:
    """The path itself or, where no such file is, that of the scenario of this name that travels along.

    Raises:
        ScenarioError: a bare name that is neither.
    """
    if path.exists() or path.suffix or len(path.parts) != 1:
        return path
    known = shipped()
    if str(path) not in known:
        problem = f"no such file, nor a scenario that comes with linkemu, {nearest(str(path), known)}"
        raise ScenarioError(str(path), [("", problem)])
    return known[str(path)]


def parse(text: str, path: Path) -> Case:
    """What the opening comments of a file tell; ``path`` gives the name. ScenarioError with the line."""
    entries = _entries(text, path)
    kinds = [kind for kind, _, _ in entries]
    if list(dict.fromkeys(kinds)) != list(_ORDER) or len(kinds) - kinds.count("Seen") != 3:
        raise _wrong(path, 1, "a case opens with Title, Breaks, Seen (one or more) and Holds, in this order")
    told = {kind: words for kind, _, words in entries}
    seen = tuple(_seen(words, path, line) for kind, line, words in entries if kind == "Seen")
    return Case(path.stem, path, told["Title"], told["Breaks"], seen, told["Holds"])


def _entries(text: str, path: Path) -> list[tuple[str, int, str]]:
    """(kind, line, words) of each entry before the first empty line."""
    entries: list[tuple[str, int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            break
        if entry := _ENTRY.fullmatch(line):
            entries.append((entry[1], number, entry[2].rstrip()))
        elif entries and (more := _MORE.fullmatch(line)):
            kind, first, words = entries[-1]
            entries[-1] = (kind, first, f"{words} {more[1].rstrip()}")
        else:
            raise _wrong(path, number, f"{plain(line)!r} is no entry of a case, nor more of one")
    return entries


def _seen(words: str, path: Path, line: int) -> Seen:
    found = _SEEN.fullmatch(words)
    if found is None:
        raise _wrong(path, line, "Seen is an https address and, in brackets, what happened there")
    return Seen(found[1], found[2])


def _wrong(path: Path, line: int, problem: str) -> ScenarioError:
    return ScenarioError(str(path), [(f"line {line}", problem)])
