"""METAR: bounds and missing values stay what they are; made-up ones are read or refused, never worse."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.weather import groups, metar
from linkemu.weather.decode import UNKNOWN_HIGH, UNKNOWN_MIDDLE
from linkemu.weather.genera import Genus
from linkemu.weather.report import HIGH, LOW, MIDDLE, OBSCURED, CLEAR_VISIBILITY_m, Report, seconds

NEAR = datetime(2024, 5, 10, tzinfo=UTC)
GROUND_m = 100.0


def read(body: str, flags: str = "") -> Report:
    aerodrome, one = metar.parse(f"METAR KXYZ 101254Z {flags}00000KT {body} 10/05 A2992", "x", GROUND_m, NEAR)
    assert aerodrome == "KXYZ"
    assert one is not None
    return one


class Seen(NamedTuple):
    body: str
    visibility_m: float | None


@pytest.mark.parametrize(
    ("body", "visibility_m"),
    [
        Seen("10SM SKC", CLEAR_VISIBILITY_m),  # lower bounds
        Seen("9999 SKC", CLEAR_VISIBILITY_m),
        Seen("CAVOK", CLEAR_VISIBILITY_m),
        Seen("15SM SKC", 15 * 1609.344),
        Seen("9999 HZ SKC", 10_000.0),  # haze: not far above the bound
        Seen("10SM BR SKC", 16_093.44),
        Seen("9000 SKC", 9000.0),
        Seen("7SM SKC", 11_265.408),
        Seen("20KM SKC", 20_000.0),
        Seen("1 1/2SM BR SKC", 2414.016),
        Seen("3/4SM BR SKC", 1207.008),
        Seen("M1/4SM FG VV001", 201.168),  # upper bound
        Seen("0000 FG VV///", 25.0),
        Seen("//// SKC", None),  # missing
        Seen("4000 1500NE BR SKC", 4000.0),
    ],
)
def test_visibility(body: str, visibility_m: float | None) -> None:
    found = read(body).visibility_m
    assert found == (None if visibility_m is None else pytest.approx(visibility_m))


def test_missing_visibility_is_noted_and_the_one_before_stands() -> None:
    text = "KXYZ 101154Z 00000KT 3SM BR SKC 10/05 A2992\nKXYZ 101254Z 00000KT //// SKC 10/05 A2992"
    history = metar.read(text, "x", GROUND_m, NEAR)
    assert "visibility missing: the one before stands" in history.notes
    assert history.air(history.time_s).visibility_m == pytest.approx([4828.032, 4828.032])


def test_directional_minimum() -> None:
    assert read("4000 1500NE BR SKC").lowest_visibility_m == 1500.0


def test_covers_add_up_from_below() -> None:
    decks = read("7SM FEW020 SCT040 BKN250").decks
    assert decks is not None
    low, middle, high = decks[LOW], decks[MIDDLE], decks[HIGH]
    assert low is not None
    assert middle is None  # 4,000 ft is below 2 km
    assert high is not None
    assert low.cover == pytest.approx(0.4375)
    clear = (1.0 - low.cover) * (1.0 - high.cover)
    assert clear == pytest.approx(0.25)  # of BKN in all
    assert low.base_m == pytest.approx(GROUND_m + 4000 * 0.3048)
    assert high.genus is Genus.CIRRUS


def test_clear_skies_by_what_they_see() -> None:
    for body, flags, unknown in (
        ("10SM SKC", "", ()),
        ("10SM CLR", "AUTO ", (HIGH,)),
        ("CAVOK", "", (MIDDLE, HIGH)),
        ("9999 NSC", "", (MIDDLE, HIGH)),
        ("9999 NCD", "AUTO ", (HIGH,)),
    ):
        one = read(body, flags)
        assert one.decks is not None
        assert one.decks[LOW] is None
        assert tuple(number for number, deck in enumerate(one.decks) if deck is not None) == unknown
        assert len([note for note in one.notes if "unknown" in note]) == len(unknown)


def test_automatic_stations_see_no_cirrus() -> None:
    decks = read("10SM FEW020", "AUTO ").decks
    assert decks is not None
    assert decks[HIGH] is not None
    assert decks[HIGH].cover == UNKNOWN_HIGH
    assert read("10SM FEW020").decks[HIGH] is None  # type: ignore[index]
    assert UNKNOWN_MIDDLE < UNKNOWN_HIGH


def test_vertical_visibility_obscures() -> None:
    for body, top_m in (("1/4SM FG VV001", 30.48), ("1/4SM FG VV010", 304.8), ("0300 FG VV///", 60.0)):
        one = read(body)
        assert one.decks is not None
        deck = one.decks[OBSCURED]
        assert deck is not None
        assert (deck.cover, deck.base_m) == (1.0, GROUND_m)
        assert deck.top_m == pytest.approx(GROUND_m + top_m)
        assert one.fog_top_m == GROUND_m + 250.0


def test_towers_and_storms_are_cumulonimbus() -> None:
    for body in ("2SM TSRA BKN040CB", "9999 SCT015TCU", "2SM +TSRA BKN030"):
        decks = read(body).decks
        assert decks is not None
        assert decks[LOW] is not None
        assert decks[LOW].genus is Genus.CUMULONIMBUS


@pytest.mark.parametrize(
    ("weather", "rain", "snow"),
    [
        *(("-RA", 1.0, 0.0), ("RA", 5.0, 0.0), ("+SHRA", 20.0, 0.0), ("-DZ", 0.2, 0.0), ("VCSH", 0.0, 0.0)),
        *(("-SN", 0.0, 0.5), ("SN", 0.0, 1.5), ("+SN", 0.0, 4.0), ("-RASN", 1.0, 0.5), ("HZ", 0.0, 0.0)),
    ],
)
def test_precipitation(weather: str, rain: float, snow: float) -> None:
    one = read(f"9000 {weather} OVC020")
    assert (one.rain_mmph, one.snow_mmph) == (rain, snow)


@pytest.mark.parametrize(
    ("weather", "fog"), [("FG", True), ("FZFG", True), ("MIFG", False), ("BCFG", False), ("BR", False)]
)
def test_fog(weather: str, fog: bool) -> None:
    assert (read(f"0500 {weather} SCT010").fog_top_m is not None) == fog


def test_missing_sky_is_no_clear_sky() -> None:
    one = read("9999 /////////", "AUTO ")
    assert one.decks is None
    assert "sky missing: the one before stands" in one.notes
    with pytest.raises(InputError, match="no report in it tells the sky"):
        metar.read("FSIA 220100Z AUTO 14014KT 9999 ///////// 27/23 Q1010", "x", GROUND_m, NEAR)


def test_months_are_the_nearest_and_dates_win() -> None:
    body = "00000KT 10SM SKC 10/05 A2992"
    for text, expected in (
        (f"KXYZ 300054Z {body}", datetime(2024, 4, 30, 0, 54, tzinfo=UTC)),
        (f"KXYZ 200054Z {body}", datetime(2024, 5, 20, 0, 54, tzinfo=UTC)),
        (f"2019-01-20T01:00Z KXYZ 200054Z {body}", datetime(2019, 1, 20, 0, 54, tzinfo=UTC)),
        (f"2019/01/20 01:00\nKXYZ 200054Z {body}", datetime(2019, 1, 20, 0, 54, tzinfo=UTC)),
    ):
        assert metar.read(text, "x", GROUND_m, NEAR).time_s[0] == seconds(expected)


def test_trends_and_remarks_are_no_state() -> None:
    one = metar.parse("EHAM 101254Z 00000KT 9999 SKC 10/05 Q1010 TEMPO 0500 FG VV001", "x", 0.0, NEAR)[1]
    assert one is not None
    assert one.visibility_m == CLEAR_VISIBILITY_m
    assert one.fog_top_m is None


def test_a_visibility_that_nobody_can_see_counts_as_missing() -> None:
    slip = read("110SM SKC")
    assert slip.visibility_m is None and "visibility missing: the one before stands" in slip.notes
    assert read("100SM SKC").visibility_m == pytest.approx(160_934.4)


def test_files_name_the_line_that_is_wrong() -> None:
    good = "KXYZ 101154Z 00000KT 3SM BR SKC 10/05 A2992"
    for bad, match in (
        ("hello", "x:3: .*no METAR"),
        ("KABC 101254Z 00000KT 3SM SKC 10/05 A2992", "x:3: is of KABC"),
        ("KXYZ 321254Z 00000KT 3SM SKC 10/05 A2992", "x:3: 321254Z is no day"),
        ("KXYZ 101254Z 00000KT 10/05 A2992", "x:3: .*neither visibility nor sky"),
        ("KXYZ 101254Z 00000KT 3SM QQQ 10/05 A2992", "x:3: is no METAR"),
    ):
        with pytest.raises(InputError, match=match):
            metar.read(f"# a comment\n{good}\n{bad}\n", "x", GROUND_m, NEAR)
    with pytest.raises(InputError, match="holds no METAR"):
        metar.read("\n# nothing\n", "x", GROUND_m, NEAR)


# Parts in the order of a report, right ones and wrong ones.
_VISIBILITY = [
    "9999",
    "0000",
    "10SM",
    "P6SM",
    "M1/4SM",
    "1/4SM",
    "1 1/2SM",
    "////",
    "CAVOK",
    "4000 1500NE",
    "1/0SM",
    "20KM",
    "2 3SM",
]
_SKY = [
    "SKC",
    "CLR",
    "NSC",
    "NCD",
    "FEW010",
    "SCT020CB",
    "BKN///",
    "OVC250",
    "VV001",
    "VV///",
    "/////////",
    "SCT",
    "BKN0150",
]
_WEATHER = ["", "-RA", "+TSRA", "FG", "BCFG", "VCSH", "SN", "//", "XX", "RERA"]
_REST = ["10/05 A2992", "M03/M05 Q1010", "//// Q////", "10/05", "A29", ""]


def reports_of(right: bool) -> st.SearchStrategy[str]:
    """Reports of right parts alone, or of any."""

    def part(parts: list[str], count: int) -> st.SearchStrategy[str]:
        return st.sampled_from(parts[:count] if right else parts)

    return st.builds(
        lambda *parts: " ".join(part for part in parts if part),
        part(["METAR", "SPECI", "METAR COR", "", "TAF"], 4),
        part(["KXYZ", "EHAM", "K1", "ZZZZZ"], 2),
        part(["101254Z", "000000Z", "310000Z", "312460Z", "1012Z", "102400Z"], 1),
        part(["", "AUTO", "COR", "NIL", "AUTO COR"], 3),
        part(["00000KT", "24015G25KT 180V300", "/////KT", "VRB03MPS", "99999KT", ""], 4),
        part(_VISIBILITY, 10),
        part(_WEATHER, 8),
        st.lists(part(_SKY, 11), max_size=4).map(" ".join),
        part(_REST, 4),
        part(["", "NOSIG", "RMK AO2 SLP045", "TEMPO 0500 FG", "="], 4),
    )


reports = st.one_of(reports_of(True), reports_of(False))
noisy = st.builds(
    lambda text, place, extra: text[: place % (len(text) + 1)] + extra + text[place % (len(text) + 1) :],
    reports,
    st.integers(0, 200),
    st.text(alphabet="0123456789/ABFGKMPRSTVZ -+=\t\x00é", max_size=4),
)


@settings(max_examples=3500, deadline=None)
@given(st.one_of(reports, noisy))
@example("METAR KXYZ 101254Z 1/0SM")
@example("KXYZ 101254Z AUTO 00000KT 110SM -RA SCT020CB M03/M05 Q1010")
def test_made_up_reports_are_read_or_refused(text: str) -> None:
    """Never another error; a missing visibility or sky never becomes a number."""
    try:
        _, one = metar.parse(text, "x", GROUND_m, NEAR)
    except InputError as error:
        assert str(error).startswith("x: ")
        assert "\n" not in str(error)
        return
    if one is None:
        assert "NIL" in text
        return
    assert one.visibility_m is None or 0.0 <= one.visibility_m <= 160_935.0
    assert one.visibility_m is not None or any("visibility missing" in note for note in one.notes)
    assert one.decks is not None or any("sky missing" in note for note in one.notes)
    for deck in one.decks or ():
        assert deck is None or (0.0 <= deck.cover <= 1.0 and deck.base_m < deck.top_m)
    if re.search(r" /{4} ", text) and not re.search(r"\d(SM|KM)\b|CAVOK|\b\d{4}\b", text):
        assert one.visibility_m is None or one.fog_top_m is not None


@settings(max_examples=1000, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        metar.read(text, "x", GROUND_m, NEAR)
    except InputError as error:
        assert "\n" not in str(error)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.text(alphabet="0123456789/ABCFGKMNPRSTUVXZ+-", min_size=1, max_size=9), max_size=6))
def test_any_groups_are_sorted_and_none_is_lost(tokens: list[str]) -> None:
    found = groups.read(tokens)
    assert all(token in tokens for token in found.rest)
