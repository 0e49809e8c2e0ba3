"""What one direction of ``linkemu exec`` has achieved against what was asked. Statistics only, integer ns.

Bounds that were not met are told in words, with the cause as far as it can be seen from here.
"""

from __future__ import annotations

from typing import Any

from linkemu.access.exec_laser import Beam, Flight
from linkemu.link.capacity import BYTE
from linkemu.link.fidelity import Histogram

DELAY_BOUND_S = 1e-3  # at p99
RATE_BOUND = 1e-3
_LEAST_BUSY_NS = 500_000_000  # a rate over less says nothing
_BACK_TO_BACK_NS = 1


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

    def delivered(self, flight: Flight, achieved_ns: int) -> None:
        """The burst has been written at ``achieved_ns``."""
        self._errors.add(max(0, achieved_ns - flight.due_ns))
        if self._last is not None and abs(flight.start_ns - self._last[0].end_ns) <= _BACK_TO_BACK_NS:
            self._busy_bytes += flight.burst.wire_bytes
            self._busy_ns += flight.due_ns - self._last[0].due_ns
            self._achieved_ns += achieved_ns - self._last[1]
        self._last = (flight, achieved_ns)
        if self._beam.channel.capacity.rate(flight.start_ns) == 0:
            self._in_the_dark += 1

    def report(self, now_ns: int, kernel_drops: int) -> dict[str, Any]:
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
            "strange_frames": tally.strange,
            "erased_slots": self._beam.channel.erased_slots_until(now_ns),
            "capacity_bytes": self._beam.channel.capacity.position(now_ns) // BYTE,
            "dark_bursts": self._in_the_dark,
            "delay_error_p50_s": self._errors.quantile_s(0.5),
            "delay_error_p99_s": self._errors.quantile_s(0.99),
            "delay_error_max_s": self._errors.largest_ns / 1e9 if self._errors.buckets else None,
            "requested_rate_bps": self._rate_bps(self._busy_ns),
            "achieved_rate_bps": self._rate_bps(self._achieved_ns),
        }
        return {**row, "warnings": self._warnings(row)}

    def _rate_bps(self, over_ns: int) -> float | None:
        """Of all that left back to back; None if that was too short a time."""
        return self._busy_bytes * 8e9 / over_ns if min(self._busy_ns, over_ns) > _LEAST_BUSY_NS else None

    def _warnings(self, row: dict[str, Any]) -> list[str]:
        told: list[str] = []
        late_s = row["delay_error_p99_s"]
        if late_s is not None and late_s > DELAY_BOUND_S:
            told.append(
                f"delay was late by {late_s * 1e3:.2f} ms at p99 (bound 1 ms): the processor is short"
            )
        if row["requested_rate_bps"] and row["achieved_rate_bps"]:
            error = row["achieved_rate_bps"] / row["requested_rate_bps"] - 1
            if abs(error) > RATE_BOUND:
                told.append(f"rate was off by {error:+.2%} (bound 0.1 %): the processor is short")
        if row["kernel_dropped_packets"]:
            told.append(
                f"{row['kernel_dropped_packets']} packets were lost before the link: buffers are short"
            )
        return told
