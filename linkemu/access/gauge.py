"""What a door was asked to do against what it did: the fidelity report of ``linkemu proxy``.

Pure statistics over integer ns of scenario time, as in linkemu.link.fidelity. Lateness that the far end
has caused, by not reading, is counted apart. A bound that was not met is said in one line, with its cause.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import FormatError
from linkemu.link.fidelity import Edge, Histogram
from linkemu.link.sheaf import Leg

DELAY_BOUND_S = 2e-3  # added delay at p99 that is met on a machine with time to spare
RATE_BOUND = 1e-3
_FOLD_ROWS = 8192
_LEAST_RATED_NS = 1_000_000_000  # of back-to-back bytes, before a rate is worth judging


@dataclass(frozen=True, slots=True)
class WayReport:
    """One direction. Times in seconds, rates in bit/s; None where there is nothing to say."""

    direction: str
    taken_bytes: int = 0
    delivered_bytes: int = 0
    held_most_bytes: int = 0
    requested_delay_s: tuple[float, float] | None = None  # least and most, of what was carried
    delay_error_p50_s: float | None = None  # moment of writing less the link's answer
    delay_error_p99_s: float | None = None
    delay_error_max_s: float | None = None
    requested_rate_bps: float | None = None  # over back-to-back pieces only
    achieved_rate_bps: float | None = None
    erased: int = 0  # pieces (arq: sent again) or datagrams (lost)
    erased_bytes: int = 0
    dropped: int = 0  # datagrams: the queue was full, or they had waited too long for light
    waited_for_sink: int = 0  # pieces that were late as the far end did not read
    edges: tuple[Edge, ...] = ()  # first and last light of each stretch, asked and played


@dataclass(frozen=True, slots=True)
class DoorReport:
    """A door from its opening to its end."""

    listen: str
    to: str
    protocol: str
    link: str
    outages: str
    at_s: float
    wall_s: float
    ways: tuple[WayReport, ...]
    connections: int = 0  # or, of datagrams, clients
    refused: int = 0  # clients that were turned away
    unreached: int = 0  # connections that the upstream did not take
    name: str = "door"
    reset: int = 0  # connections that an outage, or a reset of either side, has cost
    kernel_drops: int = 0  # datagrams dropped in front of the door
    scheduling: str = ""
    cpu_s: float = 0.0
    cpu_s_per_GB: float | None = None
    stolen_s: float | None = None
    warnings: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, content: dict[str, Any]) -> DoorReport:
        """From ``dataclasses.asdict`` by way of JSON; FormatError if it isn't one."""
        try:
            ways = tuple(_way(way) for way in content.pop("ways"))
            warnings = tuple(str(line) for line in content.pop("warnings"))
            return cls(ways=ways, warnings=warnings, **content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"not a report of a door ({error!r})") from None


def _way(entry: dict[str, Any]) -> WayReport:
    entry["edges"] = tuple(Edge(**edge) for edge in entry["edges"])
    delays = entry["requested_delay_s"]
    entry["requested_delay_s"] = None if delays is None else (float(delays[0]), float(delays[1]))
    return WayReport(**entry)


Row = NDArray[np.int64]


