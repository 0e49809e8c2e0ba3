"""What stands on a direction of a link: figures, light as it is left, batches whole or not at all."""

from __future__ import annotations

import pytest

from linkemu.access import imposed
from linkemu.access.imposed import Standing, Standings, change
from linkemu.errors import InputError
from linkemu.link.lane import Lane
from linkemu.link.overlay import Overlay, Pick, outage
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

MS = 1_000_000
UP, DOWN = (0, Direction.UP), (0, Direction.DOWN)
DUPLICATED = Overlay(0, None, "twice", duplicate=Pick(every=2))


def sky() -> Sky:
    return Sky.of(*(constant("a", "s", way, 10**6, 0.005, 10.0) for way in Direction))


def standing() -> Standing:
    return Standing(sky().timelines[UP])


def test_a_change_waits_for_the_next_edge_of_a_slot() -> None:
    assert standing().boundary_ns(5 * MS + 1, erases=False) == 6 * MS
    assert standing().boundary_ns(6 * MS, erases=False) == 7 * MS


def test_the_latest_rate_holds_the_lowest_cap_bounds_it_and_delays_add_up() -> None:
    on = standing()
    assert (on.rate_bps(MS), on.delay_ns(MS)) == (10**6, 5 * MS)
    for overlay in (
        Overlay(0, None, "one", rate_bps=5_000_000, delay_ns=7 * MS),
        Overlay(0, None, "two", rate_bps=3_000_000, delay_added_ns=2 * MS),
        Overlay(0, 50 * MS, "three", rate_cap_bps=100),
    ):
        on.impose(overlay, -1, 0)
    assert (on.rate_bps(MS), on.delay_ns(MS)) == (100, 9 * MS)
    assert on.rate_bps(50 * MS) == 3_000_000
    assert on.rate_bps(on.timeline.end_ns) == 0
    assert [each.name for each in on.history] == ["one", "two", "three"]
    on.lift("two", 60 * MS, 61 * MS)
    assert (on.rate_bps(61 * MS), on.history[-1].end_ns) == (5_000_000, 61 * MS)


def test_light_that_a_fault_has_not_touched_is_one_stretch() -> None:
    on = standing()
    on.impose(Overlay(MS, None, "slow", rate_cap_bps=5), 0, MS)
    assert on.lights == [(0, 10_000 * MS)]
    on.impose(outage(2000 * MS, 5000 * MS), 0, 2000 * MS)
    assert on.lights == [(0, 2000 * MS), (5000 * MS, 10_000 * MS)]


def test_effects_on_datagrams_are_refused_only_where_streams_alone_are_carried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on = standing()
    on.check(DUPLICATED)  # nobody carries anything yet
    on.join(Lane(on.timeline), is_of_streams=True)
    with pytest.raises(InputError):
        on.check(DUPLICATED)
    on.join(Lane(on.timeline))
    on.check(DUPLICATED)
    monkeypatch.setattr(imposed, "_MOST", 2)
    for name in ("one", "two"):
        on.check(DUPLICATED)
        on.impose(Overlay(0, None, name, delay_ns=1), 0, MS)
    with pytest.raises(InputError, match="2 stand on this direction already"):
        on.check(DUPLICATED)


def test_who_joins_later_gets_what_stands() -> None:
    on = standing()
    on.impose(outage(2000 * MS), 0, 2000 * MS)
    lane = Lane(on.timeline)
    on.join(lane)
    lane.receive(b"x", 3.0)
    assert lane.transmit(9.0) == []


def test_a_batch_with_one_wrong_part_changes_nothing() -> None:
    standings = Standings(sky())
    standings[DOWN].join(Lane(standings[DOWN].timeline), is_of_streams=True)
    with pytest.raises(InputError):
        change(standings, [(UP, outage(0)), (DOWN, DUPLICATED)], [], MS)
    assert standings[UP].overlaid.all == standings[DOWN].overlaid.all == ()
    done = change(standings, [(UP, outage(0))], [], MS)
    assert (done.at_ns, standings[UP].rate_bps(2 * MS)) == (2 * MS, 0)
