"""Parts of a run: plans, work and live faults go where their sky goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu import scenario
from linkemu.errors import InputError
from linkemu.forecast import forecast
from linkemu.link import reshape
from linkemu.link.channel import Channel
from linkemu.link.outages import delay_s
from linkemu.link.player import Player
from linkemu.machine import Direction
from linkemu.record import opening
from linkemu.record.excerpt import Excerpt
from linkemu.record.played import Played
from linkemu.runtime import past
from tests.record import made

S = 10**9
EXCERPTS = st.builds(
    Excerpt,
    start_ns=st.integers(0, 60 * S),
    length_ns=st.one_of(st.none(), st.integers(10**7, 60 * S)),
    slow=st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2), Fraction(5, 4)]),
    rounds=st.integers(1, 3),
    shift_ns=st.integers(0, 20 * S),
)


@pytest.fixture(scope="module")
def demo() -> Played:
    read = scenario.load(made.CONFIGS / "demo.toml")
    compiled = forecast(read)
    return Played(compiled.sky, read, compiled.epoch, compiled.plans)


@settings(deadline=None)
@given(EXCERPTS)
def test_plans_promise_what_their_sky_holds(demo: Played, excerpt: Excerpt) -> None:
    """At each moment of a window: the delay of the light, and no more than the rate of a clear sky."""
    part = excerpt.apply(demo)
    assert part.plans.keys() == demo.plans.keys()
    for plan in part.plans.values():
        starts = [window.start_s for window in plan.windows]
        assert starts == sorted(starts)
        sends = Direction.UP if plan.node == "koganei" else Direction.DOWN
        timeline = part.sky.timelines[0, sends]
        fastest = int(timeline.rate_bps.max())
        for window in plan.windows:
            assert 0 <= window.start_s < window.end_s <= timeline.end_ns / 1e9 + 1e-6
            assert all(rate <= max(fastest, 1) * 1.01 for _, rate in window.expected_rate) or fastest == 0
            assert all(window.start_s <= at_s < window.end_s for at_s, _ in window.expected_rate)
            moments = np.linspace(window.start_s, window.end_s, 7)[1:-1]
            times, promised = np.array(window.delay).T
            light = delay_s(timeline, (moments * 1e9).astype(np.int64))
            assert np.allclose(np.interp(moments, times, promised), light, atol=2e-5 * float(excerpt.slow))


def test_a_cut_begins_later_and_its_work_is_asked_in_its_place(demo: Played) -> None:
    part = Excerpt(start_ns=10 * S + 400_000, length_ns=30 * S, slow=Fraction(2)).apply(demo)
    assert part.scenario is not None
    assert part.epoch is not None
    assert demo.scenario is not None
    assert demo.epoch is not None
    assert part.epoch - demo.epoch == timedelta(seconds=10)
    assert part.scenario.duration_s == pytest.approx(60.0008)
    before = [each.at_s for each in demo.scenario.transfers]
    assert [each.at_s for each in part.scenario.transfers] == pytest.approx(
        [max(0.0, at_s - 10.0004) * 2 for at_s in before if at_s < 40.0], abs=1e-3
    )


def test_a_shift_moves_the_sky_against_the_work(demo: Played) -> None:
    part = Excerpt(shift_ns=5 * S).apply(demo)
    assert part.scenario is not None
    assert demo.scenario is not None
    assert part.scenario.transfers == demo.scenario.transfers
    assert part.scenario.duration_s == demo.scenario.duration_s + 5.0
    moved = {node: [w.start_s for w in plan.windows] for node, plan in part.plans.items()}
    assert moved == {node: [w.start_s + 5.0 for w in plan.windows] for node, plan in demo.plans.items()}
    earlier = Excerpt(shift_ns=-5 * S).apply(demo)
    assert reshape.end_ns(earlier.sky) == reshape.end_ns(demo.sky) - 5 * S
    assert all(w.start_s >= 0.0 for plan in earlier.plans.values() for w in plan.windows)


FAULTS = st.lists(
    st.builds(
        lambda way, start, length, rate: {
            "link": 0,
            "direction": way,
            "start_ns": start * 10**6,
            "end_ns": (start + length) * 10**6,
            "rate_cap_bps": rate,
        },
        st.sampled_from(["up", "down"]),
        st.integers(0, 70_000),
        st.integers(1, 20_000),
        st.sampled_from([0, 8_000_000]),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(EXCERPTS, FAULTS)
def test_faults_lie_over_the_part_as_they_lay_over_the_whole(demo: Played, excerpt: Excerpt, rows) -> None:
    """Capacity of each round of the part, with its faults, is that of the whole with its own."""
    part = excerpt.apply(replace(demo, faults=tuple(rows)))
    whole, cut = Player(demo.sky), Player(part.sky)
    for player, faults in ((whole, rows), (cut, part.faults)):
        for key, overlay in past.overlays(faults):
            player.impose(key, overlay, -1)
    stated = Excerpt.of(part.excerpts[-1]) if part.excerpts else Excerpt(length_ns=reshape.end_ns(demo.sky))
    assert stated.length_ns is not None
    length_ns = stated.length_ns // S * S
    for key, channel in whole.channels.items():
        asked = carried(channel, stated.start_ns, length_ns)
        for n in range(stated.rounds):
            round_ns = (reshape.end_ns(part.sky) - stated.shift_ns) // stated.rounds
            begin_ns = stated.shift_ns + n * round_ns
            got = carried(cut.channels[key], begin_ns, round(length_ns * stated.slow))
            assert abs(got - asked) <= (asked >> 20) + 80 * S, (key, n)


def carried(channel: Channel, start_ns: int, length_ns: int) -> int:
    return channel.capacity.position(start_ns + length_ns) - channel.capacity.position(start_ns)


@given(EXCERPTS)
def test_the_manifest_gives_back_the_excerpt(excerpt: Excerpt) -> None:
    assert Excerpt.of(excerpt.document()) == excerpt


def test_the_whole_is_the_same_object(demo: Played) -> None:
    assert Excerpt().apply(demo) is demo


def test_nothing_is_left_beyond_the_end(demo: Played) -> None:
    with pytest.raises(InputError):
        Excerpt(start_ns=reshape.end_ns(demo.sky)).apply(demo)


def test_a_recorded_part_of_a_part_replays(tmp_path: Path, record) -> None:
    """Sky and plans as they were made, work through both excerpts."""
    first = Excerpt(start_ns=S, slow=Fraction(2)).apply(opening.load(record[0]).played)
    once = made.recorded(tmp_path / "once", first)
    reopened = opening.load(tmp_path / "once").played
    assert reopened.scenario is not None
    assert first.scenario is not None
    assert reopened.scenario.transfers == tuple(
        replace(each, file=again.file)
        for each, again in zip(first.scenario.transfers, reopened.scenario.transfers, strict=True)
    )
    assert made.run(reopened).digest == once.digest
    second = Excerpt(length_ns=10 * S, shift_ns=S).apply(reopened)
    twice = made.recorded(tmp_path / "twice", second)
    assert len(opening.load(tmp_path / "twice").manifest.excerpts) == 2
    assert made.run(opening.load(tmp_path / "twice").played).digest == twice.digest
