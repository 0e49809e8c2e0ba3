"""What one direction of ``linkemu exec`` has achieved against what was asked. Statistics only, integer ns.

Bounds that were not met are told in words, with the cause as far as it can be seen from here.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from linkemu.access.exec_flight import Flight
from linkemu.access.exec_laser import Beam
from linkemu.link.capacity import BYTE, Capacity
from linkemu.link.fidelity import Edge, Histogram

DELAY_BOUND_S = 1e-3  # at p99
EDGE_BOUND_S = 2e-3  # light that the timeline doesn't have
RATE_BOUND = 1e-3
_LEAST_BUSY_NS = 500_000_000  # a rate over less says nothing
_BACK_TO_BACK_NS = 1
_MOST_EDGES = 1_000
_BUSY_SHARE, _STOLEN_S = 0.8, 0.1


def blame(cpu_share: float, stolen_s: float) -> str:
    """What kept the link from its bounds, as far as a process can know."""
    if stolen_s > _STOLEN_S:
        return f"the hypervisor kept {stolen_s:.1f} s of processor time"
    if cpu_share > _BUSY_SHARE:
        return f"the data plane's own processor is at its end ({cpu_share:.0%} busy)"
    return "other programs on this machine"


class Witness:
    """Sees every burst as it is written; ``refused`` counts frames that the far kernel would not take."""

    def __init__(self, beam: Beam) -> None:
        self.refused = 0
        self._beam = beam
        self._errors = Histogram()
        self._last: tuple[Flight, int] | None = None
        self._busy_bytes = 0
        self._busy_ns = 0
        self._achieved_ns = 0
        self._in_the_dark = 0
        self._capacity: Capacity | None = None  # whose stretches of light ``_lights`` are
        self._lights: list[tuple[int, int]] = []
        self._light = (0, -1)  # the stretch of the last burst, with when its first and last light left, ns
        self._first_ns = self._last_ns = 0
        self._edges: dict[tuple[int, int], tuple[int, int]] = {}
        beam.channel.overlaid.erased_until(0)

    def delivered(self, flight: Flight, achieved_ns: int) -> None:
        """The burst has been written at ``achieved_ns``."""
        late_ns = max(0, achieved_ns - flight.due_ns)
        self._errors.add(late_ns)
        if self._last is not None and abs(flight.start_ns - self._last[0].end_ns) <= _BACK_TO_BACK_NS:
            self._busy_bytes += flight.burst.wire_bytes
            self._busy_ns += flight.due_ns - self._last[0].due_ns
            self._achieved_ns += achieved_ns - self._last[1]
        self._last = (flight, achieved_ns)
        if self._capacity is not self._beam.channel.capacity:  # the first time, or the link was changed
            self._renew()
        if not self._light[0] <= flight.start_ns <= flight.end_ns <= self._light[1]:
            self._enter(flight, late_ns)
        self._last_ns = max(self._last_ns, flight.end_ns + late_ns)

    def _renew(self) -> None:
        """Take the stretches of light as they now are; the one under way may end elsewhere."""
        self._capacity = self._beam.channel.capacity
        self._lights = self._capacity.lights()
        same = (each for each in self._lights if each[0] == self._light[0] and self._light[1] >= 0)
        self._light = next(same, (0, -1))

    def _enter(self, flight: Flight, late_ns: int) -> None:
        """A burst in another stretch of light than the one before, or in none."""
        self._leave()
        inside = (each for each in self._lights if each[0] <= flight.start_ns and flight.end_ns <= each[1])
        light = next(inside, None)
        if light is None:
            self._in_the_dark += 1
            self._light = (0, -1)
            return
        self._light = light
        self._first_ns, self._last_ns = self._edges.get(light, (flight.start_ns + late_ns, 0))

    def _leave(self) -> None:
        if self._light[1] >= 0 and (self._light in self._edges or len(self._edges) < _MOST_EDGES):
            self._edges[self._light] = (self._first_ns, self._last_ns)

    def report(self, now_ns: int, kernel_drops: int, cause: str) -> dict[str, Any]:
        """The figures so far; ``cause`` is what to blame for lateness."""
        self._leave()
        tally = self._beam.tally
        row: dict[str, Any] = {
            "direction": self._beam.channel.timeline.direction.value,
            "offered_packets": tally.offered,
            "offered_bytes": tally.offered_bytes,
            "delivered_packets": tally.delivered,
            "delivered_bytes": tally.delivered_bytes,
            "erased_packets": tally.erased,
            "erased_bytes": tally.erased_bytes,
            "queue_dropped_packets": tally.dropped,
            "expired_packets": tally.expired,
            "kernel_dropped_packets": kernel_drops,
            "refused_frames": self.refused,
            "corrupted_packets": tally.corrupted,
            "reordered_packets": tally.reordered,
            "duplicated_packets": tally.duplicated,
            "strange_frames": tally.strange,
            "erased_slots": self._beam.channel.overlaid.erased_until(now_ns),
            "capacity_bytes": self._beam.channel.capacity.position(now_ns) // BYTE,
            "dark_bursts": self._in_the_dark,
            "delay_error_p50_s": self._errors.quantile_s(0.5),
            "delay_error_p99_s": self._errors.quantile_s(0.99),
            "delay_error_max_s": self._errors.largest_ns / 1e9 if self._errors.buckets else None,
            "requested_rate_bps": self._rate_bps(self._busy_ns),
            "achieved_rate_bps": self._rate_bps(self._achieved_ns),
        }
        edges = [Edge(*(ns / 1e9 for ns in (*light, *seen))) for light, seen in sorted(self._edges.items())]
        row["edges"] = [asdict(edge) for edge in edges]
        return {**row, "warnings": [*self._warnings(row, cause), *_overrun(edges, cause)]}

    def _rate_bps(self, over_ns: int) -> float | None:
        """Of all that left back to back; None if that was too short a time."""
        return self._busy_bytes * 8e9 / over_ns if min(self._busy_ns, over_ns) > _LEAST_BUSY_NS else None

    def _warnings(self, row: dict[str, Any], cause: str) -> list[str]:
        told: list[str] = []
        late_s = row["delay_error_p99_s"]
        if late_s is not None and late_s > DELAY_BOUND_S:
            told.append(f"delay was late by {late_s * 1e3:.2f} ms at p99 (bound 1 ms): {cause}")
        if row["requested_rate_bps"] and row["achieved_rate_bps"]:
            error = row["achieved_rate_bps"] / row["requested_rate_bps"] - 1
            if abs(error) > RATE_BOUND:
                told.append(f"rate was off by {error:+.2%} (bound 0.1 %): {cause}")
        if row["kernel_dropped_packets"]:
            told.append(
                f"{row['kernel_dropped_packets']} packets were lost before the link: buffers are short"
            )
        return told


def _overrun(edges: list[Edge], cause: str) -> list[str]:
    """Light that came through after its stretch had ended, in the moments of leaving."""
    worst_s = max((edge.last_s - edge.end_s for edge in edges), default=0.0)
    if worst_s <= EDGE_BOUND_S:
        return []
    return [f"an outage began {worst_s * 1e3:.2f} ms late (bound 2 ms): {cause}"]
