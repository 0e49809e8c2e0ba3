"""Any one difference of two runs is enough, and only what both have is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from linkemu.machine import Direction
from linkemu.record import difference
from linkemu.record.difference import Difference, FigureDifference, OutageDifference, RecordDifference
from linkemu.record.played import Played
from tests.record.test_difference import written

SAME = Difference(True, ("run",), (), (), (), (), ())
FIGURE = (FigureDifference("a", "b", 1.0, 2.0),)


@pytest.mark.parametrize(
    "one",
    [
        {"sky_is_same": False},
        {"records": (RecordDifference("run", 1, None, None),)},
        {"outages": (OutageDifference(("g", "s", "up"), 1, 0.0, 1.0, "cloud"),)},
        {"edges": FIGURE},
        {"delivered": FIGURE},
        {"transfers": FIGURE},
    ],
    ids=lambda one: next(iter(one)),
)
def test_one_difference_is_enough(one) -> None:
    assert SAME.is_same
    assert not replace(SAME, **one).is_same


def test_traces_that_only_one_run_has_are_left_out(tmp_path: Path, small: Played) -> None:
    one, two = (written(tmp_path / name, small, trace=name) for name in ("alone", "run"))
    found = difference.compare(one, two)
    assert (found.compared_traces, found.is_same) == ((), True)


def test_traces_of_different_clocks_are_left_out(tmp_path: Path, small: Played) -> None:
    virtual, real = (written(tmp_path / clock, small, clock=clock) for clock in ("virtual", "real"))
    for found in (difference.compare(virtual, real), difference.compare(real, virtual)):
        assert found.compared_traces == ()


def test_outages_of_a_way_that_only_one_run_has_are_its_own(tmp_path: Path, small: Played) -> None:
    up = {key: each for key, each in small.sky.timelines.items() if key[1] is Direction.UP}
    both = written(tmp_path / "both", small)
    half = written(tmp_path / "half", replace(small, sky=replace(small.sky, timelines=up)))
    for found, run in ((difference.compare(both, half), 1), (difference.compare(half, both), 2)):
        assert found.outages
        assert {(each.run, each.way[2]) for each in found.outages} == {(run, "down")}
