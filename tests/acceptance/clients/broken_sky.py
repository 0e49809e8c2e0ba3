"""The skies of the client zoo: light and dark by turns, and what a transfer must have lived through.

A transfer that needs more light than one stretch has is cut by an outage, whenever it begins: no test of the
zoo depends on how quickly a client starts. The bounds are lower bounds, so that a busy machine fails nobody.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from linkemu import scenario as scenarios
from linkemu.forecast import forecast
from linkemu.link.timeline import Sky
from linkemu.machine import Direction
from tests.access import doors
from tests.cli.invoked import scenario

LIGHT_S = 1.5
DARK_S = 2.0
NEED_S = 2.2  # of light, by each transfer
DARK_FIRST_S = 4.0
DELAY_S = 0.02
DURATION_S = 70.0
CLOUD = '[[cloud]]\nstation = "koganei"\nstart = "2.5 s"\nduration = "2 s"\n'


def broken(rate_bps: int) -> Sky:
    """``LIGHT_S`` of light, ``DARK_S`` without, and so on; the same in both directions."""
    period_s = LIGHT_S + DARK_S
    turns = int(DURATION_S / period_s)
    dark = [(turn * period_s + LIGHT_S, (turn + 1) * period_s) for turn in range(turns)]
    return doors.sky(rate_bps, DELAY_S, DURATION_S, dark=dark)


def once(rate_bps: int) -> Sky:
    """``LIGHT_S`` of light, one outage of ``DARK_S``, and light for good."""
    return doors.sky(rate_bps, DELAY_S, DURATION_S, dark=[(LIGHT_S, LIGHT_S + DARK_S)])


def late(rate_bps: int) -> Sky:
    """Dark for ``DARK_FIRST_S``, then light."""
    return doors.sky(rate_bps, DELAY_S, DURATION_S, dark=[(0.0, DARK_FIRST_S)])


@cache
def real() -> Sky:
    """A minute of the demo's pass of the ISS from acquisition on, a cloud of 2 s after 1.4 s of light."""
    with TemporaryDirectory() as room:
        return forecast(scenarios.load(scenario(Path(room), 60, CLOUD))).sky


def earliest_s(sky: Sky, direction: Direction, size: int) -> float:
    """Scenario time before which ``size`` bytes can't have left, whenever they were begun."""
    timeline = sky.timelines[0, direction]
    left = 8.0 * size
    edges_s = timeline.edge_ns / 1e9
    for start_s, end_s, rate_bps in zip(edges_s, edges_s[1:], timeline.rate_bps, strict=False):
        if left <= rate_bps * (end_s - start_s):
            return float(start_s + left / rate_bps)
        left -= rate_bps * (end_s - start_s)
    raise AssertionError("this sky can't carry so much")


def longest_light_bytes(sky: Sky, direction: Direction) -> int:
    """What the longest stretch of light can carry, of those that an outage ends."""
    timeline = sky.timelines[0, direction]
    stretches, bits = [], 0.0
    for length_ns, rate_bps in zip(
        timeline.edge_ns[1:] - timeline.edge_ns[:-1], timeline.rate_bps, strict=True
    ):
        bits = bits + length_ns * int(rate_bps) / 1e9 if rate_bps else 0.0
        stretches.append(bits)
    ends = [each for each, after in pairwise(stretches) if after == 0.0]
    return int(max(ends) / 8)


def transfer_bytes(rate_bps: int) -> int:
    """The size of a file that needs ``NEED_S``; odd, so that no block size divides it."""
    return int(rate_bps * NEED_S / 8) | 1
