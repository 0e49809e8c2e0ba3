"""Every case of the catalogue under the virtual clock, with our nodes: it happens, and the file is intact.

What is intact is told by the bytes on the satellite's disk, not by the nodes. That the mischief came is read
from trace, fidelity report and sky: a case that nobody would notice tests nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from linkemu import scenario
from linkemu.forecast import Forecast, forecast
from linkemu.link.fidelity import LinkFidelity
from linkemu.link.timeline import Cause
from linkemu.machine import Direction
from linkemu.runtime.composed import Result, run_virtual
from linkemu.scenario import Scenario, Transfer, catalogue

Event = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A case that was run: what it was given, what came of it, and its trace."""

    given: Scenario
    compiled: Forecast
    result: Result
    events: list[Event]

    def told(self, who: str, what: str) -> list[float]:
        """Seconds at which a node recorded such an event."""
        return [each["t"] / 1e9 for each in self.events if (each["who"], each["what"]) == (who, what)]

    @property
    def station(self) -> str:
        return self.given.stations[0].id

    @property
    def satellite(self) -> str:
        return self.given.satellites[0].id

    @property
    def up(self) -> LinkFidelity:
        return next(each for each in self.result.fidelity.links if each.direction == "up")

    @property
    def down(self) -> LinkFidelity:
        return next(each for each in self.result.fidelity.links if each.direction == "down")

    def interrupted(self) -> bool:
        """The light went out after the first byte of a transfer, and before its end."""
        first = min(self.told(self.station, "first byte"))
        end = max(self.told(self.station, "verified"))
        return any(first < at < end for at in self.told(self.station, "dark"))

    def acknowledged_between(self, start_s: float, end_s: float) -> int:
        return sum(start_s < at < end_s for at in self.told(self.station, "acknowledged"))

    def alters(self, kind: str) -> bool:
        """A door's fault stands in the schedule, in mid-transfer."""
        first, end = min(self.told(self.station, "first byte")), max(self.told(self.station, "verified"))
        return any(
            each.kind == kind and first < each.start_ns / 1e9 < end for each in self.compiled.schedule.doors
        )

    def was_searching(self, at_s: float) -> bool:
        up = self.compiled.sky.timelines[0, Direction.UP]
        segment = int(np.searchsorted(up.edge_ns, round(at_s * 1e9), side="right")) - 1
        return bool(up.cause[segment] == Cause.ACQUIRING)

    def has_dark(self, cause: Cause) -> bool:
        return bool(np.any(self.compiled.sky.timelines[0, Direction.UP].cause == cause))

    def slowest_answer_s(self) -> float:
        """Longest time from a chunk's durability in orbit to its acknowledgement on the ground."""
        stored, acknowledged = self.told(self.satellite, "stored"), self.told(self.station, "acknowledged")
        return max(after - before for before, after in zip(stored, acknowledged, strict=True))


def _ends_by_priority(run: Run) -> bool:
    """What waited went up after 72 hours of dark, urgent things first."""
    waited = [each for each in run.result.transfers if each.name.startswith("day-")]
    urgent = [each.times["verified"] for each in waited if each.priority == 0]
    others = [each.times["verified"] for each in waited if each.priority == 9]
    return len(waited) == 6 and min(urgent) > 72 * 3600 and max(urgent) < min(others)


