"""Flags: one bit for each chunk of a file, with the end of its settled front and its last outpost at hand.

Both ends of a link keep one per file: the receiver of what is durable, the sender of what is acknowledged.
Two of them are compared as integers over a window, so that what is equal costs next to nothing.
"""

from __future__ import annotations


class Flags:
    """All below ``low`` are set, none from ``high`` on is."""

    __slots__ = ("_flags", "high", "low")

    def __init__(self, count: int) -> None:
        self.low = 0
        self.high = 0
        self._flags = bytearray(count)

    def set(self, index: int) -> None:
        self._flags[index] = 1
        self.high = max(self.high, index + 1)
        if index == self.low:
            gap = self._flags.find(0, index)
            self.low = len(self._flags) if gap < 0 else gap

    def clear(self, index: int) -> None:
        self._flags[index] = 0
        self.low = min(self.low, index)
        if index + 1 == self.high:
            self.high = self._flags.rfind(1) + 1

    def window(self, start: int, end: int) -> int:
        """The flags of [start, end) as an integer, bit 0 for ``start``."""
        digits = self._flags[start:end].translate(_DIGITS)[::-1]
        return int(digits, 2) if digits else 0


_DIGITS = bytes([ord("0"), ord("1")]) + bytes(254)
