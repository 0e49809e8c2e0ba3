"""Live faults and time of a past run: put where an emulator finds them."""

from __future__ import annotations

import json
from pathlib import Path

from linkemu.link.overlay import blackhole, outage
from linkemu.machine import Direction
from linkemu.runtime import past
from linkemu.runtime.records import Records
from linkemu.runtime.timemap import Piece, TimeMap
from linkemu.schedule import NodeFault, Schedule

UP, DOWN = (0, Direction.UP), (1, Direction.DOWN)
TOLD = [(UP, outage(10, None, "a")), (DOWN, blackhole(20, 30, "b")), (UP, outage(10, 40, "a"))]
STOOD = [TOLD[2], TOLD[1]]


def test_what_was_recorded_is_found_by_an_emulator_that_replays_it(tmp_path: Path) -> None:
    rows = past.rows(TOLD)
    assert [(row["link"], row["direction"], row["end_ns"]) for row in rows] == [
        (0, "up", 40),
        (1, "down", 30),
    ]
    assert past.overlays(rows) == STOOD
    past.write_journal(tmp_path / "state", json.loads(json.dumps(rows)))
    assert Records(tmp_path / "state").overlays() == STOOD
    assert past.read_journal(tmp_path / "state") == rows


def test_a_run_without_faults_leaves_no_journal(tmp_path: Path) -> None:
    past.write_journal(tmp_path / "state", [])
    assert past.read_journal(tmp_path) == []
    assert not (tmp_path / "state").exists()


def test_time_is_told_if_it_ever_went(tmp_path: Path) -> None:
    assert past.time_map(tmp_path) is None
    Records(tmp_path).keep_time_map(TimeMap((Piece(5, 0, 2.0),)))
    told = past.time_map(tmp_path)
    assert isinstance(told, dict)
    assert told["pieces"] == [{"monotonic_ns": 5, "scenario_ns": 0, "rate": 2.0}]


def test_a_strike_is_the_schedules_if_it_comes_within_two_seconds_of_it(tmp_path: Path) -> None:
    schedule = Schedule(nodes=(NodeFault("g", "kill", 10**9, 5 * 10**9),))
    journal = tmp_path / "strikes.jsonl"

    def live(**more: object) -> bool:
        row = {"node": "g", "kind": "kill", "start_ns": 10**9, "end_ns": 5 * 10**9, **more}
        journal.write_text(json.dumps(row) + "\n" + '{"torn')
        found = past.read_strikes(journal, schedule)
        assert found in (None, [row])
        return found is not None

    assert not live() and not live(start_ns=3 * 10**9 - 1)
    for other in ({"start_ns": 3 * 10**9}, {"start_ns": 10**9 - 1}, {"node": "s"}, {"kind": "freeze"}):
        assert live(**other)
    assert live(end_ns=None)
