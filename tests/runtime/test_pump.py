"""The pump drives its machine once for what comes together, wakes it when it wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from linkemu.runtime.clock import VirtualClock, VirtualLoop
from linkemu.runtime.pump import Pump


class Echo:
    """A Machine that gives back what came, and notes when it was driven."""

    def __init__(self) -> None:
        self.wake_at: float | None = None
        self.driven_at: list[float] = []
        self._held: list[bytes] = []

    def receive(self, datagram: bytes, now: float) -> None:
        self._held.append(b"%g %s" % (now, datagram))

    def transmit(self, now: float) -> list[bytes]:
        self.driven_at.append(now)
        if self.wake_at is not None and self.wake_at <= now:
            self.wake_at = None
        out, self._held = self._held, []
        return out

    def next_wakeup(self) -> float | None:
        return self.wake_at


def played(story: Callable[[Echo, Pump, VirtualClock], Awaitable[None]]) -> tuple[list[float], list[bytes]]:
    """When the machine was driven, and what it sent."""
    echo, sent = Echo(), list[bytes]()

    async def play(clock: VirtualClock) -> None:
        await story(echo, Pump(echo, sent.append, clock), clock)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        runner.run(play(VirtualClock(loop)))
    return echo.driven_at, sent


def test_datagrams_that_come_together_are_answered_together_and_later_ones_again() -> None:
    async def story(echo: Echo, pump: Pump, clock: VirtualClock) -> None:
        for at_s in (1.0, 2.0):
            await clock.sleep_until(at_s)
            pump.receive(b"a", at_s)
            pump.receive(b"b", at_s)

        await clock.sleep_until(3.0)

    driven, sent = played(story)
    assert driven == [1.0, 2.0]
    assert sent == [b"1 a", b"1 b", b"2 a", b"2 b"]


def test_who_drives_at_once_needs_no_second_drive() -> None:
    async def story(echo: Echo, pump: Pump, clock: VirtualClock) -> None:
        pump.receive(b"a", 0.0)
        pump.drive()
        await clock.sleep_until(1.0)
        pump.receive(b"b", 1.0)
        await clock.sleep_until(2.0)

    driven, sent = played(story)
    assert len(driven) == 2 and driven[1] == 1.0
    assert sent == [b"0 a", b"1 b"]


def test_a_wake_up_that_is_no_longer_wanted_is_none() -> None:
    async def story(echo: Echo, pump: Pump, clock: VirtualClock) -> None:
        echo.wake_at = 5.0
        pump.drive()
        await clock.sleep_until(1.0)
        echo.wake_at = None
        pump.drive()
        await clock.sleep_until(6.0)
        echo.wake_at = 7.0
        pump.drive()
        echo.wake_at = None
        await clock.sleep_until(8.0)

    driven, _ = played(story)
    assert driven[1:] == [1.0, 6.0, 7.0]


def test_a_wake_up_that_moves_earlier_replaces_the_later_one() -> None:
    async def story(echo: Echo, pump: Pump, clock: VirtualClock) -> None:
        echo.wake_at = 3.0
        pump.drive()
        echo.wake_at = 0.5
        pump.drive()
        await clock.sleep_until(4.0)

    driven, _ = played(story)
    assert driven[2:] == [0.5]


def test_once_closed_it_drives_nothing() -> None:
    async def story(echo: Echo, pump: Pump, clock: VirtualClock) -> None:
        echo.wake_at = 2.0
        pump.drive()
        pump.receive(b"too late", 0.0)
        pump.close()
        await clock.sleep_until(3.0)

    driven, sent = played(story)
    assert (len(driven), sent) == (1, [])
