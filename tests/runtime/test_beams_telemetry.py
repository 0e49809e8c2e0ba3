"""Telemetry of links to the figure: where the satellite stands, planned windows, what was lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkemu.link.player import Player
from linkemu.link.timeline import LinkTimeline, Sky, constant
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.runtime.beams import Observer

S = 10**9


def sampled(way: Direction) -> LinkTimeline:
    """A link whose five samples, a second apart, count up by columns."""
    column = np.arange(1, 6)
    return replace(
        constant("g", "s", way, 10**6, 0.002, 60.0, erased=[(20_000, 100), (30_000, 99)]),
        sample_ns=column.astype(np.int64) * S,
        elevation_deg=(column * 10).astype(np.float32),
        azimuth_deg=(column * 20).astype(np.float32),
        range_m=column * 1000.0,
        range_rate_mps=column * -7.0,
        power_dBm=(column - 40 - 5 * (way is Direction.UP)).astype(np.float32),
        margin_dB=(column / 2).astype(np.float32),
    )


def window(link: int, start_s: float, end_s: float) -> Window:
    return Window(link, "s", start_s, end_s, ((start_s, 1),), ((start_s, 0.002), (end_s, 0.002)), 40.0)


@pytest.fixture
def player() -> Player:
    return Player(Sky.of(*map(sampled, Direction)))


@pytest.mark.parametrize(
    ("at_ns", "row"),
    [(S - 1, None), (S, 1), (4 * S - 1, 3), (5 * S, 5), (7 * S, 5), (7 * S + 1, None)],
)
def test_the_geometry_is_that_of_the_last_sample_unless_it_is_old(
    player, at_ns: int, row: int | None
) -> None:
    (told,) = Observer(player, {}).telemetry(at_ns)
    seen = (told.elevation_deg, told.azimuth_deg, told.range_m, told.range_rate_mps)
    beams = (told.up.power_dBm, told.up.margin_dB, told.down.power_dBm, told.down.margin_dB)
    if row is None:
        assert (*seen, *beams) == (None,) * 8
    else:
        assert seen == (10.0 * row, 20.0 * row, 1000.0 * row, -7.0 * row)
        assert beams == (row - 45.0, row / 2, row - 40.0, row / 2)
    assert (told.station, told.satellite, told.at_s, told.up.delay_s) == ("g", "s", at_ns / S, 0.002)


@pytest.mark.parametrize(
    ("at_s", "end_s", "next_s"),
    [
        (0.0, None, 1.0),
        (1.0, 3.0, 5.0),
        (2.9, 3.0, 5.0),
        (3.0, None, 5.0),
        (5.0, 8.0, None),
        (8.0, None, None),
    ],
)
def test_the_window_that_is_open_and_the_next_one(player, at_s: float, end_s, next_s) -> None:
    plan = Plan("g", 1, (window(0, 1.0, 3.0), window(1, 0.5, 4.0), window(0, 5.0, 8.0)))
    (told,) = Observer(player, {"g": plan, "s": Plan("s", 1, (window(0, 0.0, 60.0),))}).telemetry(
        round(at_s * S)
    )
    assert (told.window_end_s, told.next_window_s) == (end_s, next_s)


def test_what_was_carried_and_lost(player) -> None:
    up = player.channels[0, Direction.UP].counters
    up.delivered_bytes, up.erased_bytes, up.erased, up.refused, up.expired = 1000, 300, 3, 20, 5
    assert player.offer(0, Direction.DOWN, b"12345", 0)
    (told,) = Observer(player, {}).telemetry(0)
    carried = [
        (beam.sent_bytes, beam.delivered_bytes, beam.lost_frames, beam.dropped_frames, beam.queue_bytes)
        for beam in (told.up, told.down)
    ]
    assert carried == [(1300, 1000, 3, 25, 0), (0, 0, 0, 0, 5)]


def test_a_change_bears_its_time_and_a_run_of_100_ms_is_one(player) -> None:
    observer = Observer(player, {})
    (first,) = observer.changes(2 * S)
    assert (first.at_s, first.up.state) == (2.0, "open")
    (blocked,) = observer.changes(20 * S + 99_999_999)
    assert (blocked.at_s, blocked.up.state, blocked.down.cause) == (20.099999999, "blocked", "fade")
    (again,) = observer.changes(20 * S + 100_000_000)
    assert again.up.state == "open"
    assert observer.changes(30 * S + 50_000_000) == []


def test_a_link_of_one_direction_is_dark_in_the_other_and_its_place_is_not_known() -> None:
    (told,) = Observer(Player(Sky.of(sampled(Direction.UP))), {}).telemetry(2 * S)
    assert (told.down.state, told.down.known, told.down.rate_bps) == ("dark", True, 0)
    assert (told.up.state, told.up.power_dBm, told.elevation_deg, told.range_m) == ("open", -43.0, None, None)
