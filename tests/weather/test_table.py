"""Hourly tables: a real TMY3 year with its published figures, Open-Meteo's columns, and anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.weather import table
from linkemu.weather.report import HIGH, LOW, MIDDLE, Report, seconds
from linkemu.weather.spells import Spells, transitions
from linkemu.weather.station import Weather

GREENSBORO = (Path(__file__).parents[2] / "configs" / "weather" / "greensboro.tmy3.csv").read_text()
YEAR = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def greensboro() -> table.Table:
    return table.read(GREENSBORO, "greensboro")


def opaque(one: Report) -> float:
    """Tenths of opaque cover of an hour."""
    assert one.decks is not None
    found = one.decks[LOW] or one.decks[MIDDLE]
    return round(10.0 * found.cover, 9) if found else 0.0


def test_the_year_has_its_published_cover(
    greensboro: table.Table, holds: Callable[[str, str, float], None]
) -> None:
    tenths = np.array([opaque(one) for one in greensboro.reports])
    assert len(tenths) == 8760
    holds("KGSO-TMY3-OPAQUE", "frac_opq0", float(np.mean(tenths == 0.0)))
    holds("KGSO-TMY3-OPAQUE", "mean_opq", float(np.mean(tenths)))
    gathers, clears = transitions(tenths >= 5.0)
    holds("KGSO-TMY3-OPAQUE", "p01", gathers)
    holds("KGSO-TMY3-OPAQUE", "p10", clears)


def test_a_chain_in_continuous_time(holds: Callable[[str, str, float], None]) -> None:
    chain = Spells(600.0, 1200.0)
    holds("CTMC-OCCUPANCY", "P_cloud", chain.cover)
    for name, value in zip(("P01", "P10"), chain.step(60.0), strict=True):
        holds("CTMC-OCCUPANCY", name, value)


def test_a_year_driven_by_it_reproduces_its_cover(greensboro: table.Table) -> None:
    """Seen at the zenith every ten minutes: cloud within 5 % of the table's mean, months within a tenth."""
    history = greensboro.history(*YEAR)
    t_s = np.arange(0.0, 365 * 86400.0, 600.0)
    state = Weather("greensboro", 273.0, YEAR[0], history, 1).along(t_s, 0.0 * t_s, 0.0 * t_s + np.pi / 2.0)
    hours = history.time_s
    inside = (hours >= seconds(YEAR[0])) & (hours < seconds(YEAR[1]))
    cover = 1.0 - np.prod([1.0 - history.deck(deck, hours[inside]).cover for deck in (LOW, MIDDLE)], axis=0)
    assert np.mean(cover) == pytest.approx(0.481, abs=0.002)
    assert np.mean(state.blocked) == pytest.approx(np.mean(cover), rel=0.05)
    seen, told = (
        np.array([part.mean() for part in np.array_split(each, 12)]) for each in (state.blocked, cover)
    )
    assert np.max(np.abs(seen - told)) < 0.1


def test_local_standard_time_ends_its_hours(greensboro: table.Table) -> None:
    first = greensboro.reports[0]
    assert first.time_s == seconds(datetime(2001, 1, 1, 6, tzinfo=UTC))  # 01:00 at five hours west
    assert greensboro.ground_m == 273.0
    assert first.decks is not None
    assert first.decks[LOW] is not None
    assert first.decks[LOW].base_m == 273.0 + 1370.0
    assert first.visibility_m == 16100.0


def test_a_typical_year_serves_every_year(greensboro: table.Table) -> None:
    leap = greensboro.history(datetime(2024, 2, 27, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))
    assert np.max(np.diff(leap.time_s)) == pytest.approx(3600.0)
    assert leap.covers(
        seconds(datetime(2024, 2, 27, tzinfo=UTC)), seconds(datetime(2024, 3, 2, tzinfo=UTC)), 0.0
    )
    across = greensboro.history(datetime(2022, 12, 31, tzinfo=UTC), datetime(2023, 1, 2, tzinfo=UTC))
    assert np.max(np.diff(across.time_s)) == pytest.approx(3600.0)


def test_a_typical_year_of_which_hardly_an_hour_is_told_serves_at_any_date() -> None:
    only = table.read(f"{HEADING}\n01/01/1988,01:00,8,8,16000,1000,00\n", "x")
    july = (datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 7, 2, tzinfo=UTC))
    assert only.history(*july).deck(LOW, np.array([seconds(july[0])])).cover.tolist() == [0.8]


_COLUMNS = (
    "time,cloud_cover_low (%),cloud_cover_mid (%),cloud_cover_high (%),visibility (m),"
    "rain (mm),snowfall (cm),weather_code (wmo code)"
)
METEO = f"""latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation
52.52,13.419,38.0,7200,Europe/Berlin,CEST

{_COLUMNS}
2024-05-10T02:00,25,0,60,61000.00,0.00,0.00,1
2024-05-10T03:00,100,40,,800.00,0.30,0.00,45
2024-05-10T04:00,,40,0,,,,
"""


