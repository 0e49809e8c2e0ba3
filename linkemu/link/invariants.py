"""What every timeline keeps to: the types and shapes of its arrays, and what their values may say.

A timeline that passes ``check`` plays without surprise; whoever makes one by hand or reads one from a file
calls it. Nothing here changes or completes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linkemu.errors import TimelineError
from linkemu.link.cause import Cause

if TYPE_CHECKING:
    from linkemu.link.timeline import LinkTimeline

DELAY_TERMS = 8  # coefficients of a delay segment: degree 7 (shared geometry study: 1 ns on 10 s segments)
_FAR = 2**62  # no time in ns and no slot lies beyond: sums of two stay within int64

# Arrays of a timeline: name, type in the file, and the axis that gives its length.
ARRAYS: tuple[tuple[str, str, str], ...] = (
    ("edge_ns", "<i8", "edges"),
    ("rate_bps", "<i8", "segments"),
    ("cause", "|u1", "segments"),
    ("known", "|b1", "segments"),
    ("delay_start_ns", "<i8", "delays"),
    ("delay_s", "<f8", "delays"),
    ("erased_slot", "<i8", "runs"),
    ("erased_count", "<i8", "runs"),
    ("erased_cause", "|u1", "runs"),
    ("sample_ns", "<i8", "samples"),
    ("elevation_deg", "<f4", "samples"),
    ("azimuth_deg", "<f4", "samples"),
    ("range_m", "<f8", "samples"),
    ("range_rate_mps", "<f8", "samples"),
    ("power_dBm", "<f4", "samples"),
    ("margin_dB", "<f4", "samples"),
)


def check(timeline: LinkTimeline) -> None:
    """Raise TimelineError in one line unless every invariant of the arrays holds."""
    name = f"link {timeline.station}-{timeline.satellite} {timeline.direction.value}"
    for ok, problem in _invariants(timeline):
        if not ok:
            raise TimelineError(f"{name}: {problem}")


def _invariants(t: LinkTimeline) -> list[tuple[bool, str]]:
    lengths = {
        "edges": len(t.rate_bps) + 1,
        "segments": len(t.rate_bps),
        "delays": len(t.delay_start_ns),
        "runs": len(t.erased_slot),
        "samples": len(t.sample_ns),
    }
    scalars = all(isinstance(each, int) and 0 < each < _FAR for each in (t.slot_ns, t.delay_length_ns))
    shapes: list[tuple[bool, str]] = [(scalars, "slot_ns and delay_length_ns must be positive integers")]
    for name, dtype, axis in ARRAYS:
        array = getattr(t, name)
        shape = (lengths[axis], DELAY_TERMS) if name == "delay_s" else (lengths[axis],)
        fits = array.shape == shape and array.dtype == np.dtype(dtype)
        shapes.append((fits, f"{name} is {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}"))
    if not all(ok for ok, _ in shapes):
        return shapes
    return shapes + _invariants_of_values(t)


def _invariants_of_values(t: LinkTimeline) -> list[tuple[bool, str]]:
    idle = t.rate_bps == 0
    causes = max(Cause)
    runs_end = t.erased_slot + t.erased_count
    return [
        (len(t.rate_bps) > 0 and t.edge_ns[0] == 0, "edge_ns must start at 0 and hold a segment"),
        (bool(np.all(t.edge_ns >= 0) and np.all(np.diff(t.edge_ns) > 0)), "edge_ns must increase"),
        (bool(np.all(t.rate_bps >= 0)), "rate_bps must not be negative"),
        (
            bool(np.all((t.cause == Cause.NONE) == ~idle)),
            "a segment has a cause if and only if its rate is 0",
        ),
        (bool(np.all(t.cause <= causes) and np.all(t.erased_cause <= causes)), "unknown cause"),
        (not bool(np.any(t.erased_cause == Cause.NONE)), "a run of erased slots needs a cause"),
        (not bool(np.any(t.known & ~idle)), "only an outage can be known in advance"),
        (
            bool(np.all(np.diff(t.delay_start_ns) > 0)),
            "delay segments are not sorted",
        ),
        (bool(np.all(np.isfinite(t.delay_s))), "delay_s must be finite"),
        (len(t.delay_start_ns) > 0 or bool(np.all(idle)), "a link that carries anything needs its delay"),
        (bool(np.all(t.erased_count > 0)), "a run of erased slots is empty"),
        (
            bool(np.all((t.erased_slot >= 0) & (t.erased_slot < _FAR) & (t.erased_count < _FAR))),
            "slots count from 0",
        ),
        (bool(np.all(t.erased_slot[1:] >= runs_end[:-1])), "runs of erased slots overlap or are not sorted"),
        (bool(np.all(np.diff(t.sample_ns) > 0)), "sample_ns must increase"),
    ]
