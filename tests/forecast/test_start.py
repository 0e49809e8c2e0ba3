"""Where a scenario of the next pass begins, and when elements count as old. Nothing is compiled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from linkemu.errors import InputError
from linkemu.forecast import start
from linkemu.forecast.geometry import pairs, seek
from linkemu.orbit.element_set import Elements
from linkemu.scenario import load
from linkemu.scenario.model import Satellite, Scenario
from tests.forecast.conftest import CULMINATION, ORBITER, whole
from tests.one_pass import ROOT

DAY = timedelta(days=1)
TWO = (Satellite("iss", "ISS (ZARYA)", None, ORBITER), Satellite("css", "CSS (TIANHE)", None, ORBITER))


def next_pass(*epochs: datetime, **changes: object) -> tuple[Scenario, list[Elements]]:
    """A scenario of the next pass, its elements as if made at these times."""
    scenario = whole(start="next-pass", satellites=TWO[: len(epochs)], **changes)
    chosen = start.choose(scenario)
    return scenario, [replace(one, epoch=epoch) for one, epoch in zip(chosen, epochs, strict=True)]


@pytest.mark.parametrize("ages", [(0, 3), (3, 0)])
def test_it_begins_before_the_first_rise_of_any_after_the_newest_elements(ages: tuple[int, int]) -> None:
    newest = datetime(2024, 5, 9, 20, 0, 0, 700_000, tzinfo=UTC)
    scenario, chosen = next_pass(*(newest - age * DAY for age in ages))
    begin = start.epoch(scenario, chosen)
    rises = [one for one in seek(scenario, chosen, newest, 86_400.0) if one.rises]
    assert {one.satellite for one in rises} == {"iss", "css"}
    lead_s = [one.aos_s - (begin - newest).total_seconds() for one in rises]
    assert 30.0 <= min(lead_s) < 31.0
    assert begin.microsecond == 0


def test_each_pair_has_the_passes_of_its_own() -> None:
    (koganei,) = whole().stations
    south = replace(koganei, id="south", latitude_deg=-35.0, longitude_deg=150.0)
    made = whole(satellites=TWO, stations=(koganei, south), duration_s=6 * 3600.0)
    found = pairs(made, start.choose(made), CULMINATION)
    assert [(one.number, *one.names) for one in found] == [
        (0, "koganei", "iss"),
        (1, "koganei", "css"),
        (2, "south", "iss"),
        (3, "south", "css"),
    ]
    assert [len(one.passes) for one in found][:3] == [len(one.views) for one in found][:3] != [0, 0, 0]
    for one in found:
        assert {(each.station, each.satellite) for each in one.passes} <= {one.names}
        for view in one.views:
            inside = (view.t_s > view.aos_s + 1.0) & (view.t_s < view.los_s - 1.0)
            assert np.all(np.degrees(view.elevation_rad[inside]) > 9.5)  # above the mask of 10 degrees


def test_a_pass_under_way_is_not_the_next_one() -> None:
    scenario, chosen = next_pass(CULMINATION)
    begin = start.epoch(scenario, chosen)
    (first, *_) = seek(scenario, chosen, begin, 600.0)
    assert timedelta(hours=1) < begin - CULMINATION < DAY
    assert first.rises and 30.0 <= first.aos_s < 31.0


def test_what_never_sets_is_not_waited_for() -> None:
    relay = replace(load(ROOT / "configs" / "missions" / "lcrd.toml"), start="next-pass")
    (one,) = start.choose(relay)
    made = one.epoch + timedelta(microseconds=250_000)
    assert start.epoch(relay, [replace(one, epoch=made)]) == one.epoch


def test_a_station_that_sees_nothing_in_ten_days_is_told() -> None:
    scenario, chosen = next_pass(CULMINATION)
    (station,) = scenario.stations
    pole = replace(scenario, stations=(replace(station, latitude_deg=-89.0),))
    said = r"test.toml: start: next-pass: .* within 10 days of 2024-05-10 18:51 UTC"
    with pytest.raises(InputError, match=said):
        start.epoch(pole, chosen)


@pytest.mark.parametrize(
    ("days", "side"),
    [(2.8, None), (-2.8, None), (3.2, "before"), (-3.2, "after")],
)
def test_elements_are_old_by_the_middle_of_the_scenario(days: float, side: str | None) -> None:
    scenario, chosen = next_pass(CULMINATION, duration_s=86_400.0)
    told = start.warnings(scenario, chosen, CULMINATION + (days - 0.5) * DAY)
    said = "the elements of iss are 3.2 days from the scenario (epoch 2024-05-10 18:51 UTC, {} it)"
    assert len(told) == (side is not None)
    assert side is None or told[0].startswith(said.format(side))
