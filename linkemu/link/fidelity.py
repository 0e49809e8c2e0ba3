"""The fidelity report: what was asked of the emulator against what it achieved, per link and direction.

Its form only, in JSON and as rows for people; link/recorder.py collects what stands in it. It holds all that
the next one needs to go on from it after a restart; what a dead process can't know is said as a gap.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import FormatError

_FINE_NS = 1_000  # buckets of 1 us below 10 ms, of 1 ms above
_COARSE_FROM_NS = 10_000_000
_COARSE_NS = 1_000_000


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
