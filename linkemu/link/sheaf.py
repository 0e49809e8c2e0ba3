"""Datagrams that go through a Lane together: a Sheaf as it came, Placed with its times, a Leg as it leaves.

What is done to them is the Lane's business; where their bytes are, that of whoever made the sheaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Sheaf(Protocol):
    """Datagrams that came together; whoever made it knows where their bytes are."""

    @property
    def sizes(self) -> Integers:
        """Bytes of each, shape (n,)."""
        ...

    def datagram(self, row: int) -> bytes:
        """One of them."""
        ...


class Loose:
    """A sheaf of datagrams that are bytes."""

    def __init__(self, datagrams: Sequence[bytes]) -> None:
        self._datagrams = datagrams
        self.sizes: Integers = np.array([len(each) for each in datagrams], dtype=np.int64)

    def datagram(self, row: int) -> bytes:
        return self._datagrams[row]


@dataclass(slots=True, eq=False)
class Placed:
    """Some rows of a sheaf with their times, arrays of shape (n,). Those that are ``lost`` don't arrive."""

    sheaf: Sheaf
    rows: Integers
    sizes: Integers
    arrived_ns: Integers
    start_ns: Integers
    end_ns: Integers  # of leaving, or when an expired one is given up
    due_ns: Integers
    lost: NDArray[np.bool_] | None  # None: none is
    expired: bool  # then it is one datagram, which left no place behind it
    base: int  # position at which the first may begin
    ahead: Integers  # position, from the base, at which each ends
    left_ns: Integers  # when each is out of the queue: not before those ahead of it
    before: tuple[int, int]  # position and due time of what went before
    first: int = 0  # rows before this one have come out
    left: int = 0  # rows before this one have left the queue

    def tail(self, row: int) -> tuple[int, int]:
        """Position and due time of what went before a row."""
        if row == 0:
            return self.before
        return self.base + int(self.ahead[row - 1]), int(self.due_ns[row - 1])


@dataclass(slots=True)
class Leg:
    """Rows of ``placed`` from ``first`` up to ``stop`` that are due now, lost ones among them."""

    placed: Placed
    first: int
    stop: int

    def kept(self) -> Integers | slice:
        """Which of the arrays of ``placed`` it is, without those that are lost."""
        lost = self.placed.lost
        if lost is None:
            return slice(self.first, self.stop)
        return self.first + np.flatnonzero(~lost[self.first : self.stop])
