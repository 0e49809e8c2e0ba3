"""Since when how many bytes are known to wait in a socket: what may be given a place in the past.

A data plane that was kept from the processor makes good what the link could have carried meanwhile, but only
with bytes that were there: all else would come out before its light. The kernel is asked as bytes come and
after each read; what it does not tell counts as come just now. Integer ns.
"""

from __future__ import annotations

import fcntl
import termios
from collections import deque

_NUMBER_BYTES = 4


class Waiting:
    """Order of calls: ``look`` when bytes may have come and after each ``take``."""

    __slots__ = ("_known", "_number", "_seen")

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()  # bytes, and since when, oldest first
        self._known = 0
        self._number = bytearray(_NUMBER_BYTES)

    def look(self, source: int, now_ns: int) -> None:
        """Ask the kernel how much waits now."""
        fcntl.ioctl(source, termios.FIONREAD, self._number)
        self.found(int.from_bytes(self._number, "little"), now_ns)

    def found(self, size: int, now_ns: int) -> None:
        """So many bytes wait now, those known before among them."""
        if size > self._known:
            self._seen.append((size - self._known, now_ns))
            self._known = size

    def since_ns(self, now_ns: int) -> int:
        """When the next byte was there, as far as is known."""
        return self._seen[0][1] if self._seen else now_ns

    @property
    def known(self) -> int:
        """Bytes that are known to wait."""
        return self._known

    def take(self, size: int, now_ns: int) -> int:
        """When the last of so many bytes, which have been read, was there."""
        if size > self._known:
            self._seen.clear()
            self._known = 0
            return now_ns
        self._known -= size
        there_ns = now_ns
        while size > 0:
            count, there_ns = self._seen.popleft()
            if count > size:
                self._seen.appendleft((count - size, there_ns))
            size -= count
        return there_ns
