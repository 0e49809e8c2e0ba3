"""The fidelity report: what was asked of the emulator against what it achieved, per link and direction.

Pure statistics over integer ns: the emulator feeds the moments at which datagrams really left it, the report
compares them with the channel's answers. A report can be merged into the next one after a restart; what a
dead process can't know is said as a gap, never guessed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import FormatError
from linkemu.link.capacity import BYTE
from linkemu.link.channel import Channel, Delivery
from linkemu.link.player import Player

_FINE_NS = 1_000  # buckets of 1 us below 10 ms, of 1 ms above
_COARSE_FROM_NS = 10_000_000
_COARSE_NS = 1_000_000
_MOST_EDGES = 1_000


class Histogram:
    """Durations in ns, good to 1 us below 10 ms; the maximum is exact."""

    def __init__(self, buckets: Mapping[int, int] | None = None, largest_ns: int = 0) -> None:
        self.buckets: Counter[int] = Counter(buckets or {})
        self.largest_ns = largest_ns

    def add(self, value_ns: int) -> None:
        width = _FINE_NS if value_ns < _COARSE_FROM_NS else _COARSE_NS
        self.buckets[value_ns // width * width] += 1
        self.largest_ns = max(self.largest_ns, value_ns)

    def add_many(self, values_ns: NDArray[np.int64]) -> None:
        """All of an array (n,), n > 0."""
        fine = values_ns < _COARSE_FROM_NS
        counts = np.bincount(values_ns[fine] // _FINE_NS)
        for bucket in np.flatnonzero(counts).tolist():
            self.buckets[bucket * _FINE_NS] += int(counts[bucket])
        buckets, counts = np.unique(values_ns[~fine] // _COARSE_NS, return_counts=True)
        for bucket, count in zip(buckets.tolist(), counts.tolist(), strict=True):
            self.buckets[bucket * _COARSE_NS] += count
        self.largest_ns = max(self.largest_ns, int(values_ns.max()))

    def quantile_s(self, share: float) -> float | None:
        """The upper end of the bucket that holds the quantile, None without values."""
        rank = share * self.buckets.total()
        for start_ns in sorted(self.buckets):
            rank -= self.buckets[start_ns]
            if rank <= 0:
                width = _FINE_NS if start_ns < _COARSE_FROM_NS else _COARSE_NS
                return min(start_ns + width, self.largest_ns) / 1e9
        return None


@dataclass(frozen=True, slots=True)
class Edge:
    """One stretch of light as played: first and last light that really left, against the timeline."""

    start_s: float
    end_s: float
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class LinkFidelity:
    """One direction of one link since the scenario began. Times in seconds, rates in bit/s."""

    station: str
    satellite: str
    direction: str
    offered_frames: int = 0
    offered_bytes: int = 0
    delivered_frames: int = 0
    delivered_bytes: int = 0
    erased_frames: int = 0
    erased_bytes: int = 0
    queue_dropped_frames: int = 0
    expired_frames: int = 0  # held longer than the bound
    corrupted_frames: int = 0  # by faults, as are the next two
    reordered_frames: int = 0
    duplicated_frames: int = 0
    erased_slots: int = 0  # so far, by the timeline or by faults
    capacity_bytes: int = 0  # what the timeline's rate has allowed so far
    used_share: float | None = None  # of that capacity, erased frames included
    delay_error_p50_s: float | None = None  # egress achieved less the channel's answer
    delay_error_p99_s: float | None = None
    delay_error_max_s: float | None = None
    requested_rate_bps: float | None = None  # over back-to-back frames only
    achieved_rate_bps: float | None = None
    dark_frames: int = 0  # left while the timeline's rate was 0: must be 0
    edges: tuple[Edge, ...] = ()
    errors_ns: Mapping[str, int] = field(default_factory=dict)  # the histogram behind the quantiles
    largest_error_ns: int = 0
    busy: tuple[int, int, int] = (0, 0, 0)  # bits, ns requested, ns achieved behind the rates


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The report of a run so far."""

    scenario: str
    at_s: float
    links: tuple[LinkFidelity, ...]
    clock: str = "real"
    scheduling: str = ""  # what the system has granted to the emulator
    lag_p50_s: float | None = None  # how late the emulator's timers were
    lag_p99_s: float | None = None
    lag_max_s: float | None = None
    kernel_drops: int = 0  # datagrams that the kernel dropped in front of the emulator
    node_drops: int = 0  # and in front of the nodes, as they say
    refused_datagrams: int = 0  # that broke the contract
    cpu_s: float = 0.0
    cpu_s_per_GB: float | None = None
    stolen_s: float | None = None  # kept from the machine by its hypervisor while the emulator ran
    skipped_s: float = 0.0
    restarts: int = 0
    gaps: tuple[tuple[float, float], ...] = ()  # scenario seconds that no emulator has seen

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Fidelity:
        """FormatError if it isn't a report."""
        try:
            content: dict[str, Any] = json.loads(text)
            links = tuple(_link(entry) for entry in content.pop("links"))
            gaps = tuple((float(start), float(end)) for start, end in content.pop("gaps"))
            return cls(links=links, gaps=gaps, **content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"not a fidelity report ({error!r})") from None

    def rows(self) -> list[dict[str, str]]:
        """One row of text per link and direction, column by column, for a table."""
        return [_row(link) for link in self.links]


