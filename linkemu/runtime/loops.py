"""Event loops: the real one with timers in microseconds, and the virtual one that jumps to its next timer.

asyncio's own epoll selector rounds time-outs up to whole milliseconds; HiEpoll waits in select(2) on the
epoll descriptor instead, in microseconds. The virtual loop starts near 0, as asyncio compares timers with a
resolution of 1 ns, which a float near the Unix epoch can't hold. What would need outside time is refused.
"""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable
from typing import Any, NoReturn

from linkemu.errors import ClockError

if hasattr(selectors, "EpollSelector"):

    class HiEpoll(selectors.EpollSelector):
        """epoll whose time-outs are good to microseconds."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is not None and timeout > 0:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
            return super().select(timeout)

    def real_loop() -> asyncio.SelectorEventLoop:
        """For ``asyncio.Runner(loop_factory=real_loop)``."""
        return asyncio.SelectorEventLoop(HiEpoll())

else:  # no epoll: macOS, BSD; kqueue keeps sub-millisecond time-outs by itself

    def real_loop() -> asyncio.SelectorEventLoop:
        """For ``asyncio.Runner(loop_factory=real_loop)``."""
        return asyncio.SelectorEventLoop()


class _Jump(selectors.DefaultSelector):
    """Instead of waiting, tells the loop to move its time."""

    advance: Callable[[float | None], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.advance(timeout)
        return super().select(0)


def _refuse(what: str) -> Any:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise ClockError(f"the virtual clock can't wait for {what}; use the real or the scaled clock")

    return refused


class VirtualLoop(asyncio.SelectorEventLoop):
    """Loop whose time is the scenario's: runs what is runnable, then jumps to the next timer.

    Nothing runnable and no timer is a deadlock, and raises ClockError out of ``run_until_complete``.
    """

    def __init__(self) -> None:
        self._virtual_s = 0.0
        jump = _Jump()
        super().__init__(jump)
        jump.advance = self._advance

    def time(self) -> float:
        return self._virtual_s

    def _advance(self, timeout: float | None) -> None:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        if timeout is None or not timers:
            raise ClockError("deadlock: nothing is runnable and no timer is set under the virtual clock")
        self._virtual_s = max(self._virtual_s, timers[0].when())

    add_reader = _refuse("a socket")
    add_writer = _refuse("a socket")
    sock_recv = _refuse("a socket")
    sock_connect = _refuse("a socket")
    sock_accept = _refuse("a socket")
    create_connection = _refuse("a socket")
    create_server = _refuse("a socket")
    create_datagram_endpoint = _refuse("a socket")
    create_unix_connection = _refuse("a socket")
    create_unix_server = _refuse("a socket")
    connect_read_pipe = _refuse("a pipe")
    connect_write_pipe = _refuse("a pipe")
    subprocess_exec = _refuse("another process")
    subprocess_shell = _refuse("another process")
    run_in_executor = _refuse("a thread")
    getaddrinfo = _refuse("a name server")
