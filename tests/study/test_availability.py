"""Studies: sums over seconds don't hang on how they are cut or who does them, and limits are exact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import ResourceError
from linkemu.forecast import start
from linkemu.forecast.geometry import seek
from linkemu.scenario import Scenario, Sky, load
from linkemu.study import farm, spans
from linkemu.study.availability import Settings, study
from linkemu.study.watch import Task, watch

CONFIGS = Path(__file__).parents[2] / "configs"
EPOCH = datetime(2024, 5, 10, tzinfo=UTC)


def greensboro() -> Scenario:
    return load(CONFIGS / "weather-greensboro.toml")


def under(cover: float, stations: int = 1) -> Scenario:
    """Sites of Spain under a fixed cover of stratocumulus and nothing else."""
    read = load(CONFIGS / "weather-sites.toml")
    sky = Sky(cover=cover, base_m=1000.0)
    return replace(read, stations=tuple(replace(one, sky=sky) for one in read.stations[:stations]))


seconds = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 20)), max_size=10)


@given(seconds)
def test_union_holds_the_same_seconds(rows: list[tuple[int, int]]) -> None:
    parts = [np.array([[start, start + length]], dtype=np.int64) for start, length in rows if length]
    united = spans.union(parts)
    held = {second for start, length in rows for second in range(start, start + length)}
    assert spans.length(united) == len(held)
    assert np.all(united[1:, 0] > united[:-1, 1])


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_runs_stand_for_their_seconds(flags: list[bool], step: int) -> None:
    found = spans.of(np.array(flags, dtype=bool), 100, step)
    assert spans.length(found) == sum(flags) * step
    assert not flags or not flags[0] or found[0, 0] == 100


def test_seconds_add_up() -> None:
    found = study(greensboro(), EPOCH, Settings(days=20.0, jobs=1)).document()
    (pair,) = found["pairs"]
    closed_s = pair["sun_s"] + pair["blocked_s"] + pair["dim_s"]
    assert pair["visible_s"] == pair["open_s"] + closed_s
    assert 0 < pair["open_s"] < pair["visible_s"]
    assert sum(month["visible_s"] for month in found["months"]) == pair["visible_s"]
    assert found["network"][0]["open_s"] == pair["open_s"]
    assert found["zenith"] is None


def test_sight_is_the_passes_own() -> None:
    scenario = greensboro()
    passes = seek(scenario, start.choose(scenario), EPOCH, 20 * 86400.0)
    (pair,) = study(scenario, EPOCH, Settings(days=20.0, jobs=1)).document()["pairs"]
    assert pair["passes"] == len(passes)
    assert pair["visible_s"] == pytest.approx(sum(one.duration_s for one in passes), abs=len(passes))


def test_months_can_be_cut_anywhere() -> None:
    scenario = replace(greensboro(), duration_s=8 * 86400.0)

    def opened(*edges: int) -> int:
        tasks = [Task(scenario, EPOCH, 0, one, two, 1, 3.0) for one, two in pairwise(edges)]
        return sum(spans.length(sights.open) for task in tasks for sights in watch(task))

    # 34,000 s lies within a pass
    assert opened(0, 8 * 86400) == opened(0, 34_000, 5 * 86400, 8 * 86400)


def test_processes_give_what_one_gives() -> None:
    alone, many = (study(greensboro(), EPOCH, Settings(days=25.0, jobs=jobs)).document() for jobs in (1, 2))
    assert alone == many


def test_no_cloud_leaves_all_and_full_cloud_nothing() -> None:
    clear, overcast = (
        study(under(cover), EPOCH, Settings(days=5.0, jobs=1)).document() for cover in (0.0, 1.0)
    )
    (open_,), (closed,) = clear["pairs"], overcast["pairs"]
    assert open_["open_s"] == open_["visible_s"] - open_["sun_s"]
    assert (closed["open_s"], closed["availability"]) == (0, 0.0)
    assert closed["served"] == 0 < closed["passes"]


def test_more_margin_opens_more() -> None:
    scenario = replace(greensboro(), seed=2)
    shares = [
        study(scenario, EPOCH, Settings(days=10.0, margin_dB=margin, jobs=1)).document()["pairs"][0]["open_s"]
        for margin in (0.1, 3.0, 30.0)
    ]
    assert shares[0] < shares[1] <= shares[2]


def test_sites_together_see_more_than_each() -> None:
    found = study(under(0.5, stations=2), EPOCH, Settings(days=6.0, jobs=1)).document()
    (network,) = found["network"]
    assert network["stations"] == 2
    assert max(pair["open_s"] for pair in found["pairs"]) <= network["open_s"]
    assert network["open_s"] <= sum(pair["open_s"] for pair in found["pairs"])
    (both,) = found["zenith"]["pairs"]
    clear = [one["clear"] for one in found["zenith"]["stations"]]
    assert found["zenith"]["any_clear"] == pytest.approx(1.0 - both["both_blocked"])
    assert both["if_independent"] == pytest.approx((1.0 - clear[0]) * (1.0 - clear[1]), abs=1e-6)


def test_a_span_without_a_pass_has_no_share() -> None:
    (pair,) = study(greensboro(), EPOCH, Settings(days=0.01, jobs=1)).document()["pairs"]
    assert (pair["passes"], pair["visible_s"], pair["availability"]) == (0, 0, None)


def test_a_scheduler_that_is_not_there_is_told() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ResourceError, match="dask scheduler nowhere"):
        list(farm.on_dask(abs, [-1], "nowhere", None))


@pytest.mark.acceptance
def test_dask_gives_what_one_process_gives() -> None:
    pytest.importorskip("distributed")
    settings = Settings(days=25.0, jobs=1)
    by_dask = study(greensboro(), EPOCH, replace(settings, dask=farm.LOCAL, jobs=2)).document()
    assert by_dask == study(greensboro(), EPOCH, settings).document()
