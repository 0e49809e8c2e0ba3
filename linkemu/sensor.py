"""What a terminal tells its own node, and all of it: lock, the rate it may transmit at, and received light.

The player of a Sky makes them, the contract carries them, nodes decide by them (laws 1 to 3 of the link).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sensor:
    """State of one terminal on one link as the terminal itself sees it now."""

    link: int
    locked: bool
    transmit_rate_bps: int  # 0: the modem holds
    received_power_dBm: float | None  # None: no light