def _link(entry: dict[str, Any]) -> LinkFidelity:
    entry["edges"] = tuple(Edge(**edge) for edge in entry["edges"])
    bits, requested_ns, achieved_ns = entry["busy"]
    return LinkFidelity(**{**entry, "busy": (bits, requested_ns, achieved_ns)})


def _row(link: LinkFidelity) -> dict[str, str]:
    def us(value: float | None) -> str:
        return "-" if value is None else f"{value * 1e6:.0f} us"

    rate = "-"
    if link.achieved_rate_bps and link.requested_rate_bps:
        error = link.achieved_rate_bps / link.requested_rate_bps - 1
        rate = f"{link.achieved_rate_bps / 1e6:.1f} Mbit/s ({error:+.3%})"
    return {
        "link": f"{link.station} - {link.satellite}",
        "way": link.direction,
        "delivered": f"{link.delivered_bytes / 1e6:.1f} MB",
        "capacity used": "-" if link.used_share is None else f"{link.used_share:.1%}",
        "delay error p50": us(link.delay_error_p50_s),
        "p99": us(link.delay_error_p99_s),
        "max": us(link.delay_error_max_s),
        "rate": rate,
        "erased": f"{link.erased_frames} frames ({link.erased_slots} slots)",
        "queue drops": f"{link.queue_dropped_frames + link.expired_frames}",
        "in the dark": f"{link.dark_frames}",
    }


