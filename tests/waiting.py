"""How tests wait: for a condition that others bring about, or for a moment. Never in hope.

The pauses between two looks are here and nowhere else, and each wait has an end. And how tests measure what
a busy machine can only make worse.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_S = 0.01


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Whether it becomes true in time."""
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(LOOK_S)
    return True


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for what other processes or threads do."""
    assert eventually(condition, seconds), "it never came"


async def until_async(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """The same while the loop goes on, for what has no event of its own (files, sockets, processes)."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


def least(measure: Callable[[], float], below: float, times: int = 5) -> float:
    """The first that is below, else the least of so many: a busy machine makes things late, never early.

    For a bound on lateness alone: what must hold whatever the machine does, `measure` asserts each time.
    """
    found = float("inf")
    for _ in range(times):
        found = min(found, measure())
        if found < below:
            break
    return found


def moment(at_s: float) -> None:
    """Wait for a moment of CLOCK_MONOTONIC."""
    time.sleep(max(0.0, at_s - time.monotonic()))
