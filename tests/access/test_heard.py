"""Live faults that doors hear of late, or that end at another time than was said: none stays for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkemu.access.heard import Heard
from linkemu.access.imposed import Standings
from linkemu.errors import FormatError, ResourceError
from linkemu.link.overlay import Overlay, blackhole, outage
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from linkemu.runtime.records import Records
from linkemu.schedule import Schedule

MS = 10**6
UP, DOWN = (0, Direction.UP), (0, Direction.DOWN)
SKY = Sky.of(*(constant("g", "s", way, 10**7, 0.005, 5.0) for way in Direction))


class Doors:
    """What doors hear of an emulator that writes its journal here."""

    def __init__(self, room: Path, schedule: Schedule | None = None) -> None:
        sky = SKY if schedule is None else schedule.put_into(SKY)
        self.records, self.standings = Records(room), Standings(sky)
        self.heard = Heard(self.records.overlays_file, Schedule.of(sky))

    def hear(self, now_ns: int, *told: Overlay) -> None:
        if told:
            self.records.keep_overlays([(UP, each) for each in told])
        assert self.heard.hear(self.standings, now_ns) == ({0} if told else set())

    @property
    def lights(self) -> list[tuple[int, int]]:
        return self.standings[UP].lights


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    doors = Doors(tmp_path)
    doors.heard.catch_up(doors.standings)
    return doors


def test_a_fault_that_was_heard_late_ends_when_it_is_lifted(doors: Doors) -> None:
    doors.hear(1500 * MS, outage(1000 * MS, None, "x"))
    assert doors.lights == [(0, 1501 * MS)]
    doors.hear(1900 * MS, outage(1000 * MS, 2000 * MS, "x"))
    assert doors.lights == [(0, 1501 * MS), (2000 * MS, 5000 * MS)]
    assert doors.standings[UP].overlaid.live(2000 * MS) == []


def test_a_fault_that_was_over_before_it_was_heard_does_nothing(doors: Doors) -> None:
    doors.hear(3000 * MS, outage(1000 * MS, 2000 * MS, "x"))
    assert doors.lights == [(0, 5000 * MS)]


def test_a_fault_whose_end_was_known_can_end_earlier_and_is_told_twice_for_nothing(doors: Doors) -> None:
    told = outage(1000 * MS, 4000 * MS, "x")
    doors.hear(900 * MS, told)
    doors.hear(950 * MS, told)
    assert doors.standings.journal() == [(UP, told)]
    doors.hear(1100 * MS, outage(1000 * MS, 1200 * MS, "x"))
    assert doors.lights == [(0, 1000 * MS), (1200 * MS, 5000 * MS)]


def test_an_end_that_was_heard_late_is_the_next_edge(doors: Doors) -> None:
    doors.hear(900 * MS, outage(1000 * MS, None, "x"))
    doors.hear(2000 * MS + 1, outage(1000 * MS, 1500 * MS, "x"))
    assert doors.lights == [(0, 1000 * MS), (2001 * MS, 5000 * MS)]


def test_a_fault_like_one_before_is_another_one(doors: Doors) -> None:
    doors.hear(900 * MS, outage(1000 * MS, 1500 * MS, "x"))
    doors.hear(1900 * MS, outage(2000 * MS, 2500 * MS, "x"))
    assert doors.lights == [(0, 1000 * MS), (1500 * MS, 2000 * MS), (2500 * MS, 5000 * MS)]


def test_a_foreseen_fault_is_heard_of_only_when_it_ends_otherwise(tmp_path: Path) -> None:
    foreseen = outage(1000 * MS, 4000 * MS, "planned")
    doors = Doors(tmp_path, Schedule(((UP, foreseen),)))
    doors.records.keep_overlays([(UP, foreseen), (DOWN, blackhole(0, 10 * MS))])
    doors.heard.catch_up(doors.standings)
    assert doors.standings.journal() == [(DOWN, blackhole(0, 10 * MS))]
    assert doors.lights == [(0, 1000 * MS), (4000 * MS, 5000 * MS)]
    doors.hear(1900 * MS, outage(1000 * MS, 2000 * MS, "planned"))
    assert doors.lights == [(0, 1000 * MS), (2000 * MS, 5000 * MS)]


def test_a_journal_that_is_none_is_one_error(doors: Doors) -> None:
    doors.records.overlays_file.write_text("nonsense\n")
    with pytest.raises(FormatError, match="not a journal"):
        doors.heard.hear(doors.standings, 0)
    doors.records.overlays_file.unlink()
    doors.records.overlays_file.mkdir()
    with pytest.raises(ResourceError, match="overlays"):
        doors.heard.hear(doors.standings, 0)
