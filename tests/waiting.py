"""How tests wait: for a condition that others bring about, or for a moment. Never in hope.

The pauses between two looks are here and nowhere else, and each wait has an end.
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


def moment(at_s: float) -> None:
    """Wait for a moment of CLOCK_MONOTONIC."""
    time.sleep(max(0.0, at_s - time.monotonic()))
