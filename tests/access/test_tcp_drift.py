"""A stream keeps to the timeline: sum of bytes, edges, and a delay that follows the pass without steps."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import pytest
from doors import ROOT, least

from linkemu.access.serialiser import Passage, Serialiser
from linkemu.forecast import forecast
from linkemu.link.delay import DelayCurve
from linkemu.link.timeline import LinkTimeline
from linkemu.machine import Direction
from linkemu.scenario import load

S = 1_000_000_000
DARK_NS = 5_000_000
STEP_NS = 50_000
SLOPE = 30e-6  # s/s: what a satellite of 7.8 km/s can do at most, by its range rate over the speed of light


def saturate(machine: Serialiser, from_ns: int, until_ns: int) -> list[Passage]:
    """All pieces of a source that always has bytes."""
    found: list[Passage] = []
    now_ns = from_ns
    while (opening := machine.opening(now_ns)) is not None and opening.start_ns < until_ns:
        now_ns = max(now_ns, opening.start_ns - opening.lookahead_ns)
        passage = machine.leave(opening.most_bytes, now_ns)
        assert passage is not None
        found.append(passage)
    return found


@pytest.fixture(scope="module")
def both_ways() -> dict[Direction, LinkTimeline]:
    timelines = forecast(load(ROOT / "configs" / "demo.toml")).sky.timelines
    return {way: timelines[0, way] for way in Direction}


@pytest.mark.parametrize("way", list(Direction))
@pytest.mark.parametrize("repeat", [False, True])
def test_the_delay_follows_the_pass_without_steps(both_ways, way, repeat):
    """A piece has the light time of the moment at which it ends; to the next it moves by its slope."""
    timeline, delay = both_ways[way], DelayCurve(both_ways[way])
    pieces = saturate(Serialiser(timeline, both_ways[way.other], repeat=repeat), 0, 20 * S)
    assert len(pieces) > 5000 and pieces[-1].end_ns > 19 * S
    for one, other in pairwise(pieces):
        moved_ns = abs((other.due_ns - other.end_ns) - (one.due_ns - one.end_ns))
        assert moved_ns <= SLOPE * (other.end_ns - one.end_ns) + 2
        assert moved_ns < STEP_NS or other.end_ns - one.end_ns > S
        assert other.due_ns - other.end_ns == delay(other.end_ns)
    starts = timeline.delay_start_ns.tolist()
    assert all(abs(delay(edge) - delay(edge - 1)) <= 2 for edge in starts[1:] if edge < timeline.end_ns)


@pytest.mark.acceptance
def test_a_saturated_changing_link_carries_its_capacity_and_keeps_its_edges():
    """At the far sink, by the script that also plays a whole pass (bench/dataplane/drift.py)."""

    def worst() -> float:
        """The error of the sum and the lateness of edges, in shares of their bounds."""
        done = subprocess.run(
            [sys.executable, ROOT / "bench" / "dataplane" / "drift.py", "--quick", "--for", "4", "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        assert seen["edges"] > 20
        assert seen["late_least_s"] > -50e-6  # the two processes' roundings; nothing comes early
        return max(abs(seen["error"]) / 1e-3, seen["edge_p10_s"] / 0.002)  # a tenth: others may be late

    assert least(worst, 1.0) < 1.0
