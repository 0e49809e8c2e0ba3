"""Spans of time and runs of slots: painting, cutting and merging them. Knows no physics and no links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkemu.link.timeline import Cause

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of scenario time with the cause of its darkness, in seconds."""

    start_s: float
    end_s: float
    cause: Cause

    def clipped(self, start_s: float, end_s: float) -> Span | None:
        """The part within a window, None if nothing is left."""
        start_s, end_s = max(self.start_s, start_s), min(self.end_s, end_s)
        return Span(start_s, end_s, self.cause) if start_s < end_s else None


def clip(spans: Iterable[Span], start_s: float, end_s: float) -> list[Span]:
    """The parts of the spans that lie within a window."""
    clipped = (span.clipped(start_s, end_s) for span in spans)
    return [span for span in clipped if span is not None]


def disjoint(spans: Iterable[Span]) -> list[Span]:
    """The same cover, sorted and without overlap; where spans overlap the one that began first goes on."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start_s, -s.end_s, s.cause)):
        rest = span.clipped(result[-1].end_s, np.inf) if result else span
        if rest is not None and rest.start_s < rest.end_s:
            result.append(rest)
    return result


def gaps(start_s: float, end_s: float, spans: Iterable[Span]) -> list[tuple[float, float]]:
    """What the spans leave over of a window."""
    left: list[tuple[float, float]] = []
    for span in clip(disjoint(spans), start_s, end_s):
        if span.start_s > start_s:
            left.append((start_s, span.start_s))
        start_s = span.end_s
    return [*left, (start_s, end_s)] if start_s < end_s else left


def positive(t_s: NDArray[np.float64], value: NDArray[np.float64], cause: Cause) -> list[Span]:
    """Where a sampled function is above 0, its edges by linear interpolation."""
    above = value > 0.0
    if not above.any():
        return []
    change = np.flatnonzero(above[1:] != above[:-1])
    share = value[change] / (value[change] - value[change + 1])
    edges = (t_s[change] + share * (t_s[change + 1] - t_s[change])).tolist()
    if above[0]:
        edges.insert(0, float(t_s[0]))
    if above[-1]:
        edges.append(float(t_s[-1]))
    return [
        Span(start, end, cause) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end
    ]


@dataclass(frozen=True, slots=True)
class Segments:
    """Rate segments as a LinkTimeline holds them."""

    edge_ns: Integers
    rate_bps: Integers
    cause: NDArray[np.uint8]
    known: NDArray[np.bool_]


class Canvas:
    """Paint rates and outages over each other, last on top; ``flatten`` gives the segments."""

    def __init__(self, end_s: float) -> None:
        self._end_ns = round(end_s * 1e9)
        self._layers: list[tuple[int, int, int, Cause, bool]] = []

    def rate(self, start_s: float, end_s: float, rate_bps: int) -> None:
        self._add(start_s, end_s, rate_bps, Cause.NONE, False)

    def dark(self, start_s: float, end_s: float, cause: Cause, *, known: bool) -> None:
        self._add(start_s, end_s, 0, cause, known)

    def _add(self, start_s: float, end_s: float, rate_bps: int, cause: Cause, known: bool) -> None:
        start, end = max(0, round(start_s * 1e9)), min(self._end_ns, round(end_s * 1e9))
        if start < end:
            self._layers.append((start, end, rate_bps, cause, known))

    def flatten(self) -> Segments:
        """Segments from 0 to the end, equal neighbours merged."""
        edges = np.unique(np.array([edge for layer in self._layers for edge in layer[:2]], dtype=np.int64))
        rate = np.zeros(len(edges) - 1, dtype=np.int64)
        cause = np.zeros(len(edges) - 1, dtype=np.uint8)
        known = np.zeros(len(edges) - 1, dtype=np.bool_)
        for start, end, layer_rate, layer_cause, layer_known in self._layers:
            covered = slice(*np.searchsorted(edges, (start, end)).tolist())
            rate[covered], cause[covered], known[covered] = layer_rate, layer_cause, layer_known
        same = (rate[1:] == rate[:-1]) & (cause[1:] == cause[:-1]) & (known[1:] == known[:-1])
        kept = np.concatenate([[True], ~same])
        return Segments(np.append(edges[:-1][kept], edges[-1]), rate[kept], cause[kept], known[kept])


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of slots, sorted and disjoint: first slot and count of each, shape (r,)."""

    first: Integers
    count: Integers

    @classmethod
    def none(cls) -> Runs:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, lost: NDArray[np.bool_], first: int) -> Runs:
        """The runs of True in a mask whose first element is slot ``first``."""
        padded = np.concatenate([[False], lost, [False]])
        edges = np.flatnonzero(padded[1:] != padded[:-1]).astype(np.int64)
        return cls(edges[::2] + first, edges[1::2] - edges[::2])

    @classmethod
    def joined(cls, parts: Sequence[Runs]) -> Runs:
        """Parts in order, where a run may end at the slot at which the next part's begins."""
        if not parts:
            return cls.none()
        first = np.concatenate([part.first for part in parts])
        stop = first + np.concatenate([part.count for part in parts])
        begins = np.concatenate([[True], first[1:] > stop[:-1]])[: len(first)]
        ends = np.concatenate([first[1:] > stop[:-1], [True]])[-len(first) :] if len(first) else begins
        return cls(first[begins], stop[ends] - first[begins])

    def without(self, start: int, stop: int) -> Runs:
        """These runs with the slots from ``start`` to before ``stop`` taken out."""
        ends = self.first + self.count
        before, after = np.minimum(ends, start), np.maximum(self.first, stop)
        pieces_first = np.concatenate([self.first, after])
        pieces_count = np.concatenate([before - self.first, ends - after])
        order = np.argsort(pieces_first, kind="stable")
        order = order[pieces_count[order] > 0]
        return Runs(pieces_first[order], pieces_count[order])

    def longer(self, slots: int) -> Runs:
        """Those of more than ``slots`` slots."""
        kept = self.count > slots
        return Runs(self.first[kept], self.count[kept])