class _LinkRecorder:
    """Collects for one direction; ``before`` is what an earlier emulator has reported."""

    def __init__(self, station: str, satellite: str, channel: Channel, before: LinkFidelity) -> None:
        self._name = (station, satellite, channel.timeline.direction.value)
        self._channel = channel
        self._before = before
        self._errors = Histogram({int(ns): n for ns, n in before.errors_ns.items()}, before.largest_error_ns)
        self._busy_bits, self._busy_ns, self._achieved_ns = before.busy
        self._dark = before.dark_frames
        self._edges = {(round(e.start_s * 1e9), round(e.end_s * 1e9)): e for e in before.edges}
        self._last: tuple[int, int, int] | None = None  # end of leaving, due, achieved
        self._light = (0, 0)
        self._lights: list[tuple[int, int]] = []
        self._capacity: object = None
        channel.overlaid.erased_until(0)

    def delivered(self, delivery: Delivery, achieved_ns: int) -> None:
        late_ns = max(0, achieved_ns - delivery.due_ns)
        self._errors.add(late_ns)
        self._note_rate(delivery, achieved_ns)
        self._note_edge(delivery, late_ns)

    def _note_rate(self, delivery: Delivery, achieved_ns: int) -> None:
        if self._last is not None and delivery.start_ns - self._last[0] in (-1, 0):  # back to back
            self._busy_bits += 8 * len(delivery.datagram)
            self._busy_ns += delivery.due_ns - self._last[1]
            self._achieved_ns += achieved_ns - self._last[2]
        self._last = (delivery.end_ns, delivery.due_ns, achieved_ns)

    def _note_edge(self, delivery: Delivery, late_ns: int) -> None:
        start_ns, end_ns = delivery.start_ns, delivery.end_ns
        if self._capacity is not self._channel.capacity:  # the first time, or a live fault came
            self._relight()
        if not self._light[0] <= start_ns <= end_ns <= self._light[1]:
            self._light = self._light_of(start_ns, end_ns)
        if self._light == (0, 0):
            self._dark += 1
            return
        key, last_s = self._light, (end_ns + late_ns) / 1e9
        edge = self._edges.get(key)
        if edge is not None:
            self._edges[key] = Edge(edge.start_s, edge.end_s, edge.first_s, max(edge.last_s, last_s))
        elif len(self._edges) < _MOST_EDGES:
            self._edges[key] = Edge(key[0] / 1e9, key[1] / 1e9, (start_ns + late_ns) / 1e9, last_s)

    def _relight(self) -> None:
        """Light that a fault has cut or prolonged has another end from now on; its beginning stays."""
        self._capacity = self._channel.capacity
        self._lights = self._channel.capacity.lights()
        self._light = (0, 0)
        ends = dict(self._lights)
        for (start_ns, end_ns), edge in list(self._edges.items()):
            if ends.get(start_ns, end_ns) != end_ns:
                del self._edges[start_ns, end_ns]
                changed = replace(edge, end_s=ends[start_ns] / 1e9)
                self._edges[start_ns, ends[start_ns]] = changed

    def _light_of(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        return next((light for light in self._lights if light[0] <= start_ns and end_ns <= light[1]), (0, 0))

    def report(self, now_ns: int) -> LinkFidelity:
        before, count = self._before, self._channel.counters
        delivered_bytes = before.delivered_bytes + count.delivered_bytes
        erased_bytes = before.erased_bytes + count.erased_bytes
        capacity_bytes = self._channel.capacity.position(now_ns) // BYTE
        return LinkFidelity(
            *self._name,
            offered_frames=before.offered_frames + count.offered,
            offered_bytes=before.offered_bytes + count.offered_bytes,
            delivered_frames=before.delivered_frames + count.delivered,
            delivered_bytes=delivered_bytes,
            erased_frames=before.erased_frames + count.erased,
            erased_bytes=erased_bytes,
            queue_dropped_frames=before.queue_dropped_frames + count.refused,
            expired_frames=before.expired_frames + count.expired,
            corrupted_frames=before.corrupted_frames + count.corrupted,
            reordered_frames=before.reordered_frames + count.reordered,
            duplicated_frames=before.duplicated_frames + count.duplicated,
            erased_slots=self._channel.overlaid.erased_until(now_ns),
            capacity_bytes=capacity_bytes,
            used_share=(delivered_bytes + erased_bytes) / capacity_bytes if capacity_bytes else None,
            delay_error_p50_s=self._errors.quantile_s(0.5),
            delay_error_p99_s=self._errors.quantile_s(0.99),
            delay_error_max_s=self._errors.largest_ns / 1e9 if self._errors.buckets else None,
            requested_rate_bps=self._busy_bits * 1e9 / self._busy_ns if self._busy_ns else None,
            achieved_rate_bps=self._busy_bits * 1e9 / self._achieved_ns if self._achieved_ns > 0 else None,
            dark_frames=self._dark,
            edges=tuple(self._edges.values()),
            errors_ns={str(ns): n for ns, n in sorted(self._errors.buckets.items())},
            largest_error_ns=self._errors.largest_ns,
            busy=(self._busy_bits, self._busy_ns, self._achieved_ns),
        )


class Recorder:
    """Collects for all links of a player, going on from an ``earlier`` report of the run if there is one."""

    def __init__(self, scenario: str, player: Player, earlier: Fidelity | None = None) -> None:
        self._scenario = scenario
        self._lag = Histogram()
        self.earlier = earlier
        before = {(e.station, e.satellite, e.direction): e for e in (earlier.links if earlier else ())}
        self._links: dict[tuple[int, object], _LinkRecorder] = {}
        for key, channel in player.channels.items():
            name = player.sky.links[key[0]]
            identity = (name.station, name.satellite, key[1].value)
            empty = LinkFidelity(*identity)
            recorder = _LinkRecorder(name.station, name.satellite, channel, before.get(identity, empty))
            self._links[key] = recorder

    def delivered(self, link: int, direction: object, delivery: Delivery, achieved_ns: int) -> None:
        """A datagram has left the emulator at ``achieved_ns`` of scenario time."""
        self._links[(link, direction)].delivered(delivery, achieved_ns)

    def woke(self, late_ns: int) -> None:
        """A timer of the emulator fired this late."""
        self._lag.add(max(0, late_ns))

    def report(self, now_ns: int, *, gaps: Iterable[tuple[float, float]] = (), **facts: Any) -> Fidelity:
        """The report now; ``facts`` are fields of Fidelity that only the emulator knows."""
        all_gaps = (*(self.earlier.gaps if self.earlier else ()), *gaps)
        links = tuple(recorder.report(now_ns) for recorder in self._links.values())
        carried_GB = sum(link.delivered_bytes for link in links) / 1e9
        cpu_s = facts.pop("cpu_s", 0.0) + (self.earlier.cpu_s if self.earlier else 0.0)
        return Fidelity(
            self._scenario,
            now_ns / 1e9,
            links,
            lag_p50_s=self._lag.quantile_s(0.5),
            lag_p99_s=self._lag.quantile_s(0.99),
            lag_max_s=self._lag.largest_ns / 1e9 if self._lag.buckets else None,
            cpu_s=cpu_s,
            cpu_s_per_GB=cpu_s / carried_GB if carried_GB > 0.001 else None,
            restarts=len(all_gaps),
            gaps=all_gaps,
            **facts,
        )
