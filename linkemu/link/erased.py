"""How many slots have been erased so far, by the timeline or by overlays that come and go. Pure.

Slots are counted as they pass, since an overlay that has ended is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkemu.link.lots import Veil
from linkemu.link.timeline import LinkTimeline

_AT_ONCE = 1 << 20  # slots whose runs are laid out in memory


class Erased:
    """The count of one direction."""

    def __init__(self, timeline: LinkTimeline) -> None:
        self._starts = timeline.erased_slot
        self._ends = timeline.erased_slot + timeline.erased_count
        self._slot = 0  # all before it are counted
        self._count = 0

    def until(self, slot: int, veils: Sequence[Veil]) -> int:
        """How many before ``slot``, by the timeline or by what has hidden slots since the last call."""
        for first in range(self._slot, slot, _AT_ONCE):
            stop = min(first + _AT_ONCE, slot)
            self._count += _covered([self._own(first, stop), *(veil.runs(first, stop) for veil in veils)])
        self._slot = max(self._slot, slot)
        return self._count

    def _own(self, first: int, stop: int) -> NDArray[np.int64]:
        low = int(np.searchsorted(self._ends, first, side="right"))
        high = int(np.searchsorted(self._starts, stop))
        own = np.stack([self._starts[low:high], self._ends[low:high]], axis=1)
        clipped: NDArray[np.int64] = np.clip(own, first, stop)
        return clipped


def _covered(runs: Sequence[NDArray[np.int64]]) -> int:
    """How many slots lie in any of these (first, end), each of shape (k, 2)."""
    every = np.concatenate(runs)
    every = every[np.argsort(every[:, 0])]
    reached = np.maximum.accumulate(np.concatenate([[0], every[:-1, 1]]))
    return int(np.maximum(every[:, 1] - np.maximum(every[:, 0], reached), 0).sum())
