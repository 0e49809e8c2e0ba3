"""TAF: changes come when and as they say, chances are drawn, made-up ones are read or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.weather import taf
from linkemu.weather.report import HIGH, LOW, OBSCURED, History, seconds

NEAR = datetime(2024, 5, 10, tzinfo=UTC)
HEAD = "TAF KXYZ 101730Z 1018/1124 25010KT P6SM SKC"


def at(day: int, hour: int, minute: int = 0) -> np.ndarray:
    return np.array([seconds(datetime(2024, 5, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute))])


def history(changes: str, seed: int = 1) -> History:
    return taf.read(f"{HEAD} {changes}", "x", 0.0, NEAR, seed)


def test_the_first_state_holds_to_the_end() -> None:
    found = history("")
    assert found.deck(LOW, at(10, 19)).cover == 0.0
    assert found.air(at(11, 12)).visibility_m == pytest.approx(23_000.0)
    assert (found.time_s[0], found.time_s[-1]) == (at(10, 18)[0], at(11, 24)[0])


def test_from_replaces_all_at_once() -> None:
    found = history("FM110230 26006KT 3SM BR OVC008")
    assert found.deck(LOW, at(11, 2, 29)).cover == 0.0
    after = at(11, 2, 33)
    assert found.deck(LOW, after).cover == 1.0
    assert found.air(after).visibility_m == pytest.approx(4828.032)


def test_becoming_leads_over_and_keeps_what_it_does_not_tell() -> None:
    found = history("FM110200 26006KT 3SM BR OVC008 BECMG 1104/1106 SCT030")
    assert found.deck(LOW, at(11, 4)).cover == 1.0
    assert found.deck(LOW, at(11, 5)).cover == pytest.approx((1.0 + 0.4375) / 2.0)
    assert found.deck(LOW, at(11, 6)).cover == pytest.approx(0.4375)
    assert found.air(at(11, 7)).visibility_m == pytest.approx(4828.032)


def foggy_hours(changes: str, seed: int) -> np.ndarray:
    """For each hour from 06 to 12, whether the sky was ever obscured in it."""
    found = history(changes, seed)
    minutes = [[at(11, hour, minute)[0] for minute in range(60)] for hour in range(6, 12)]
    return np.array([found.deck(OBSCURED, np.array(each)).cover.max() > 0.9 for each in minutes])


@pytest.mark.parametrize(
    ("name", "share"), [("TEMPO", 0.4), ("PROB40", 0.4), ("PROB30", 0.3), ("PROB30 TEMPO", 0.3)]
)
def test_chances_are_drawn_by_the_hour(name: str, share: float) -> None:
    hours = np.concatenate([foggy_hours(f"{name} 1106/1112 1/4SM FG VV001", seed) for seed in range(60)])
    assert np.mean(hours) == pytest.approx(share, abs=0.1)  # of 360: 4 standard errors
    assert not history(f"{name} 1106/1112 1/4SM FG VV001").deck(OBSCURED, at(11, 5)).cover.any()


def test_episodes_last_less_than_an_hour_and_the_state_comes_back() -> None:
    found = history("TEMPO 1106/1107 1/4SM FG VV001", next(s for s in range(20) if _falls(s)))
    minutes = np.concatenate([at(11, 5, minute) for minute in range(0, 180)])
    obscured = found.deck(OBSCURED, minutes).cover > 0.5
    assert 30 <= np.count_nonzero(obscured) < 60
    assert found.deck(OBSCURED, at(11, 8)).cover == 0.0


def _falls(seed: int) -> bool:
    return bool(history("TEMPO 1106/1107 1/4SM FG VV001", seed).deck(OBSCURED, at(11, 6, 30)).cover[0] > 0.5)


def test_a_seed_draws_the_same_again() -> None:
    text = "TEMPO 1106/1112 1/4SM FG VV001"
    assert np.array_equal(history(text, 5).time_s, history(text, 5).time_s)
    assert any(not np.array_equal(foggy_hours(text, 5), foggy_hours(text, seed)) for seed in range(6, 12))


def test_lower_bounds_and_cirrus() -> None:
    found = taf.read("TAF KXYZ 101730Z 1018/1118 25010KT 9999 SCT015 BKN250", "x", 0.0, NEAR, 1)
    assert found.air(at(10, 20)).visibility_m == pytest.approx(23_000.0)
    assert 0.0 < found.deck(HIGH, at(10, 20)).cover < 1.0


def test_a_later_forecast_takes_over_and_lines_run_on() -> None:
    text = """
    # two of one aerodrome
    TAF KXYZ 101730Z 1018/1118 25010KT P6SM SKC
      FM110000 25010KT P6SM OVC010
    TAF AMD
    KXYZ 102130Z 1022/1118 25010KT P6SM SCT010=
    """
    found = taf.read(text, "x", 0.0, NEAR, 1)
    assert found.deck(LOW, at(10, 20)).cover == 0.0
    assert found.deck(LOW, at(11, 2)).cover == pytest.approx(0.4375)


def test_cancelled_and_missing_ones_are_none() -> None:
    assert taf.parse("TAF KXYZ 101730Z NIL", "x", NEAR) is None
    assert taf.parse("TAF AMD KXYZ 101730Z 1018/1118 CNL", "x", NEAR) is None


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("hello", "before the first TAF"),
        ("TAF hello", "no TAF"),
        ("", "holds no TAF"),
        (f"{HEAD} BECMG SCT030", "BECMG without a period"),
        (f"{HEAD} BECMG 1206/1208 SCT030", "outside the forecast"),
        (f"{HEAD} FM099999 SCT030", "no day and time"),
        (f"{HEAD} PROB70 1106/1107 FG", "expected PROB30 or PROB40"),
        ("TAF KXYZ 101730Z 1018/1318 25010KT P6SM SKC", "up to 36 hours"),
        ("TAF KXYZ 101730Z 1018/1118 25010KT P6SM", "doesn't tell the sky"),
        (f"{HEAD}\nTAF KABC 101730Z 1018/1118 25010KT P6SM SKC", "KABC, KXYZ: one aerodrome"),
    ],
)
def test_what_is_none_is_refused(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        taf.read(text, "x", 0.0, NEAR, 1)


_STATES = ["P6SM SKC", "9999 SCT020", "CAVOK", "1/4SM FG VV001", "//// OVC010", "3SM BR SCT///"]
_ANY = [*_STATES, "NSW", "XX", "BKN///", ""]
_PERIODS = ["1018/1020", "1106/1112", "1110/1111", "1112/1106", "1123/1124", "9999/9999", "", "1106"]
_KINDS = ["BECMG", "TEMPO", "PROB30", "PROB40 TEMPO", "PROB99", "INTER"]


def forecasts_of(right: bool) -> st.SearchStrategy[str]:
    """Forecasts of right parts alone, or of any."""

    def part(parts: list[str], count: int) -> st.SearchStrategy[str]:
        return st.sampled_from(parts[:count] if right else parts)

    change = st.one_of(
        st.builds("{} {} {}".format, part(_KINDS, 4), part(_PERIODS, 3), part(_ANY, 7)),
        st.builds("{} {}".format, part(["FM110200", "FM102359", "FM", "FM112399"], 2), part(_ANY, 6)),
    )
    return st.builds(
        "TAF {} {} {} {} {} {}".format,
        part(["KXYZ", "AMD KXYZ", "TAF EHAM", "K"], 3),
        part(["101730Z", "321730Z", "101730"], 1),
        part(["1018/1124", "1018/1118", "1018/1018", "NIL", "101824", "1018/3124"], 2),
        part(["25010KT", "VRB02KT", "/////KT", ""], 3),
        part(_ANY, 6),
        st.lists(change, max_size=4).map(" ".join),
    )


forecasts = st.one_of(forecasts_of(True), forecasts_of(False))


@settings(max_examples=1500, deadline=None)
@given(forecasts, st.text(alphabet="0123456789/ ABEFGMNOPRTV\x00é\n", max_size=3), st.integers(0, 150))
def test_made_up_forecasts_are_read_or_refused(text: str, extra: str, place: int) -> None:
    for each in (text, text[: place % len(text)] + extra + text[place % len(text) :]):
        try:
            found = taf.read(each, "x", 0.0, NEAR, 1)
        except InputError as error:
            assert "\n" not in str(error)
            continue
        assert np.all(np.diff(found.time_s) >= 0.0)
        assert np.all(np.isfinite(found.air(found.time_s).visibility_m))
        for deck in range(4):
            cover = found.deck(deck, found.time_s).cover
            assert np.all((cover >= 0.0) & (cover <= 1.0))
