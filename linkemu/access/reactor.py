"""One epoll and one absolute timer: the whole loop of a data plane. Linux only.

The timer is a timerfd on CLOCK_MONOTONIC, set only when its time changes: late by some 60 us, where the
time-out of epoll is late by up to a millisecond. What is read, and when, is for those to say who register.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable

from linkemu.errors import ResourceError

Handler = Callable[[int], None]

_CLOCK_MONOTONIC = 1  # linux/time.h
_ABSOLUTE = 1  # TFD_TIMER_ABSTIME, sys/timerfd.h
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK | TFD_CLOEXEC have these values
_ITIMERSPEC = struct.Struct("@llll")  # interval, then value, each seconds and nanoseconds
_BATCH = 256


class Reactor:
    """Order of calls: ``add`` what shall be heard, ``run(step)``, ``close``."""

    def __init__(self) -> None:
        """ResourceError where there is no epoll or no timerfd."""
        if sys.platform != "linux":
            raise ResourceError("proxy", "needs Linux (epoll, timerfd, splice)")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = int(self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS))
        if self._timer < 0:
            raise ResourceError("timerfd", os.strerror(ctypes.get_errno()))
        self._epoll = select.epoll()
        self._epoll.register(self._timer, select.EPOLLIN | select.EPOLLET)
        self._handlers: dict[int, Handler] = {}
        self._armed_ns: int | None = None
        self._stopping = False

    def add(self, fd: int, handler: Handler, events: int) -> None:
        """Call ``handler`` with the events of ``fd`` whenever one of them comes."""
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Hear these events of ``fd`` from now on, or once more (EPOLLONESHOT)."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """To be called before ``fd`` is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def stop(self) -> None:
        self._stopping = True

    def stop_at_signals(self) -> None:
        """SIGTERM and SIGINT end the loop after its current round."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        self.add(reader, lambda _: self.stop(), select.EPOLLIN)

    def run(self, step: Callable[[], int | None]) -> None:
        """Hear events, then ``step``, which says at which CLOCK_MONOTONIC ns it wants to be called again."""
        next_ns = step()
        while not self._stopping:
            due = next_ns is not None and next_ns <= time.monotonic_ns()
            if not due:
                self._arm(next_ns)
            for fd, events in self._epoll.poll(0 if due else -1, _BATCH):
                handler = self._handlers.get(fd)
                if handler is not None:
                    handler(events)
                elif fd == self._timer:
                    self._armed_ns = None
            next_ns = step()

    def close(self) -> None:
        self._epoll.close()
        os.close(self._timer)

    def _arm(self, at_ns: int | None) -> None:
        if at_ns == self._armed_ns:
            return
        self._armed_ns = at_ns
        seconds, rest = divmod(at_ns or 0, 1_000_000_000)  # 0, 0 disarms
        value = _ITIMERSPEC.pack(0, 0, seconds, rest)
        if self._libc.timerfd_settime(self._timer, _ABSOLUTE, value, None) != 0:
            raise ResourceError("timerfd", os.strerror(ctypes.get_errno()))
