"""How much of a lossy 1 Gbit/s link does a transfer use? One file, real processes and sockets; prints it.

    python bench/goodput.py [--size "1 GiB"] [--rate "1 Gbit/s"] [--delay "5 ms"] [--erased 0.02] [--json]

The sky is made by hand: one constant rate both ways, one delay, and a share of slots erased at random. What
the timeline allows is reckoned by walking frames of the size in use back to back over its slots: capacity
less headers, less every frame that touches an erased slot. CPU is that of each process over the whole run.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from linkemu import scenario, units
from linkemu.forecast import Forecast
from linkemu.link.channel import Channel
from linkemu.link.timeline import LinkTimeline, Sky, constant
from linkemu.machine import Direction
from linkemu.plan import Plan, Window
from linkemu.rng import Stream
from linkemu.runtime.session import Options, Outcome, Session
from linkemu.scenario import Scenario, Transfer
from linkemu.transfer.frames import DATA_OVERHEAD_BYTES
from linkemu.transfer.pacing import frame_bytes_for

STATION, SATELLITE = "koganei", "iss"
SLOT_S = 0.001
CONFIG = Path(__file__).parent.parent / "configs" / "gigabit.toml"


def erased_runs(direction: Direction, share: float, duration_s: float) -> list[tuple[int, int]]:
    """Slots erased independently, as runs of (first, count)."""
    draws = Stream(1, "goodput", direction.value).uniform(0, round(duration_s / SLOT_S))
    padded = np.concatenate(([False], draws < share, [False])).astype(np.int8)
    steps = np.diff(padded)
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return list(zip(starts.tolist(), (stops - starts).tolist(), strict=True))


def sky(rate_bps: int, delay_s: float, share: float, duration_s: float) -> Sky:
    return Sky.of(
        *(
            constant(
                STATION,
                SATELLITE,
                way,
                rate_bps,
                delay_s,
                duration_s,
                erased=erased_runs(way, share, duration_s),
                slot_s=SLOT_S,
            )
            for way in Direction
        )
    )


def plan(node: str, peer: str, rate_bps: int, delay_s: float, duration_s: float) -> Plan:
    delay = ((0.0, delay_s), (duration_s, delay_s))
    return Plan(node, 1, (Window(0, peer, 0.0, duration_s, ((0.0, rate_bps),), delay, 90.0),))


def allowed_bytes(timeline: LinkTimeline, start_s: float, end_s: float, frame_bytes: int) -> int:
    """Content of all back-to-back frames between two times of leaving that touch no erased slot."""
    channel = Channel(timeline)
    rate = int(timeline.rate_bps[0])
    survivors = 0
    for start, end in back_to_back(rate, frame_bytes, start_s, end_s):
        survivors += not channel.is_slot_erased(start // timeline.slot_ns, (end - 1) // timeline.slot_ns)
    return survivors * (frame_bytes - DATA_OVERHEAD_BYTES)


def back_to_back(rate_bps: int, frame_bytes: int, start_s: float, end_s: float) -> Iterator[tuple[int, int]]:
    """(start, end) in ns of each frame's leaving."""
    each = frame_bytes * 8 * 1_000_000_000
    for i in range(int((end_s - start_s) * rate_bps / (frame_bytes * 8))):
        begin = round(start_s * 1e9)
        yield begin + i * each // rate_bps, begin + (i + 1) * each // rate_bps


def cpu_s(pid: int) -> float:
    """User and system time of a process and its ended children so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def play(case: Scenario, compiled: Forecast, room: Path) -> tuple[Outcome, dict[str, float]]:
    options = Options(directory=room / "run", broker="embedded", until_done=True)
    async with Session(case, options, compiled=compiled) as session:
        await session.finished()
        used = {name: cpu_s(pid) for name, pid in session.marker.processes.items()}
    assert session.outcome is not None
    return session.outcome, used


def measure(size: int, rate_bps: int, delay_s: float, share: float) -> dict[str, Any]:
    duration_s = 30.0 + 4 * size * 8 / rate_bps
    case = scenario.load(CONFIG)
    put = Transfer(0.5, STATION, SATELLITE, "put", None, size, "bench.bin", 0)
    case = dataclasses.replace(case, transfers=(put,), duration_s=duration_s)
    plans = {
        STATION: plan(STATION, SATELLITE, rate_bps, delay_s, duration_s),
        SATELLITE: plan(SATELLITE, STATION, rate_bps, delay_s, duration_s),
    }
    air = sky(rate_bps, delay_s, share, duration_s)
    compiled = Forecast(datetime(2024, 5, 10, tzinfo=UTC), air, plans, passes=(), links=(), warnings=())
    with tempfile.TemporaryDirectory() as room:
        outcome, used = asyncio.run(play(case, compiled, Path(room)))
    (state,) = outcome.transfers
    fidelity = outcome.fidelity
    assert fidelity is not None
    up = next(link for link in fidelity["links"] if link["direction"] == "up")
    begun, done = state.times["sending"], state.times["in orbit"]
    frame = frame_bytes_for(rate_bps, SLOT_S)
    # Content whose acknowledgement is here at `done` has left one round trip before it.
    allowed = allowed_bytes(air.timelines[0, Direction.UP], begun, done - 2 * delay_s, frame)
    return {
        "state": state.state,
        "size_bytes": size,
        "frame_bytes": frame,
        "took_s": done - begun,
        "goodput_bps": size * 8 / (done - begun),
        "allowed_bytes": allowed,
        "goodput_of_allowed": size / allowed,
        "repaired_bytes": state.repaired_bytes,
        "acknowledged_resent": state.resent_chunks,
        "delay_error_p50_s": up["delay_error_p50_s"],
        "delay_error_p99_s": up["delay_error_p99_s"],
        "delay_error_max_s": up["delay_error_max_s"],
        "queue_dropped_frames": up["queue_dropped_frames"],
        "kernel_drops": fidelity["kernel_drops"],
        "node_drops": fidelity["node_drops"],
        "cpu_s_per_GB": {name: round(seconds / (size / 1e9), 2) for name, seconds in used.items()},
        "cpu_s_per_GB_all": round(sum(used.values()) / (size / 1e9), 2),
    }


def main() -> int:
    reader = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reader.add_argument("--size", default="1 GiB")
    reader.add_argument("--rate", default="1 Gbit/s")
    reader.add_argument("--delay", default="5 ms")
    reader.add_argument("--erased", type=float, default=0.02)
    reader.add_argument("--json", action="store_true")
    asked = reader.parse_args()
    rate, delay = units.rate_bps(asked.rate), units.duration_s(asked.delay)
    result = measure(units.size_bytes(asked.size), rate, delay, asked.erased)
    if asked.json:
        print(json.dumps(result, indent=1))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")
    return 0 if result["state"] == "verified" else 1


if __name__ == "__main__":
    sys.exit(main())
