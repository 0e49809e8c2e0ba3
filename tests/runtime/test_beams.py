"""What displays are told of links: the sky's outages, and those of live faults, for as long as they last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from linkemu.link.overlay import Overlay, Pick, blackhole, outage
from linkemu.link.player import Player
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.runtime.beams import Observer

S = 10**9
UP = (0, Direction.UP)


def watched(**more: object) -> tuple[Player, Observer]:
    player = Player(Sky.of(*(constant("g", "s", way, 10**6, 0.002, 60.0, **more) for way in Direction)))  # type: ignore[arg-type]
    return player, Observer(player, {})


def seen(observer: Observer, at_ns: int) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """State and cause of both directions."""
    (link,) = observer.telemetry(at_ns)
    return (link.up.state, link.up.cause), (link.down.state, link.down.cause)


def test_long_erasure_and_darkness_of_the_sky_are_told_and_single_fades_are_not() -> None:
    _, observer = watched(erased=[(1000, 500), (2000, 99)], dark=[(3.0, 4.0, Cause.CLOUD)])
    for at_s, told in [
        (0.5, ("open", None)),
        (1.2, ("blocked", "fade")),
        (2.05, ("open", None)),
        (3.5, ("dark", "cloud")),
    ]:
        assert seen(observer, round(at_s * S)) == (told, told)


def test_a_live_blackhole_is_told_while_it_lasts() -> None:
    player, observer = watched()
    assert observer.changes(0) and not observer.changes(S // 2)
    player.impose(UP, blackhole(0), S)
    assert seen(observer, 2 * S) == (("blocked", "fault"), ("open", None))
    (change,) = observer.changes(2 * S)
    assert change.up.state == "blocked" and change.down.state == "open"
    player.lift(None, 3 * S)
    assert seen(observer, 4 * S) == (("open", None), ("open", None))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (blackhole(0, 20 * S), ("blocked", "fault")),
        (outage(0), ("dark", "fault")),
        (Overlay(0, erase_slots=Pick(2)), ("open", None)),
        (Overlay(0, erase_datagrams=Pick(2)), ("open", None)),
        (Overlay(0, erase_datagrams=Pick(1)), ("blocked", "fault")),
        (blackhole(2 * S - 10**7, 2 * S + 8 * 10**7), ("open", None)),  # as short as a fade
    ],
)
def test_what_a_live_fault_is_told_as(fault: Overlay, told: tuple[str, str | None]) -> None:
    player, observer = watched()
    player.impose(UP, replace(fault, name="test"), S)
    assert seen(observer, 2 * S) == (told, ("open", None))