MISCHIEF: dict[str, Callable[[Run], bool]] = {
    "ack-path-only": lambda run: run.down.erased_frames > 100 and run.up.erased_frames == 0,
    "acquisition-fails-twice": lambda run: (
        run.was_searching(1.99) and run.was_searching(7.99) and run.told("koganei", "light")[0] > 10
    ),
    "blackhole": lambda run: run.up.erased_frames > 1000 and not run.interrupted(),
    "clock-skew": lambda run: run.told("koganei", "spooled") == [1020.0],
    "corrupt-frames": lambda run: run.up.corrupted_frames > 300,
    "delay-jump": lambda run: run.slowest_answer_s() > 1.0,
    "disk-fails": lambda run: (
        len(run.told("koganei", "failed")) == 1
        and run.told("iss", "disk refuses")[0] < 4.2 < run.told("iss", "verified")[0]
    ),
    "download-interrupted": lambda run: run.down.erased_frames > 1000 and run.interrupted(),
    "duplicates": lambda run: run.up.duplicated_frames > 5000 and run.down.duplicated_frames > 100,
    "every-tenth-slot": lambda run: run.up.erased_frames > 500 and run.up.erased_slots == 3000,
    "every-third-frame": lambda run: run.up.erased_frames == run.up.offered_frames // 3,
    "fade-train-100ms": lambda run: run.up.erased_frames > 1000 and run.up.erased_slots == 6000,
    "first-segment-last": lambda run: (
        run.up.reordered_frames > 0 and run.told("iss", "offered")[0] > run.told("iss", "light")[0] + 0.04
    ),
    "flapping-light": lambda run: (
        run.interrupted() and sum(at < run.told("iss", "verified")[0] for at in run.told("iss", "light")) > 2
    ),
    "geo-fades": lambda run: run.up.erased_frames > 100 and run.slowest_answer_s() > 0.12,
    "half-open-after-los": lambda run: run.interrupted() and run.alters("half-open"),
    "handover-stations": lambda run: (
        run.interrupted() and 0 < run.result.fidelity.links[2].delivered_bytes < 5 * 2**20
    ),
    "last-ack-lost": lambda run: (
        run.down.erased_frames > 0 and run.told("koganei", "verified")[0] > run.told("iss", "verified")[0] + 3
    ),
    "last-segment-first": lambda run: run.up.reordered_frames > 500,
    "late-plan": lambda run: run.told("koganei", "plan") == [5.0],
    "los-mid-chunk": lambda run: run.interrupted() and run.up.erased_frames > 100,
    "outage-72-hours": lambda run: run.interrupted() and _ends_by_priority(run),
    "rate-collapse": lambda run: (
        run.acknowledged_between(2.0, 8.0) <= 1 < run.acknowledged_between(8.0, 10.0)
    ),
    "refuse-at-aos": lambda run: run.interrupted() and run.alters("refuse"),
    "reordering": lambda run: run.up.reordered_frames > 1000,
    "reset-mid-stream": lambda run: run.up.erased_frames > 100 and run.alters("reset"),
    "satellite-killed": lambda run: run.told("iss", "up") == [0.0, 5.2],
    "station-frozen": lambda run: (
        run.acknowledged_between(2.2, 6.2) == 0 < run.acknowledged_between(1.0, 2.2)
    ),
    "station-killed": lambda run: run.told("koganei", "up") == [0.0, 5.2],
    "store-bit-flips": lambda run: len(run.told("iss", "chunk lost")) == 3,
    "sun-outage": lambda run: run.interrupted() and run.has_dark(Cause.SUN),
    "two-clouded-passes": lambda run: run.interrupted() and run.told("iss", "verified")[0] > 6 * 3600,
    "uplink-dark": lambda run: run.up.erased_frames > 1000 and run.down.erased_slots == 0,
    "wrong-plan": lambda run: (
        run.compiled.plans["iss"].windows == () and run.compiled.plans["koganei"].windows[0].start_s >= 600
    ),
}


def test_the_table_is_that_of_the_catalogue() -> None:
    assert MISCHIEF.keys() == {case.name for case in catalogue.cases()}
    assert len(MISCHIEF) >= 20


@pytest.mark.parametrize("name", MISCHIEF)
def test_the_file_arrives_intact_and_the_mischief_has_happened(name: str, tmp_path: Path) -> None:
    given = scenario.load(name)
    assert given.name == name
    compiled = forecast(given)
    lines: list[str] = []
    result = run_virtual(given, compiled=compiled, root=tmp_path, trace_sink=lines.append)
    assert result.ok and len(result.transfers) >= 1, result.transfers
    for transfer in given.transfers:
        _check(given, transfer, result, tmp_path)
    assert {each.resent_chunks for each in result.transfers} == {0}
    run = Run(given, compiled, result, [json.loads(line) for line in lines])
    assert MISCHIEF[name](run), "nothing happened to it"


def _check(given: Scenario, transfer: Transfer, result: Result, root: Path) -> None:
    """What was sent lies on the satellite's disk, byte for byte, and its digest was told."""
    size = next(each.size_bytes for each in given.transfers if each.name == transfer.name)
    assert size is not None
    content = blake3(f"file\x1f{given.seed}\x1f{transfer.name}".encode()).digest(length=size)
    states = [
        each
        for each in result.transfers
        if (each.node, each.action, each.name) == (transfer.station, transfer.action, transfer.name)
    ]
    assert [each.sha256 for each in states] == [hashlib.sha256(content).hexdigest()]
    step = given.transfer.chunk_bytes
    for start in range(0, size, step):
        chunk = content[start : start + step]
        stored = root / transfer.satellite / "chunks" / blake3(chunk).hexdigest()
        assert stored.read_bytes() == chunk
