"""The fidelity report: what it measures, that it survives a restart, and that its file is read with care."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.link.channel import Counters, Delivery
from linkemu.link.fidelity import Fidelity, Histogram, LinkFidelity
from linkemu.link.overlay import outage
from linkemu.link.player import Player
from linkemu.link.recorder import Recorder
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction

S = 1_000_000_000


@given(st.lists(st.integers(0, 9_999_999), min_size=1, max_size=200), st.sampled_from([0.5, 0.99, 1.0]))
def test_quantiles_are_good_to_a_microsecond(values: list[int], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    rank = max(0, -int(-share * len(values) // 1) - 1)
    exact = sorted(values)[rank]
    answer = histogram.quantile_s(share)
    assert answer is not None and exact <= answer * 1e9 + 1e-3 and answer * 1e9 <= exact + 1001
    assert histogram.largest_ns == max(values)


def play(player: Player, recorder: Recorder, frames: int, late_ns: int, from_ns: int) -> None:
    for i in range(frames):
        player.offer(0, Direction.UP, bytes(1000), from_ns + i)
    for arrival in player.due(from_ns + 9 * S):
        recorder.delivered(
            arrival.link, arrival.direction, arrival.delivery, arrival.delivery.due_ns + late_ns
        )


def sky() -> Sky:
    dark = [(0.0, 1.0, Cause.BELOW_MASK)]
    return Sky.of(constant("g", "s", Direction.UP, 8_000_000, 0.01, 100.0, dark=dark, erased=[(1002, 1)]))


def test_reports_delay_rate_erasure_edges_and_capacity() -> None:
    player = Player(sky())
    recorder = Recorder("test", player)
    play(player, recorder, 10, late_ns=120_000, from_ns=S // 2)
    recorder.woke(50_000)
    [link] = (report := recorder.report(2 * S, kernel_drops=3)).links
    assert (link.offered_frames, link.delivered_frames, link.erased_frames) == (10, 9, 1)
    assert link.delay_error_p50_s == link.delay_error_max_s == 120e-6
    assert link.erased_slots == 1 and link.capacity_bytes == 1_000_000
    assert link.used_share == pytest.approx(0.01)
    assert link.requested_rate_bps == link.achieved_rate_bps == pytest.approx(8e6)
    [edge] = link.edges
    assert (edge.start_s, edge.end_s) == (1.0, 100.0)
    assert edge.first_s == pytest.approx(1.00012) and edge.last_s == pytest.approx(1.01012)
    assert link.dark_frames == 0 and report.kernel_drops == 3 and report.lag_max_s == 50e-6
    assert report.rows()[0]["p99"] == "120 us"


def test_a_late_emulator_shows_in_the_achieved_rate() -> None:
    player = Player(sky())
    recorder = Recorder("test", player)
    for i in range(10):
        player.offer(0, Direction.UP, bytes(1000), 2 * S + i)
    for i, arrival in enumerate(player.due(9 * S)):
        recorder.delivered(0, Direction.UP, arrival.delivery, arrival.delivery.due_ns + i * 1_000_000)
    [link] = recorder.report(9 * S).links
    assert link.achieved_rate_bps == pytest.approx(4e6)


def test_a_report_goes_on_after_a_restart_and_names_the_gap() -> None:
    first = Player(sky())
    before = Recorder("test", first)
    play(first, before, 10, late_ns=100_000, from_ns=2 * S)
    saved = Fidelity.from_json(before.report(12 * S, cpu_s=1.0).to_json())
    second = Player(sky())
    after = Recorder("test", second, saved)
    play(second, after, 10, late_ns=900_000, from_ns=20 * S)
    report = after.report(40 * S, cpu_s=0.5, gaps=((12.0, 15.0),))
    [link] = report.links
    assert link.delivered_frames == 20 and link.delivered_bytes == 20_000
    assert link.delay_error_p50_s == pytest.approx(101e-6) and link.delay_error_max_s == 900e-6
    assert report.gaps == ((12.0, 15.0),) and report.restarts == 1 and report.cpu_s == 1.5
    assert Fidelity.from_json(report.to_json()) == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"links": 3, "gaps": []}', '{"links": [{}], "gaps": []}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="not a fidelity report"):
        Fidelity.from_json(text)


def test_an_outage_that_comes_while_light_flows_cuts_its_stretch_in_two() -> None:
    player = Player(sky())
    recorder = Recorder("test", player)
    play(player, recorder, 10, late_ns=0, from_ns=2 * S)
    player.impose((0, Direction.UP), outage(12 * S, 13 * S), 11 * S)
    play(player, recorder, 10, late_ns=0, from_ns=11_995_000_000)
    [link] = recorder.report(30 * S).links
    assert [(edge.start_s, edge.end_s) for edge in link.edges] == [(1.0, 12.0), (13.0, 100.0)]
    before, after = link.edges
    assert before.first_s == 2.0 and before.last_s == pytest.approx(12.0)
    assert after.first_s == pytest.approx(13.0) and after.last_s == pytest.approx(13.005)
    assert link.dark_frames == 0 and link.delivered_frames == 20


def test_what_left_in_the_dark_is_counted() -> None:
    recorder = Recorder("test", Player(sky()))
    for start_ns, end_ns in ((0, 1000), (S - 1, S + 1), (S, S + 1), (100 * S - 1, 100 * S)):
        recorder.delivered(0, Direction.UP, Delivery(b"x", 0, start_ns, end_ns, end_ns), end_ns)
    [link] = recorder.report(100 * S).links
    assert link.dark_frames == 2
    assert [(edge.first_s, edge.last_s) for edge in link.edges] == [(1.0, 100.0)]


def test_counts_of_before_a_restart_and_of_after_it_add_up() -> None:
    fates = ("offered", "delivered", "erased", "corrupted", "reordered", "duplicated", "expired")
    counted = {name: 100 + place for place, name in enumerate(fates)}
    told = {f"{name}_frames": 10 * place for place, name in enumerate(fates)}
    bytes_before = {"offered_bytes": 7, "delivered_bytes": 5, "erased_bytes": 2}
    before = LinkFidelity("g", "s", "up", **told, **bytes_before, queue_dropped_frames=3, dark_frames=4)
    player = Player(sky())
    player.channels[0, Direction.UP].counters = Counters(
        **counted, offered_bytes=70, delivered_bytes=50, erased_bytes=20, refused=30
    )
    [link] = Recorder("test", player, Fidelity("test", 0.0, (before,))).report(S).links
    assert {name: getattr(link, f"{name}_frames") for name in fates} == {
        name: counted[name] + told[f"{name}_frames"] for name in fates
    }
    assert (link.offered_bytes, link.delivered_bytes, link.erased_bytes) == (77, 55, 22)
    assert (link.queue_dropped_frames, link.dark_frames) == (33, 4)


def test_long_delays_are_good_to_a_millisecond() -> None:
    histogram = Histogram()
    for value in (9_999_999, 10_000_000, 34_500_000, 90_000_000):
        histogram.add(value)
    assert [histogram.quantile_s(share) for share in (0.25, 0.5, 0.75, 1.0)] == [0.01, 0.011, 0.035, 0.09]


def test_processor_time_is_told_by_the_gigabyte_once_there_is_something_to_divide_by() -> None:
    player = Player(sky())
    counters = player.channels[0, Direction.UP].counters
    told = []
    for carried in (0, 10**6, 2 * 10**9):
        counters.delivered_bytes = carried
        told.append(Recorder("test", player).report(S, cpu_s=3.0).cpu_s_per_GB)
    assert told == [None, None, 1.5]
