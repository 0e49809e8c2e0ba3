"""How an Endpoint behaves, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in scenario seconds."""

    lead_s: float = 0.020  # how far frames may run ahead of the light
    burst_s: float = 0.001  # room to wait for before the next frames are handed over
    ahead_s: float = 0.05  # of rate: chunks asked for before they are needed
    report_s: float = 0.005  # shortest time between two reports
    acknowledgement_bps: float | None = None  # budget for reports; None: no bound


@dataclass(slots=True)
class FileCounters:
    """What was sent of one file since it was offered. A chunk of several files counts for one of them."""

    first_sent_bytes: int = 0
    repaired_bytes: int = 0
    acknowledged_resent: int = 0


@dataclass(slots=True)
class Counters:
    """What went over this Endpoint since it was made. ``*_bytes`` are of file content, without headers."""

    frames_sent: int = 0
    wire_bytes_sent: int = 0  # all frames, headers included
    report_bytes_sent: int = 0
    first_sent_bytes: int = 0
    repaired_bytes: int = 0  # sent again, since lost
    chunks_acknowledged: int = 0
    acknowledged_resent: int = 0  # frames of chunks sent after their acknowledgement: must stay 0
    frames_received: int = 0
    frames_refused: int = 0  # not readable, or of an epoch that is over
    duplicate_bytes: int = 0
    received_bytes: int = 0  # new to the holdings
    chunks_corrupt: int = 0  # assembled with a wrong hash, and repaired
