"""Overrides by their names: what stands, what has ended, what is told, and what may be asked at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from linkemu.access.exec_desk import Links
from linkemu.access.overrides import Overrides
from linkemu.errors import AbsentError, InputError
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

S = 10**9
ROW = {"station": "a", "satellite": "s", "direction": "up", "rate_cap_bps": 0}


class Scene(Links):
    """A link that nobody carries, and the overrides on it."""

    def __init__(self) -> None:
        sky = Sky.of(*(constant("a", "s", way, 10**6, 0.005, 1000.0) for way in Direction))
        super().__init__(sky, 0, {}, lambda: 0, dict)
        self.lit_anew: list[set[int]] = []
        self.overrides = Overrides(self)

    def relit(self, links: Iterable[int]) -> None:
        self.lit_anew.append(set(links))

    def change(self, *rows: dict[str, Any], lift: Iterable[str] = (), now_ns: int = 0) -> list[str]:
        """The names of what was imposed."""
        changed = self.overrides.change([{**ROW, **row} for row in rows], list(lift), now_ns)
        return [overlay.name for _, overlay in changed.imposed]

    def edges(self, since_s: float, now_s: float) -> list[tuple[str, str, float]]:
        told = self.overrides.edges(round(since_s * S), round(now_s * S))
        return [(each["name"], each["what"], each["at_s"]) for each in told]


def test_names_are_given_or_taken_and_no_two_are_the_same() -> None:
    scene = Scene()
    assert scene.change({}, {"name": "override-2"}, {}) == ["override-1", "override-2", "override-3"]
    for rows in ([{"name": "override-2"}], [{"name": "new"}, {"name": "new"}]):
        with pytest.raises(InputError, match="is taken"):
            scene.change(*rows)
    assert scene.overrides.names(0) == ["override-1", "override-2", "override-3"]
    assert scene.lit_anew == [{0}], "a batch that was refused changes nothing"


def test_what_is_lifted_must_stand_and_gives_its_name_to_what_comes_instead() -> None:
    scene = Scene()
    with pytest.raises(AbsentError, match="no override of this name"):
        scene.change(lift=["a"])
    scene.change({"name": "a"})
    assert scene.change({"name": "a", "rate_cap_bps": 5}, lift=["a"], now_ns=S) == ["a"]
    assert scene.standings[0, Direction.UP].rate_bps(2 * S) == 5


def test_an_edge_is_told_once_and_for_a_minute_after_the_end() -> None:
    scene = Scene()
    scene.change({"name": "a", "start_s": 1.0, "duration_s": 1.0})
    assert scene.overrides.next_edge(0) == S
    assert scene.overrides.next_edge(S) == 2 * S
    assert scene.edges(0.0, 1.0) == [("a", "begins", 1.0)]
    assert scene.edges(1.0, 2.0) == [("a", "ends", 2.0)]
    scene.change({"name": "b", "start_s": 100.0}, now_ns=3 * S)
    assert scene.edges(1.0, 3.0) == [("a", "ends", 2.0)], "told though something else has changed"
    scene.change({"name": "c", "start_s": 100.0}, now_ns=63 * S)
    assert scene.edges(1.0, 63.0) == []


def test_what_was_lifted_before_it_began_stands_no_more() -> None:
    scene = Scene()
    scene.change({"name": "a", "start_s": 100.0})
    scene.change(lift=["a"], now_ns=S)
    assert scene.overrides.names(2 * S) == []
    assert scene.standings[0, Direction.UP].rate_bps(101 * S) == 10**6
