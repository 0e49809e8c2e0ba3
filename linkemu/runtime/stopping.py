"""SIGINT and SIGTERM of a command that has a report to give, from its beginning until it is given.

The first signal asks what runs to end. The second is taken for the same one: timeout(1) signals its child,
then the group that the child is in (coreutils, src/timeout.c, cleanup). The third interrupts at once.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_FORCED = 3


class Stopping:
    """Order of calls, in the main thread: ``with``, then ``calls`` as soon as there is something to stop.

    Once asked, it lets no later signal disturb the end of the process: when it ends they are ignored.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers or (signal.SIGINT, signal.SIGTERM)
        self._heard = 0
        self._stop: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._heard > 0

    def calls(self, stop: Callable[[], None]) -> None:
        """Have the first signal call ``stop``, wherever the main thread is; at once if it has come."""
        self._stop = stop
        if self.asked:
            stop()

    def calls_in_loop(self, stop: Callable[[], None]) -> None:
        """The same for what belongs to the loop that is running."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop)

        self.calls(wake)

    @contextmanager
    def breaking_off(self) -> Iterator[None]:
        """Within it the first signal ends what is done there, and nothing else."""
        self.calls(_break_off)  # which is KeyboardInterrupt here, where nothing has been done yet
        try:
            yield
            self._stop = None
        except _BrokenOff:
            return

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in self._numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self.asked else before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._heard += 1
        if self._heard >= _FORCED:
            raise KeyboardInterrupt
        if self._heard == 1 and self._stop is not None:
            self._stop()


class _BrokenOff(KeyboardInterrupt):
    """What was asked for has come: no error."""


def _break_off() -> None:
    raise _BrokenOff
