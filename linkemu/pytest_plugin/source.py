"""What a marker says, as something that can be played: a scenario, a sky file, a recorded run, or figures.

    @pytest.mark.linkemu("demo", start="light-1 s", length="20 s")
    @pytest.mark.linkemu("recorded/that-day")
    @pytest.mark.linkemu(rate="20 Mbit/s", delay="5 ms", passes=[("0 s", "2 s"), ("6 s", "30 s")])

Compiled scenarios are kept for the process's life, as many tests share one. All errors are InputErrors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from linkemu import scenario as scenarios
from linkemu.access.settings import Anchor, choose_link
from linkemu.errors import InputError
from linkemu.link import reshape
from linkemu.link.timeline import Sky
from linkemu.pytest_plugin import figures, moments
from linkemu.record import opening
from linkemu.record.played import Played
from linkemu.scenario import catalogue

_KEYS = ("source", "toml", "start", "length", "link", "anchor", "seed")
_ANCHORS: tuple[Anchor, ...] = ("first-byte", "listen")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A sky to play, over which of its links, and from which scenario time on."""

    played: Played
    name: str
    link: int
    start_s: float
    anchor: Anchor

    @property
    def seed(self) -> int | None:
        """That the sky was compiled with; None of one that knows no chance, or doesn't tell."""
        if self.played.scenario is not None:
            return self.played.scenario.seed
        told = self.played.sky.header.get("seed")
        return told if isinstance(told, int) else None


def find(told: Mapping[str, Any], beside: Sequence[Path], again: Path | None = None) -> Found:
    """What the marker's words say; files are looked for in ``beside``. ``again``: this recorded run."""
    words = dict(told)
    drawn = {key: words.pop(key) for key in list(words) if key in figures.KEYS}
    for key in words:
        if key not in _KEYS:
            raise InputError(f"marker linkemu: {key}", f"unknown, expected of {', '.join(_KEYS)}")
    given = [key for key in ("source", "toml") if key in words] + ["figures"] * bool(drawn)
    if len(given) != 1:
        raise InputError("marker linkemu", "expected one of: a source, toml=, figures such as rate=")
    anchor = words.get("anchor", _ANCHORS[0])
    if anchor not in _ANCHORS:
        raise InputError("marker linkemu: anchor", f"{anchor!r} is not one of {', '.join(_ANCHORS)}")
    if again is not None:
        return _again(opening.load(again), words)
    if drawn:
        return _part(Played(figures.sky(**drawn)), "figures", anchor, words)
    changes = {"seed": words["seed"]} if "seed" in words else {}
    if "toml" in words:
        inline = scenarios.loads(words["toml"], beside[0] / "inline.toml", changes)
        return _part(_compiled(inline, changes), inline.name, anchor, words)
    played, name = _of(words["source"], beside, changes)
    return _part(played, name, anchor, words)


def _of(source: object, beside: Sequence[Path], changes: Mapping[str, Any]) -> tuple[Played, str]:
    if isinstance(source, Sky):
        return Played(source), "a sky"
    path = _path(str(source), beside)
    if path.is_dir():
        return opening.load(path).played, path.name
    if path.suffix != ".toml":
        return Played(Sky.load(path)), path.name
    stamp = path.stat().st_mtime_ns
    return _of_file(path, stamp, tuple(sorted(changes.items()))), path.stem


def _path(source: str, beside: Sequence[Path]) -> Path:
    """A path beside the test or from the root, else the name of a scenario that comes with linkemu."""
    found = next((room / source for room in beside if (room / source).exists()), None)
    found = found or catalogue.shipped().get(source)
    if found is None:
        raise InputError(f"marker linkemu: {source}", "is no file, recorded run or scenario of linkemu's")
    return found


@lru_cache(maxsize=32)
def _of_file(path: Path, stamp: int, changes: tuple[tuple[str, Any], ...]) -> Played:
    return _compiled(scenarios.load(path, dict(changes)), dict(changes))


def _compiled(scenario: scenarios.Scenario, changes: Mapping[str, Any]) -> Played:
    from linkemu.forecast import forecast

    compiled = forecast(scenario)
    return Played(compiled.sky, scenario, compiled.epoch, compiled.plans, changes=changes)


def _part(played: Played, name: str, anchor: Anchor, words: Mapping[str, Any]) -> Found:
    """From ``start`` on and no longer than ``length``; times stay those of the whole."""
    link = _link(played.sky, words.get("link"))
    line = moments.Line(played.sky, link)
    start_s = line.at(words.get("start", 0.0), 0.0)
    if "length" in words:
        stop_ns = round((start_s + moments.duration_s(words["length"], "length")) * 1e9)
        played = replace(played, sky=reshape.crop(played.sky, 0, stop_ns))
    return Found(played, name, link, start_s, anchor)


def _again(record: opening.Record, words: Mapping[str, Any]) -> Found:
    """A test's own record, without the faults that it imposed: the test will impose them again."""
    told = record.document("doors") or {}
    played = replace(record.played, faults=())
    link = _link(played.sky, words.get("link"))
    return Found(
        played, record.directory.name, link, told.get("start_s", 0.0), told.get("anchor", _ANCHORS[0])
    )


def _link(sky: Sky, name: str | None) -> int:
    """The number of "STATION:SATELLITE", by default of the first link."""
    return 0 if name is None and sky.links else choose_link(sky, name)
