"""The weather of a station from what a scenario says: a fixed state, or files with their warnings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linkemu.errors import InputError
from linkemu.forecast import skies
from linkemu.scenario.model import Scenario, Sky
from linkemu.weather.genera import Genus
from linkemu.weather.report import HIGH, LOW, MIDDLE, OBSCURED, Report

Make = Callable[..., Scenario]
METAR = "KXYZ 101800Z 00000KT 3SM BR SKC 10/05 A2992\nKXYZ 101900Z 00000KT //// SKC 10/05 A2992\n"


def state(scenario: Make, **sky: object) -> Report:
    made = scenario()
    station = replace(made.stations[0], sky=Sky(**sky))  # type: ignore[arg-type]
    begin = datetime(2024, 5, 10, 18, tzinfo=UTC)
    (report,) = skies.history(station, begin, begin + timedelta(hours=1), 7).reports
    return report


def test_a_clear_state_holds_nothing(scenario: Make) -> None:
    report = state(scenario)
    assert report.decks == (None, None, None, None)
    assert (report.visibility_m, report.rain_mmph, report.snow_mmph, report.fog_top_m) == (
        23_000.0,
        0.0,
        0.0,
        None,
    )


def test_each_figure_of_a_state_has_its_place(scenario: Make) -> None:
    report = state(scenario, cover=0.5, cirrus=0.25, visibility_m=900.0, rain_mmph=3.0, snow_mmph=2.0)
    assert report.decks is not None
    assert report.decks[OBSCURED] is None and report.decks[MIDDLE] is None
    low, high = report.decks[LOW], report.decks[HIGH]
    assert low is not None and high is not None
    assert (low.cover, low.genus, low.base_m) == (0.5, Genus.STRATOCUMULUS, 128.0 + 1000.0)
    assert (high.cover, high.genus) == (0.25, Genus.CIRRUS)
    assert (report.visibility_m, report.rain_mmph, report.snow_mmph) == (900.0, 3.0, 2.0)
    assert report.fog_top_m == 128.0 + 250.0
    assert state(scenario, visibility_m=1000.0).fog_top_m is None


@pytest.mark.parametrize("genus", ["altocumulus", "altostratus"])
def test_a_base_is_above_the_sea_and_middle_cloud_in_the_middle(scenario: Make, genus: str) -> None:
    decks = state(scenario, cover=1.0, genus=genus, base_m=3500.0).decks
    assert decks is not None
    assert decks[LOW] is None
    deck = decks[MIDDLE]
    assert deck is not None
    assert (deck.base_m, deck.genus) == (3500.0, Genus[genus.upper()])


def test_reports_that_miss_the_scenario_or_a_figure_are_warned_of(scenario: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.metar"
    path.write_text(METAR)
    made = scenario()
    station = replace(made.stations[0], sky=Sky(source="metar", path=path))

    def warned(begin: datetime) -> list[str]:
        given = replace(made, stations=(station,), start=begin, duration_s=3600.0)
        return skies.warnings(given, skies.skies(given, begin))

    first = datetime(2024, 5, 10, 18, tzinfo=UTC)
    missing = "koganei: weather: visibility missing: the one before stands"
    outside = "koganei: the reports of its weather don't reach over the scenario"
    assert warned(first) == [missing]
    assert warned(first - timedelta(hours=2)) == warned(first + timedelta(hours=2)) == [missing]
    assert warned(first - timedelta(hours=2, seconds=1)) == [outside, missing]
    assert warned(first + timedelta(hours=2, seconds=1)) == [outside, missing]


def test_a_file_that_is_gone_or_no_text_is_bad_input(scenario: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.taf"
    station = replace(scenario().stations[0], sky=Sky(source="taf", path=path))
    begin = datetime(2024, 5, 10, 18, tzinfo=UTC)
    for content, problem in ((None, "No such file"), (b"TAF \xff", r"not UTF-8 text \(byte 4\)")):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=problem):
            skies.history(station, begin, begin + timedelta(hours=1), 7)