class Beat:
    """Back-to-back pieces of one direction of a link, of all doors: what its rate is judged by.

    Asked is how long they leave, which is the sky's; achieved is that and by how much the lateness grew. Due
    times don't say it: behind a delay that ends they are pressed together, as arrivals are monotone.
    """

    def __init__(self) -> None:
        self.bits = self.asked_ns = self.achieved_ns = 0
        self._last: tuple[int, int] | None = None  # end, and that with the lateness

    def piece(self, size: int, start_ns: int, end_ns: int, late_ns: int) -> None:
        seen_ns = end_ns + late_ns
        if self._last is not None and -1 <= start_ns - self._last[0] <= 1:
            self.bits += 8 * size
            self.asked_ns += end_ns - self._last[0]
            self.achieved_ns += seen_ns - self._last[1]
        self._last = (end_ns, seen_ns)

    def pieces(self, sizes: Row, start_ns: Row, end_ns: Row, late_ns: Row) -> None:
        """Many of them, arrays of shape (n,)."""
        seen_ns = end_ns + late_ns
        if self._last is not None:
            end_ns, seen_ns = (
                np.concatenate([[last], each])
                for last, each in zip(self._last, (end_ns, seen_ns), strict=True)
            )
        else:
            sizes, start_ns = sizes[1:], start_ns[1:]
        follows = np.abs(start_ns - end_ns[:-1]) <= 1
        self.bits += 8 * int(sizes[follows].sum())
        self.asked_ns += int(np.diff(end_ns)[follows].sum())
        self.achieved_ns += int(np.diff(seen_ns)[follows].sum())
        self._last = int(end_ns[-1]), int(seen_ns[-1])

    def interrupt(self) -> None:
        """What comes next is back to back with nothing."""
        self._last = None


class Gauge:
    """Collects for one direction of one door. ``lights`` are the stretches (ns) whose edges are watched.

    Doors that share a direction of a link share its ``beat``.
    """

    def __init__(self, direction: str, lights: Sequence[tuple[int, int]], beat: Beat | None = None) -> None:
        self._direction = direction
        self._beat = beat or Beat()
        self._lights = list(lights)
        self._starts = [start for start, _ in self._lights]
        self._errors = Histogram()
        self._delays: tuple[int, int] | None = None
        self._taken = self._delivered = self._held_most = 0
        self._erased = self._erased_bytes = self._waited = 0
        self._edges: dict[int, tuple[int, int]] = {}  # start of stretch: first and last light as played
        self._fresh: list[tuple[Leg, int]] = []  # written, and when; counted together, as that is cheaper
        self._fresh_rows = 0

    def relight(self, lights: Sequence[tuple[int, int]]) -> None:
        """The stretches as they are after a change of the link, those that are over included."""
        self._fold()
        self._lights = list(lights)
        self._starts = [start for start, _ in self._lights]

    def taken(self, size: int, held: int) -> None:
        self._taken += size
        self._held_most = max(self._held_most, held)

    def erased(self, size: int, pieces: int = 1) -> None:
        self._erased += pieces
        self._erased_bytes += size

    def delivered(
        self, size: int, start_ns: int, end_ns: int, due_ns: int, now_ns: int, *, held: bool = False
    ) -> None:
        """A piece was written at ``now_ns``; ``held``: late by the far client's doing."""
        self._delivered += size
        if held:
            self._waited += 1
            self._beat.interrupt()
            return
        late_ns = max(0, now_ns - due_ns)
        self._errors.add(late_ns)
        delay_ns = due_ns - end_ns
        least, most = self._delays or (delay_ns, delay_ns)
        self._delays = (min(least, delay_ns), max(most, delay_ns))
        self._beat.piece(size, start_ns, end_ns, now_ns - due_ns)
        stretch = bisect_right(self._starts, start_ns) - 1
        if stretch >= 0:
            began_ns = self._starts[stretch]
            first, last = self._edges.get(began_ns, (start_ns + late_ns, 0))
            self._edges[began_ns] = (first, max(last, end_ns + late_ns))

    def delivered_many(self, leg: Leg, now_ns: int) -> None:
        """Datagrams were written at ``now_ns``, those of the leg that aren't lost."""
        self._fresh.append((leg, now_ns))
        self._fresh_rows += leg.stop - leg.first
        if self._fresh_rows >= _FOLD_ROWS:
            self._fold()

    def _fold(self) -> None:
        """Count what was written since the last time."""
        fresh, self._fresh, self._fresh_rows = self._fresh, [], 0
        if not fresh:
            return
        kept = [leg.kept() for leg, _ in fresh]
        parts = [
            (each.sizes[rows], each.start_ns[rows], each.end_ns[rows], each.due_ns[rows])
            for each, rows in zip((leg.placed for leg, _ in fresh), kept, strict=True)
        ]
        sizes, start_ns, end_ns, due_ns = map(np.concatenate, zip(*parts, strict=True))
        if not len(sizes):
            return
        now_ns = np.repeat([now for _, now in fresh], [len(each) for each, *_ in parts])
        self._delivered += int(sizes.sum())
        late_ns, delay_ns = np.maximum(now_ns - due_ns, 0), due_ns - end_ns
        self._errors.add_many(late_ns)
        least, most = self._delays or (int(delay_ns[0]), int(delay_ns[0]))
        self._delays = min(least, int(delay_ns.min())), max(most, int(delay_ns.max()))
        self._beat.pieces(sizes, start_ns, end_ns, now_ns - due_ns)
        stretches = np.searchsorted(self._starts, start_ns, side="right") - 1
        for stretch in np.unique(stretches[stretches >= 0]).tolist():
            inside = np.flatnonzero(stretches == stretch)
            seen_ns = int(start_ns[inside[0]] + late_ns[inside[0]])
            first, last = self._edges.get(self._starts[stretch], (seen_ns, 0))
            self._edges[self._starts[stretch]] = (first, max(last, int((end_ns + late_ns)[inside].max())))

    def report(self, *, dropped: int = 0, erased: int = 0, erased_bytes: int = 0) -> WayReport:
        """The figures so far; what is given is of datagrams, which their channel counts."""
        self._fold()
        beat = self._beat
        busy = beat.asked_ns >= _LEAST_RATED_NS and beat.achieved_ns > 0
        return WayReport(
            self._direction,
            self._taken,
            self._delivered,
            self._held_most,
            None if self._delays is None else (self._delays[0] / 1e9, self._delays[1] / 1e9),
            self._errors.quantile_s(0.5),
            self._errors.quantile_s(0.99),
            self._errors.largest_ns / 1e9 if self._errors.buckets else None,
            beat.bits * 1e9 / beat.asked_ns if busy else None,
            beat.bits * 1e9 / beat.achieved_ns if busy else None,
            self._erased + erased,
            self._erased_bytes + erased_bytes,
            dropped,
            self._waited,
            tuple(self._edge(start, end) for start, end in self._lights if start in self._edges),
        )

    def _edge(self, start: int, end: int) -> Edge:
        first, last = self._edges[start]
        return Edge(start / 1e9, end / 1e9, first / 1e9, last / 1e9)


