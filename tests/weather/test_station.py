"""A station's weather along lines of sight: occupancy, dwell, exactness at 0 and 1, heights, cirrus."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from linkemu.weather.genera import CIRRUS_MEDIAN, HABITS, Genus, clear_share
from linkemu.weather.report import HIGH, LOW, OBSCURED, Deck, History, Report, seconds
from linkemu.weather.station import CLEAR, Weather

EPOCH = datetime(2024, 5, 10, tzinfo=UTC)
UP = math.pi / 2.0


def sky(*, low: Deck | None = None, high: Deck | None = None, hidden: Deck | None = None) -> History:
    return History([Report(seconds(EPOCH), (hidden, low, None, high))])


def weather(history: History, altitude_m: float = 0.0, station: str = "a", seed: int = 1) -> Weather:
    return Weather(station, altitude_m, EPOCH, history, seed)


def overhead(one: Weather, t_s: np.ndarray, elevation_rad: float = UP):  # type: ignore[no-untyped-def]
    return one.along(t_s, np.zeros(t_s.shape), np.full(t_s.shape, elevation_rad))


@pytest.mark.parametrize(
    ("cover", "genus"), [(0.3, Genus.CUMULUS), (0.5, Genus.STRATOCUMULUS), (0.7, Genus.STRATUS)]
)
def test_occupancy_and_dwell(cover: float, genus: Genus) -> None:
    """Over 4,000 clouds: the share of blocked time is the cover, a cloud lasts as Rice has it."""
    one = weather(sky(low=Deck.of(cover, genus, 0.0)))
    habit = HABITS[genus]
    threshold = -float(np.sqrt(2.0) * _inverse_erf(2.0 * cover - 1.0))
    rate = habit.rate / (2.0 * np.pi) * np.exp(-(threshold**2) / 2.0)  # clouds a second
    span_s = 5500.0 / rate
    step_s = 0.1 / habit.rate
    blocked = overhead(one, np.arange(0.0, span_s, step_s)).blocked
    clouds = np.count_nonzero(blocked[1:] & ~blocked[:-1])
    assert clouds > 4000
    assert np.mean(blocked) == pytest.approx(cover, rel=0.05)
    assert np.count_nonzero(blocked) * step_s / clouds == pytest.approx(cover / rate, rel=0.05)


def _inverse_erf(value: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(value))


def test_dwell_of_half_cover_is_the_genus_own() -> None:
    one = weather(sky(low=Deck.of(0.5, Genus.CUMULUS, 0.0)))
    blocked = overhead(one, np.arange(0.0, 4500 * 600.0, 6.0)).blocked
    clouds = np.count_nonzero(blocked[1:] & ~blocked[:-1])
    assert np.count_nonzero(blocked) * 6.0 / clouds == pytest.approx(300.0, rel=0.05)


@pytest.mark.parametrize("elevation_deg", [5.0, 20.0, 60.0, 90.0])
def test_no_cover_never_blocks_and_full_cover_always_does(elevation_deg: float) -> None:
    t_s = np.arange(0.0, 30 * 86400.0, 300.0)
    for cover, expected in ((0.0, False), (1.0, True)):
        one = weather(sky(low=Deck.of(cover, Genus.CUMULUS, 0.0)))
        state = overhead(one, t_s, math.radians(elevation_deg))
        assert np.all(state.blocked == expected)
        assert np.all(np.isfinite(state.depth))


def test_slant_paths_meet_more_cloud() -> None:
    elevation = math.radians(25.0)
    one = weather(sky(low=Deck.of(0.4, Genus.CUMULUS, 0.0)))
    # the elevation at the cloud's base is hardly another one: 0.01 degrees at 1 km
    expected = 1.0 - float(clear_share(np.array(0.4), np.array(0.5), np.array(elevation)))
    blocked = overhead(one, np.arange(0.0, 3000 * 600.0, 60.0), elevation).blocked
    assert np.mean(blocked) == pytest.approx(expected, rel=0.05)


def test_a_station_above_the_deck_is_free_of_it() -> None:
    deck = Deck(1.0, 900.0, 1400.0, Genus.STRATUS)
    t_s = np.arange(0.0, 86400.0, 60.0)
    assert np.all(overhead(weather(sky(low=deck)), t_s).blocked)
    assert not np.any(overhead(weather(sky(low=deck), altitude_m=2393.0), t_s).blocked)  # Teide
    assert np.all(overhead(weather(sky(low=deck), altitude_m=1000.0), t_s).blocked)  # within it


def test_an_obscured_sky_blocks_those_below_its_top_alone() -> None:
    fog = Deck(1.0, 100.0, 160.0, Genus.STRATUS)
    t_s = np.arange(0.0, 3600.0, 60.0)
    below = overhead(weather(sky(hidden=fog), altitude_m=120.0), t_s)
    assert np.all(below.layer == OBSCURED)
    assert not np.any(overhead(weather(sky(hidden=fog), altitude_m=200.0), t_s).blocked)


def test_cirrus_dims_and_never_blocks() -> None:
    one = weather(sky(high=Deck.of(0.4, Genus.CIRRUS, 0.0)))
    t_s = np.arange(0.0, 4000 * 3600.0, 600.0)
    state = overhead(one, t_s)
    inside = state.cloud_dB > 0.0
    assert not np.any(state.blocked)
    assert np.mean(inside) == pytest.approx(0.4, rel=0.05)
    assert np.median(state.cloud_dB[inside]) == pytest.approx(4.343 * CIRRUS_MEDIAN, rel=0.1)
    assert np.all(state.layer[inside] == HIGH)
    assert np.all(state.layer[~inside] == CLEAR)


def test_cirrus_dims_more_on_a_slant_by_the_air_it_spans() -> None:
    one = weather(sky(high=Deck.of(1.0, Genus.CIRRUS, 0.0)))
    t_s = np.arange(0.0, 4000 * 3600.0, 600.0)
    high, low = (np.median(overhead(one, t_s, math.radians(el)).cloud_dB) for el in (90.0, 10.0))
    assert low / high == pytest.approx(5.586, rel=0.1)  # Kasten & Young's air mass there


def test_depth_tells_the_edges() -> None:
    state = overhead(weather(sky(low=Deck.of(0.5, Genus.CUMULUS, 0.0))), np.arange(0.0, 86400.0, 1.0))
    assert np.array_equal(state.blocked, state.depth > 0.0)
    assert np.max(np.abs(np.diff(state.depth))) < 0.1  # a second is a small step


def test_satellites_in_one_direction_see_one_cloud_and_others_see_others() -> None:
    one = weather(sky(low=Deck.of(0.5, Genus.CUMULUS, 0.0)))
    t_s = np.arange(0.0, 20 * 86400.0, 300.0)
    east = one.along(t_s, np.full(t_s.shape, UP), np.full(t_s.shape, 0.5))
    again = one.along(t_s, np.full(t_s.shape, UP), np.full(t_s.shape, 0.5))
    near = one.along(t_s, np.full(t_s.shape, UP + 0.02), np.full(t_s.shape, 0.5))
    west = one.along(t_s, np.full(t_s.shape, -UP), np.full(t_s.shape, 0.5))
    assert np.array_equal(east.blocked, again.blocked)
    assert np.mean(east.blocked == near.blocked) > 0.97
    expected = np.mean(east.blocked) * np.mean(west.blocked)
    assert np.mean(east.blocked & west.blocked) == pytest.approx(expected, abs=0.07)


def test_clouds_drift_with_the_wind() -> None:
    """What stands in the west, where the wind comes from, stands overhead when the wind has brought it."""
    one = weather(sky(low=Deck(0.5, 1000.0, 2000.0, Genus.CUMULUS)))
    away_m = 1000.0 / math.tan(math.radians(45.0))
    delay_s = away_m / HABITS[Genus.CUMULUS].drift_mps
    t_s = np.arange(0.0, 20 * 86400.0, 120.0)
    west = one.along(t_s, np.full(t_s.shape, math.radians(270.0)), np.full(t_s.shape, math.radians(45.0)))
    later = overhead(one, t_s + delay_s)
    slant, up = west.depth, later.depth  # thresholds differ by the slant, fields don't
    assert np.corrcoef(slant, up)[0, 1] > 0.999


def test_another_start_meets_the_same_clouds() -> None:
    history = sky(low=Deck.of(0.5, Genus.STRATOCUMULUS, 0.0))
    late = Weather("a", 0.0, EPOCH + timedelta(hours=6), history, 1)
    t_s = np.arange(0.0, 86400.0, 30.0)
    whole = overhead(weather(history), t_s + 6 * 3600.0)
    assert overhead(late, t_s).depth == pytest.approx(whole.depth, abs=1e-6)


def test_a_call_for_a_part_gives_the_part() -> None:
    one = weather(sky(low=Deck.of(0.5, Genus.STRATOCUMULUS, 0.0), high=Deck.of(0.5, Genus.CIRRUS, 0.0)))
    t_s = np.arange(0.0, 7200.0, 1.0)
    whole, part = overhead(one, t_s), overhead(one, t_s[3000:4000])
    assert part.depth == pytest.approx(whole.depth[3000:4000], abs=1e-6)
    assert part.cloud_dB == pytest.approx(whole.cloud_dB[3000:4000], abs=1e-4)


def test_cover_goes_from_report_to_report() -> None:
    begin = seconds(EPOCH)
    low = Deck.of(1.0, Genus.STRATUS, 0.0)
    clear, overcast = Report(begin), Report(begin + 36e5, (None, low, None, None))
    one = weather(History([clear, overcast]))
    blocked = overhead(one, np.linspace(0.0, 36e5, 20_000)).blocked
    assert np.mean(blocked) == pytest.approx(0.5, abs=0.05)
    assert np.mean(blocked[:4000]) < 0.2 < 0.8 < np.mean(blocked[-4000:])


def test_the_worst_direction_counts_low_down() -> None:
    history = History([Report(seconds(EPOCH), visibility_m=4000.0, lowest_visibility_m=1500.0)])
    t_s = np.zeros(1)
    assert overhead(weather(history), t_s, math.radians(15.0)).visibility_m == pytest.approx(1500.0)
    assert overhead(weather(history), t_s, math.radians(25.0)).visibility_m == pytest.approx(4000.0)


def test_layer_names_the_lowest_that_blocks() -> None:
    decks = (None, Deck.of(1.0, Genus.STRATUS, 0.0), Deck.of(1.0, Genus.ALTOSTRATUS, 0.0), None)
    state = overhead(weather(History([Report(seconds(EPOCH), decks)])), np.zeros(1))
    assert state.layer[0] == LOW


@pytest.mark.parametrize("cover", [0.3, 0.8, 1.0])
def test_a_sheet_that_rises_from_deck_to_deck_leaves_no_gap(cover: float) -> None:
    low, middle = (Deck.of(cover, genus, 0.0) for genus in (Genus.STRATUS, Genus.ALTOSTRATUS))
    begin = seconds(EPOCH)
    history = History(
        [Report(begin, (None, low, None, None)), Report(begin + 3600.0, (None, None, middle, None))]
    )
    time_s = begin + np.linspace(0.0, 3600.0, 61)
    clear = np.prod([1.0 - history.deck(deck, time_s).cover for deck in range(3)], axis=0)
    assert clear == pytest.approx(np.full(61, 1.0 - cover))