def test_open_meteo() -> None:
    found = table.read(METEO, "x")
    first, second, third = found.reports
    assert (found.ground_m, found.typical) == (38.0, False)
    assert first.time_s == seconds(datetime(2024, 5, 10, tzinfo=UTC))
    assert first.decks is not None
    assert [deck and (round(deck.cover, 6), deck.base_m) for deck in first.decks] == [
        None,
        (0.25, 1038.0),
        None,
        (0.6, 9038.0),
    ]
    assert first.visibility_m == 24_100.0  # what a forecast calls 61 km
    assert (second.rain_mmph, second.fog_top_m, second.visibility_m) == (0.3, 288.0, 800.0)
    assert "an hour without cloud_cover_high: no such cloud assumed" in second.notes
    assert (third.decks, third.visibility_m) == (None, None)
    history = found.history(*YEAR)
    assert history.deck(LOW, history.time_s).cover.tolist() == [0.25, 1.0, 1.0]
    assert history.deck(HIGH, history.time_s).cover.tolist() == [0.6, 0.0, 0.0]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("visibility (m)", "visibility (km)", "visibility is in km, expected m"),
        ("cloud_cover_low (%)", "cloud_cover (%)", "no column cloud_cover_low"),
        (",25,", ",125,", "x:5: cloud_cover_low: 125 is not from 0 to 100"),
        (",25,", ",much,", 'x:5: cloud_cover_low: "much" is not a number'),
        (",25,", ",", "x:5: has 7 cells, expected 8"),
        ("2024-05-10T03:00", "tomorrow", 'x:6: "tomorrow" is no time'),
        ("time,", "when,", "neither TMY3 nor"),
        (",38.0,", ",,", "tells no elevation"),
        ("7200", "east", "utc_offset_seconds"),
    ],
)
def test_open_meteo_is_refused_with_its_line(old: str, new: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        table.read(METEO.replace(old, new, 1), "x")


def test_what_falls_is_measured_or_else_told_by_the_code() -> None:
    header = "time,cloud_cover_low,rain,snowfall,weather_code"
    rows = ("2024-05-10T02:00Z,25,0.4,0.7,65", "2024-05-10T03:00Z,25,,,65", "2024-05-10T04:00Z,25,,,73")
    found = table.read("\n".join([header, *rows]), "x", 0.0).reports
    # 0.7 cm of snow are 1 mm of water (Open-Meteo's documentation of snowfall)
    assert [one.rain_mmph for one in found] == [0.4, 20.0, 0.0]
    assert [one.snow_mmph for one in found] == pytest.approx([1.0, 0.0, 1.5])


def test_what_a_history_covers() -> None:
    rows = ("2024-05-10T02:00Z,25", "2024-05-10T04:00Z,25")
    both = table.read("\n".join(["time,cloud_cover_low", *rows]), "x", 0.0).history(*YEAR)
    start, end = (seconds(datetime(2024, 5, 10, hour, tzinfo=UTC)) for hour in (2, 4))
    assert both.covers(start, end, 0.0)
    assert both.covers(start - 600.0, end + 600.0, 600.0)
    assert not both.covers(start - 601.0, end, 600.0)
    assert not both.covers(start, end + 601.0, 600.0)
    alone = table.read(f"time,cloud_cover_low\n{rows[0]}\n", "x", 0.0).history(*YEAR)
    assert alone.covers(start - 86400.0, end + 86400.0, 0.0)


def test_a_plain_table_needs_an_elevation() -> None:
    text = "time,cloud_cover_low\n2024-05-10T02:00Z,25\n"
    with pytest.raises(InputError, match="tells no elevation"):
        table.read(text, "x")
    assert table.read(text, "x", 100.0).ground_m == 100.0


HEADING = "\n".join(GREENSBORO.splitlines()[:2])


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("01/01/1988,25:00,0,0,16000,77777,00", "no date and time"),
        ("13/01/1988,01:00,0,0,16000,77777,00", "no date and time"),
        ("01/01/1988,01:00,0,11,16000,77777,00", "x:3: opaque cover: 11 is not from 0 to 10"),
        ("01/01/1988,01:00,0,0,16000,77777", "x:3: has 6 cells, expected 7"),
        ("01/01/1988,01:00,-9900,-9900,16000,77777,00", "no hour in it tells the clouds"),
    ],
)
def test_tmy3_is_refused_with_its_line(row: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        table.read(f"{HEADING}\n{row}\n", "x")


def test_missing_hours_stay_missing() -> None:
    rows = ["01/01/1988,01:00,8,6,16000,1000,45", "01/01/1988,02:00,-9900,-9900,-9900,-9900,-9900"]
    first, second = table.read("\n".join([HEADING, *rows]), "x").reports
    assert first.decks is not None
    assert first.decks[LOW] is not None
    assert first.decks[HIGH] is not None
    assert first.decks[HIGH].cover == pytest.approx((0.8 - 0.6) / (1.0 - 0.6))
    assert first.fog_top_m is None  # the code says fog, but one sees 16 km
    assert (second.decks, second.visibility_m) == (None, None)
    assert len(second.notes) == 2


_CELL = st.one_of(
    st.sampled_from(
        ["0", "10", "100", "-9900", "", "nan", "inf", "1e400", "-1", "77777", "24:00", "12/31/1999"]
    ),
    st.text(alphabet='0123456789.-eE:/T",é\x00', max_size=8),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.lists(_CELL, min_size=6, max_size=8).map(",".join), min_size=1, max_size=4))
def test_made_up_tmy3_hours_are_read_or_refused(rows: list[str]) -> None:
    _read_or_refuse("\n".join([HEADING, *rows]))


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 600), st.integers(0, 12), st.text(alphabet='0123456789.-,e()%"\n\x00éT', max_size=6))
def test_broken_open_meteo_tables_are_read_or_refused(place: int, cut: int, extra: str) -> None:
    where = place % len(METEO)
    _read_or_refuse(METEO[:where] + extra + METEO[where + cut :])


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text)


def _read_or_refuse(text: str) -> None:
    try:
        found = table.read(text, "x")
    except InputError as error:
        assert "\n" not in str(error)
        return
    for one in found.reports:
        assert one.visibility_m is None or 0.0 <= one.visibility_m <= 400_000.0
        assert one.decks is None or all(deck is None or 0.0 <= deck.cover <= 1.0 for deck in one.decks)
        assert one.decks is not None or one.notes
    found.history(*YEAR)
