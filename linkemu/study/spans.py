"""Whole seconds as sorted, disjoint half-open intervals, (n, 2): their union and their length."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Spans = NDArray[np.int64]

NONE: Spans = np.zeros((0, 2), dtype=np.int64)


def of(flags: NDArray[np.bool_], first: int, step: int = 1) -> Spans:
    """The runs of True, where the first flag stands for ``first`` and each for ``step`` seconds."""
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return np.asarray(first + step * edges.reshape(-1, 2), dtype=np.int64)


def union(parts: Iterable[Spans]) -> Spans:
    """All seconds that lie in any of the parts."""
    spans = np.concatenate([NONE, *parts])
    if len(spans) == 0:
        return NONE
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    opens = np.flatnonzero(np.concatenate([[True], spans[1:, 0] > reach[:-1]]))
    closes = np.concatenate([opens[1:] - 1, [len(spans) - 1]])
    return np.column_stack([spans[opens, 0], reach[closes]])


def length(spans: Spans) -> int:
    """Seconds in them."""
    return int(np.sum(spans[:, 1] - spans[:, 0]))
