"""Faults that a scenario foresees stand in the schedule of its sky: recorded with it, and moved as it is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import pytest

from linkemu import scenario as scenarios
from linkemu.link.overlay import outage
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.record import opening
from linkemu.record.excerpt import Excerpt
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime import past
from linkemu.runtime.records import overlay_row
from linkemu.schedule import DoorFault, NodeFault, Schedule
from tests.record import made

S = 10**9
DARK = outage(2 * S, 4 * S, "dark")
SCHEDULE = Schedule(
    overlays=(((0, Direction.UP), DARK),),
    nodes=(
        NodeFault("s", "kill", 3 * S),
        NodeFault("g", "freeze", 1 * S, 5 * S),
        NodeFault("g", "disk", 6 * S),
    ),
    doors=(DoorFault("web", "reset", 2 * S), DoorFault("web", "refuse", 4 * S, 7 * S)),
)


@pytest.fixture
def sky() -> Sky:
    dark = [(0.0, 1.0, Cause.ACQUIRING)]
    return SCHEDULE.put_into(
        Sky.of(*(constant("g", "s", way, 10**8, 0.01, 10.0, dark=dark) for way in Direction))
    )


def times(schedule: Schedule) -> list[tuple[str, float, float | None]]:
    rows = [*((overlay.name, overlay) for _, overlay in schedule.overlays)]
    rows += [(fault.kind, fault) for fault in (*schedule.nodes, *schedule.doors)]
    return [
        (name, each.start_ns / S, None if each.end_ns is None else each.end_ns / S) for name, each in rows
    ]


def test_a_part_keeps_what_of_the_schedule_lies_in_it(sky: Sky) -> None:
    """What lasts is cut, what happened before is over."""
    part = Excerpt(start_ns=3 * S, length_ns=5 * S).apply(Played(sky)).sky
    assert times(Schedule.of(part)) == [
        ("dark", 0.0, 1.0),
        ("kill", 0.0, None),
        ("freeze", 0.0, 2.0),
        ("disk", 3.0, 5.0),
        ("refuse", 1.0, 4.0),
    ]


def test_slowed_repeated_and_later(sky: Sky) -> None:
    part = Excerpt(length_ns=4 * S, slow=Fraction(2), rounds=2, shift_ns=S).apply(Played(sky)).sky
    found = Schedule.of(part)
    assert [each for each in times(found) if each[0] in ("dark", "kill", "reset")] == [
        ("dark", 5.0, 9.0),
        ("dark", 13.0, 17.0),
        ("kill", 7.0, None),
        ("kill", 15.0, None),
        ("reset", 5.0, None),
        ("reset", 13.0, None),
    ]


def test_what_was_foreseen_is_not_recorded_as_live(tmp_path: Path, sky: Sky) -> None:
    """An emulator's journal has both; imposed twice, lots would fall twice."""
    live = outage(8 * S, 9 * S, "live")
    rows = [overlay_row((0, Direction.UP), each) for each in (DARK, live)]
    recording = Recording.begin(tmp_path / "run", "proxy", Played(sky), Pace())
    recording.finish(faults=rows)
    found = opening.load(tmp_path / "run").played
    assert found.faults == (rows[1],)
    assert Schedule.of(found.sky) == SCHEDULE


def test_nodes_that_were_struck_live_are_struck_again(tmp_path: Path, sky: Sky) -> None:
    """The journal has what was foreseen too, struck a little later."""
    journal = tmp_path / "journal"
    rows = [
        NodeFault("s", "kill", 3 * S + 20_000_000),
        NodeFault("s", "kill", 7 * S),
        NodeFault("g", "freeze", 8 * S, 9 * S),
    ]
    journal.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows) + '{"torn')
    found = past.read_strikes(journal, SCHEDULE)
    recording = Recording.begin(tmp_path / "run", "run", Played(sky), Pace())
    recording.finish(node_faults=found)
    played = opening.load(tmp_path / "run").played
    assert played.strikes == tuple(rows[1:])
    assert Schedule.of(played.armed().sky).nodes == (*SCHEDULE.nodes, *rows[1:])
    part = Excerpt(start_ns=7 * S + S // 2).apply(played)
    assert part.strikes == (NodeFault("g", "freeze", S // 2, S + S // 2),)
    assert past.read_strikes(tmp_path / "absent", SCHEDULE) is None


KILL = """
[[fault]]
kind = "kill"
node = "iss"
start = "2 s"
"""


def test_a_run_with_a_killed_node_replays_to_the_last_record(tmp_path: Path, small: Played) -> None:
    assert small.scenario is not None
    place = made.scenario(tmp_path / "inputs").path
    place.write_text(place.read_text() + KILL)
    result = made.recorded(tmp_path / "run", made.played_of(scenarios.load(place)))
    kinds = [event["what"] for event in opening.load(tmp_path / "run").trace("run").events]
    assert kinds.count("up") == 3, "the killed satellite came up again"
    assert made.run(opening.load(tmp_path / "run").played).digest == result.digest
    assert result.digest != made.run(small).digest
    whole = opening.load(tmp_path / "run").played
    moved = Excerpt(shift_ns=S).apply(whole)
    assert [each.start_ns for each in Schedule.of(moved.sky).nodes] == [3 * S]
    again = made.recorded(tmp_path / "later", replace(moved))
    assert made.run(opening.load(tmp_path / "later").played).digest == again.digest