def warnings(ways: Sequence[WayReport], *, cpu_share: float, stolen_s: float, drops: int) -> list[str]:
    """One line for each bound that was not met, with what is to blame."""
    lines = []
    for way in ways:
        if way.delay_error_p99_s is not None and way.delay_error_p99_s > DELAY_BOUND_S:
            late_ms = way.delay_error_p99_s * 1e3
            cause = _cause(cpu_share, stolen_s)
            lines.append(f"{way.direction}: {late_ms:.1f} ms late at p99 (bound 2 ms): {cause}")
        if way.requested_rate_bps and way.achieved_rate_bps:
            error = way.achieved_rate_bps / way.requested_rate_bps - 1
            if abs(error) > RATE_BOUND:
                lines.append(
                    f"{way.direction}: rate off by {error:+.2%} (bound 0.1 %): the machine's scheduling"
                )
        if way.waited_for_sink:
            lines.append(
                f"{way.direction}: {way.waited_for_sink} pieces waited for a client that did not read"
            )
    if drops:
        lines.append(f"{drops} datagrams were dropped in front of the door: its socket buffer was too small")
    return lines


def _cause(cpu_share: float, stolen_s: float) -> str:
    if cpu_share > 0.8:
        return f"the door's own CPU ({cpu_share:.0%} busy)"
    if stolen_s > 0.1:
        return f"the hypervisor kept {stolen_s:.1f} s of processor time"
    return "other programs on this machine"
