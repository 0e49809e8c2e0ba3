"""The player: who sees what at its own time, who gets what, and when all is dark, as transcripts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from linkemu.link.overlay import blackhole, outage
from linkemu.link.player import Player
from linkemu.link.timeline import Cause, LinkTimeline, Sky, constant
from linkemu.machine import Direction
from linkemu.sensor import Sensor

S = 1_000_000_000
RATE = 8_000_000  # one byte a microsecond


def sky() -> Sky:
    """Two stations and one satellite; koganei has light from 2 s to 4 s, teide from 6 s to 8 s."""

    def lit(station: str, way: Direction, start_s: float, end_s: float) -> LinkTimeline:
        dark = [(0.0, start_s, Cause.BELOW_MASK), (end_s, 10.0, Cause.CLOUD)]
        return constant(station, "iss", way, RATE, 0.25, 10.0, dark=dark)

    return Sky.of(
        *(lit("koganei", way, 2.0, 4.0) for way in Direction),
        *(lit("teide", way, 6.0, 8.0) for way in Direction),
    )


def test_each_terminal_sees_its_own_transmitter_at_its_own_time() -> None:
    player = Player(sky())
    seen = []
    while (at := player.next_ns()) is not None and at <= 5 * S:
        seen += [(at / S, node, sensor.link, sensor.locked) for node, sensor in player.sensors(at)]
    dark_at_first = {
        (0.0, node, link, False) for link, node in [(0, "koganei"), (0, "iss"), (1, "teide"), (1, "iss")]
    }
    assert set(seen[:4]) == dark_at_first
    assert sorted(seen[4:]) == [
        (2.0, "iss", 0, True),
        (2.0, "koganei", 0, True),
        (4.0, "iss", 0, False),
        (4.0, "koganei", 0, False),
    ]
    assert player.sensors_of("koganei") == [Sensor(0, False, 0, None)]


def test_light_goes_to_the_other_end_after_rate_and_delay() -> None:
    player = Player(sky())
    assert player.offer(0, Direction.UP, b"x" * 1000, round(1.5 * S))  # waits for light
    assert player.offer(0, Direction.DOWN, b"y" * 500, 3 * S)
    assert player.due(round(2.2509 * S)) == []
    [up] = player.due(round(2.251 * S))
    assert (up.link, up.direction, up.delivery.due_ns) == (0, Direction.UP, round(2.251 * S))
    player.sensors(10 * S)
    assert player.next_ns() == round(3.2505 * S)


def test_dark_and_drained_only_when_nothing_flies() -> None:
    player = Player(sky())
    assert player.dark_and_drained(1 * S) and player.next_light(0) == 2 * S
    assert not player.dark_and_drained(3 * S)
    player.offer(0, Direction.UP, b"late", 4 * S - 1000 * 4)
    assert not player.dark_and_drained(4 * S)  # in flight for another 250 ms
    assert player.due(5 * S)
    assert player.dark_and_drained(5 * S) and player.next_light(5 * S) == 6 * S
    assert player.next_light(9 * S) is None


def test_a_live_blackout_is_seen_by_the_sensor_and_holds_the_modem() -> None:
    player = Player(sky())
    player.sensors(3 * S)
    effective = player.impose((0, Direction.UP), outage(3 * S, round(3.5 * S)), 3 * S)
    assert effective.start_ns == 3 * S + 1_000_000  # the next slot
    seen = []
    while (at := player.next_ns()) is not None and at < 4 * S:
        seen += [(at, node, sensor.locked) for node, sensor in player.sensors(at)]
    assert (effective.start_ns, "koganei", False) in seen and (round(3.5 * S), "koganei", True) in seen
    player.offer(0, Direction.UP, b"z" * 100, round(3.2 * S))
    [arrival] = player.due(5 * S)
    assert arrival.delivery.start_ns == round(3.5 * S)


def test_a_live_erasure_loses_frames_unseen_by_the_sender() -> None:
    player = Player(sky())
    player.impose((0, Direction.DOWN), blackhole(round(3.2 * S), round(3.4 * S)), 3 * S)
    for at_s in (2.9, 3.0, 3.1, 3.2):  # they cross the atmosphere when they arrive, 0.25 s later
        player.offer(0, Direction.DOWN, f"{at_s}".encode(), round(at_s * S))
    assert [arrival.delivery.datagram for arrival in player.due(9 * S)] == [b"2.9", b"3.2"]
    assert player.channels[(0, Direction.DOWN)].counters.erased == 2


def test_power_comes_with_the_samples_of_the_other_end_while_locked() -> None:
    ways = {
        timeline.direction: timeline for timeline in sky().timelines.values() if timeline.station == "koganei"
    }
    count = 5
    zeros = {
        name: np.zeros(count, dtype=kind)
        for name, kind in [
            ("elevation_deg", "f4"),
            ("azimuth_deg", "f4"),
            ("range_m", "f8"),
            ("range_rate_mps", "f8"),
        ]
    }
    down = replace(
        ways[Direction.DOWN],
        sample_ns=np.arange(count, dtype=np.int64) * S,
        power_dBm=np.arange(count, dtype=np.float32) - 40,
        margin_dB=np.zeros(count, dtype=np.float32),
        **zeros,
    )
    player = Player(Sky.of(ways[Direction.UP], down))
    powers = {}
    while (at := player.next_ns()) is not None:
        for node, sensor in player.sensors(at):
            if node == "koganei":
                powers[at / S] = sensor.received_power_dBm
    assert powers == {0.0: None, 2.0: -38.0, 3.0: -37.0, 4.0: None}


def test_a_link_without_a_mode_keeps_its_lock_and_a_dark_one_has_none() -> None:
    dark = [(1.0, 2.0, Cause.MARGIN), (3.0, 4.0, Cause.CLOUD)]
    player = Player(Sky.of(constant("g", "s", Direction.UP, RATE, 0.25, 5.0, dark=dark)))
    seen = []
    while (at := player.next_ns()) is not None:
        seen += [(at // S, sensor.locked, sensor.transmit_rate_bps) for _, sensor in player.sensors(at)]
    lit = (True, RATE)
    assert seen == [(0, *lit), (1, True, 0), (2, *lit), (3, False, 0), (4, *lit), (5, False, 0)]
