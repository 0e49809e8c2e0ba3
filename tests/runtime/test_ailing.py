"""Clocks that are wrong, nodes that stand still, disks that fail: each by itself, under the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import ResourceError
from linkemu.runtime.ailing import AilingClock, AilingDisk, live
from linkemu.runtime.clock import VirtualClock, VirtualLoop
from linkemu.runtime.disk import InlineDisk
from linkemu.schedule import NodeFault

S = 10**9


def play(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    async def inside() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await story(VirtualClock(loop))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(inside())


@given(
    st.integers(-(10**13), 10**13),
    st.floats(-1e4, 1e4, allow_nan=False),
    st.lists(st.floats(0.0, 1e5), min_size=1, max_size=8),
)
def test_a_timer_of_a_wrong_clock_never_fires_early(
    shift_ns: int, drift_ppm: float, waits: list[float]
) -> None:
    async def story(true: VirtualClock) -> None:
        clock = AilingClock(true, [NodeFault("n", "clock", 0, None, shift_ns, drift_ppm)])
        for wait in waits:
            at = clock.now() + wait
            await clock.sleep_until(at)
            assert clock.now() >= at
            assert clock.now() - at < 1e-6
        expected = true.now() * (1 + drift_ppm / 1e6) + shift_ns / 1e9
        assert clock.now() == pytest.approx(expected, rel=1e-12, abs=1e-9)

    play(story)


def test_timers_of_a_frozen_node_wait_until_it_thaws_and_may_be_cancelled() -> None:
    async def story(true: VirtualClock) -> None:
        clock = AilingClock(true, [NodeFault("n", "freeze", 2 * S, 5 * S)])
        fired: list[tuple[str, float]] = []
        for name, at in (("before", 1.0), ("within", 3.0), ("after", 6.0), ("never", 4.0)):
            timer = clock.call_at(at, lambda name=name: fired.append((name, true.now())))  # type: ignore[misc]
        true.call_at(4.5, timer.cancel)
        await true.sleep_until(10.0)
        assert fired == [("before", 1.0), ("within", 5.0), ("after", 6.0)]

    play(story)


def test_a_node_is_killed_and_started_again_as_it_is_told() -> None:
    async def story(clock: VirtualClock) -> None:
        told: list[tuple[str, float]] = []

        async def node() -> None:
            told.append(("up", clock.now()))
            try:
                await clock.sleep_until(100.0)
            finally:
                told.append(("down", clock.now()))

        async def end() -> None:
            told.append(("closed", clock.now()))

        faults = [
            NodeFault("n", "kill", 2 * S, 4 * S),
            NodeFault("n", "kill", 3 * S),
            NodeFault("n", "kill", 9 * S),
        ]
        life = asyncio.ensure_future(live(node, end, clock, faults))
        await clock.sleep_until(20.0)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        ups = [("up", 0.0), ("down", 2.0), ("closed", 2.0), ("up", 4.0), ("down", 9.0), ("closed", 9.0)]
        assert told == [*ups, ("up", 9.0), ("down", 20.0)]

    play(story)


def test_an_error_of_a_node_that_is_to_be_killed_later_is_not_swallowed() -> None:
    async def node() -> None:
        raise ResourceError("disk", "on fire")

    async def end() -> None:
        raise AssertionError("not killed yet")

    async def story(clock: VirtualClock) -> None:
        with pytest.raises(ResourceError, match="on fire"):
            await live(node, end, clock, [NodeFault("n", "kill", 2 * S)])

    play(story)


def test_a_failed_disk_refuses_everything_for_its_time_and_keeps_what_it_had(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        disk = AilingDisk(InlineDisk(), clock, [NodeFault("n", "disk", 2 * S, 5 * S)], tmp_path)
        path = tmp_path / "file"
        await disk.write(path, b"x" * 5000)
        await clock.sleep_until(2.0)
        calls = [
            disk.read(path),
            disk.write(path, b"y"),
            disk.append(path, b"y"),
            disk.truncate(path, 1),
            disk.sync(path),
            disk.replace(path, tmp_path / "b"),
            disk.remove(path),
            disk.make_directory(tmp_path / "c"),
            disk.names(tmp_path),
            disk.size(path),
        ]
        for call in calls:
            with pytest.raises(ResourceError, match=r"^(file|b|c|\.): input/output error"):
                await call
        await clock.sleep_until(5.0)
        assert await disk.read(path) == b"x" * 5000 and await disk.names(tmp_path) == ["file"]

    play(story)


def test_flipped_bits_are_as_many_as_asked_and_stay_on_the_medium(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        disk = AilingDisk(InlineDisk(), clock, [NodeFault("n", "bit-flip", S, count=2, seed=5)], tmp_path)
        path = tmp_path / "file"
        await disk.write(path, bytes(5000))
        assert await disk.read(path) == bytes(5000)
        await clock.sleep_until(1.0)
        assert await disk.read(path, 0, 100) == bytes(100)
        one, two, three = [await disk.read(path, 1000) for _ in range(3)]
        assert [sum(each.bit_count() for each in data) for data in (one, two, three)] == [1, 2, 2]
        assert path.read_bytes() == bytes(1000) + three

    play(story)
