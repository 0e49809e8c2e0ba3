"""When a frame may leave: the cue from the terminal, and the virtual serialiser that follows its rate.

The serialiser is the sender's own model of the channel's queue: bits handed over and not yet gone at the
cue's rate. It may run ahead of the light by a small lead, so that the queue neither starves nor overflows.
At rate 0 it stands still, as the channel does.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_FRAME_BYTES = 1200
MAX_FRAME_BYTES = 61440
_FAST_BPS = 100_000_000
_FAST_FRAME_BYTES = 8192


@dataclass(frozen=True, slots=True)
class LinkCue:
    """What the terminal's own sensors and the plan say of the link at this moment.

    ``transmit_rate_bps`` 0: this end can't send now. ``delay_s``: one way. ``frame_bytes``: largest frame.
    """

    transmit_rate_bps: int
    locked: bool
    delay_s: float
    frame_bytes: int = 32768

    @property
    def light(self) -> bool:
        return self.locked and self.transmit_rate_bps > 0


DARK = LinkCue(0, False, 0.0, MIN_FRAME_BYTES)


def frame_bytes_for(rate_bps: float, slot_s: float = 0.001) -> int:
    """Frame size: about a quarter of a slot of rate, as every frame that touches a lost slot is lost.

    Between 1200 and 61440 bytes, and at least 8192 from 100 Mbit/s on, where the cost of a frame counts.
    """
    least = _FAST_FRAME_BYTES if rate_bps >= _FAST_BPS else MIN_FRAME_BYTES
    return int(min(MAX_FRAME_BYTES, max(least, rate_bps * slot_s / 8 / 4)))


class Serialiser:
    """Bits that the channel still has to send, as far as this end knows."""

    def __init__(self, lead_s: float, burst_s: float) -> None:
        self._lead_s = lead_s
        self._burst_s = burst_s
        self._rate_bps = 0
        self._backlog_bits = 0.0
        self._since = 0.0

    def set_rate(self, rate_bps: int, now: float) -> None:
        self._drain(now)
        self._rate_bps = rate_bps

    def add(self, n_bytes: int) -> None:
        self._backlog_bits += 8 * n_bytes

    def has_room(self, now: float) -> bool:
        """Whether a frame may be handed over now; it may overrun the lead by less than itself."""
        self._drain(now)
        return self._backlog_bits < self._lead_s * self._rate_bps

    def next_room(self, now: float) -> float | None:
        """When there will be room for a burst; None while the link is dark."""
        if not self._rate_bps:
            return None
        self._drain(now)
        excess = self._backlog_bits - (self._lead_s - self._burst_s) * self._rate_bps
        return now + max(0.0, excess / self._rate_bps)

    def _drain(self, now: float) -> None:
        if now > self._since:
            self._backlog_bits = max(0.0, self._backlog_bits - (now - self._since) * self._rate_bps)
            self._since = now
