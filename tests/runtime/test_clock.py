"""Clocks: the map of time is exact and outlives a kill, timers live through jumps, virtual time refuses."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import ClockError
from linkemu.runtime.clock import MappedClock, Piece, TimeMap, VirtualClock, VirtualLoop, real_loop
from tests.waiting import least

ns = st.integers(0, 10**17)


@given(ns, ns, st.sampled_from([1.0, 10.0, 0.25]), st.integers(0, 10**15))
def test_the_map_and_its_inverse_agree(start: int, scenario: int, rate: float, elapsed: int) -> None:
    time_map = TimeMap((Piece(start, scenario, rate),))
    there = time_map.scenario_ns(start + elapsed)
    assert abs(time_map.monotonic_ns(there) - (start + elapsed)) <= 1 / rate + 1 + elapsed * 1e-15
    assert time_map.scenario_ns(start - 1) == scenario


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_jumps_go_forward_and_are_counted(elapsed: int, skip: int) -> None:
    first = TimeMap((Piece(1000, 0),))
    second = first.jump(1000 + elapsed, elapsed + skip)
    assert second.version == first.version + 1
    assert second.skipped_ns() == skip
    assert second.scenario_ns(1000 + elapsed + 5) == elapsed + skip + 5
    with pytest.raises(ClockError, match="back"):
        second.jump(1000 + elapsed, elapsed + skip - 1)


def test_scaled_time_stays_so_over_a_jump() -> None:
    jumped = TimeMap((Piece(0, 0, 10.0),)).jump(100, 5000)
    assert jumped.scenario_ns(103) == 5030
    assert jumped.skipped_ns() == 4000


def test_a_map_survives_on_disk_and_is_refused_after_a_reboot(tmp_path: Path, synced: list[Path]) -> None:
    path = tmp_path / "timemap.json"
    assert TimeMap.load(path) is None
    time_map = TimeMap((Piece(5, 0, 2.0),)).jump(1005, 10**9)
    time_map.save(path)
    assert synced == [tmp_path / "timemap.json.tmp", tmp_path], "its bytes before its name, then its name"
    assert TimeMap.load(path) == time_map
    path.write_text(path.read_text().replace('"boot": "', '"boot": "another-'))
    with pytest.raises(ClockError, match="rebooted"):
        TimeMap.load(path)
    path.write_text("{")
    with pytest.raises(ClockError, match="not a time map"):
        TimeMap.load(path)


def run_virtually(work: Callable[[VirtualClock], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(work(VirtualClock(loop)))


def test_a_virtual_day_takes_no_time_and_is_exact() -> None:
    async def day(clock: VirtualClock) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def ring(name: str, every: float) -> None:
            for i in range(1, 4):
                await clock.sleep_until(i * every)
                seen.append((name, clock.now()))

        async with asyncio.TaskGroup() as group:
            group.create_task(ring("slow", 28_800.0))
            group.create_task(ring("fast", 0.1))
        return seen

    start_s = time.perf_counter()
    seen = run_virtually(day)
    assert time.perf_counter() - start_s < 60.0
    assert seen == [
        *[("fast", i * 0.1) for i in range(1, 4)],
        *[("slow", i * 28_800.0) for i in range(1, 4)],
    ]


def test_a_cancelled_timer_does_not_move_time() -> None:
    async def work(clock: VirtualClock) -> float:
        clock.call_at(50.0, lambda: None).cancel()
        await clock.sleep_until(100.0)
        await clock.sleep_until(60.0)  # in the past: returns at once
        return clock.now()

    assert run_virtually(work) == 100.0


def test_a_deadlock_is_an_error() -> None:
    async def work(clock: VirtualClock) -> None:
        await asyncio.Event().wait()

    with pytest.raises(ClockError, match="deadlock"):
        run_virtually(work)


def test_virtual_time_refuses_sockets_threads_and_processes() -> None:
    async def work(clock: VirtualClock) -> int:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        refused = 0
        with left, right:
            left.setblocking(False)
            attempts: list[Callable[[], Any]] = [
                lambda: loop.add_reader(left, print),
                lambda: loop.run_in_executor(None, print),
                lambda: loop.create_connection(asyncio.Protocol, "127.0.0.1", 9),
                lambda: loop.create_server(asyncio.Protocol, "127.0.0.1", 0),
                lambda: loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0)),
                lambda: loop.subprocess_exec(asyncio.SubprocessProtocol, "true"),
                lambda: loop.sock_recv(left, 1),
            ]
            for attempt in attempts:
                with pytest.raises(ClockError, match="virtual clock"):
                    attempt()
                refused += 1
        return refused

    assert run_virtually(work) == 7


class Hand:
    """A CLOCK_MONOTONIC that is moved by hand."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


async def test_a_jump_wakes_what_it_passes_and_nothing_else() -> None:
    hand = Hand()
    clock = MappedClock(TimeMap((Piece(0, 0),)), hand)
    passed, beyond = asyncio.Event(), asyncio.Event()
    clock.call_at(100.0, passed.set)
    clock.call_at(1000.0, beyond.set)
    assert clock.next_essential() is None
    sleeper = asyncio.create_task(clock.sleep_until(500.0))
    await asyncio.sleep(0)
    assert clock.next_essential() == 500.0
    clock.adopt(clock.time_map.jump(hand(), 500 * 10**9))
    async with asyncio.timeout(5.0):
        await passed.wait()
        await sleeper
    assert clock.now() == 500.0 and not beyond.is_set()


async def test_a_timer_never_fires_early() -> None:
    """The loop's clock may run ahead of ours: the timer asks again."""
    hand = Hand()
    clock = MappedClock(TimeMap((Piece(0, 0, 1000.0),)), hand)
    fired: list[float] = []
    clock.call_at(1.0, lambda: fired.append(clock.now()))
    for hand.ns in (0, 500_000, 999_999, 1_000_000):
        await asyncio.sleep(0.003)
        assert bool(fired) == (hand.ns >= 1_000_000)
    assert fired == [1.0]


async def test_what_has_fired_or_was_given_up_holds_no_time_back() -> None:
    monotonic_ns = 0
    clock = MappedClock(TimeMap((Piece(0, 0),)), lambda: monotonic_ns)
    fired, far = asyncio.Event(), asyncio.create_task(clock.sleep_until(90.0))
    clock.call_at(5.0, fired.set, essential=True)
    await asyncio.sleep(0)
    assert clock.next_essential() == 5.0
    monotonic_ns = 6 * 10**9
    clock.adopt(clock.time_map)
    await fired.wait()
    assert clock.next_essential() == 90.0
    far.cancel()
    await asyncio.wait([far])
    assert clock.next_essential() is None


def test_time_is_unknown_before_the_emulator_tells_it() -> None:
    with pytest.raises(ClockError, match="not known yet"):
        MappedClock().now()


def test_the_real_loop_wakes_within_a_millisecond_or_so() -> None:
    async def late() -> float:
        loop = asyncio.get_running_loop()
        best = 1.0
        for _ in range(20):
            start = loop.time()
            await asyncio.sleep(0.0003)
            best = min(best, loop.time() - start - 0.0003)
        return best

    with asyncio.Runner(loop_factory=real_loop) as runner:
        late_s = least(lambda: runner.run(late()), 0.0006)
    assert 0 <= late_s < 0.0006  # asyncio's own selector rounds up to a whole millisecond
