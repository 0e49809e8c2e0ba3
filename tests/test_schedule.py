"""The schedule of faults: written and read again, and what isn't one is refused in a line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.link.overlay import Overlay
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from linkemu.schedule import DoorFault, NodeFault, Schedule
from tests.link.skies import overlays

times = st.integers(0, 10**15)
nodes = st.builds(
    lambda node, kind, start_ns, lasts_ns, *figures: NodeFault(
        node, kind, start_ns, None if lasts_ns is None else start_ns + lasts_ns, *figures
    ),
    st.sampled_from(["iss", "koganei"]),
    st.sampled_from(["kill", "freeze", "clock", "bit-flip", "disk", "plan-late"]),
    times,
    st.none() | times,
    st.integers(-(10**13), 10**13),
    st.floats(-1e5, 1e5),
    st.integers(1, 9),
    st.integers(0, 2**63),
)
doors = st.builds(DoorFault, st.just("web"), st.sampled_from(["refuse", "reset", "half-open"]), times)


@given(overlays, st.lists(nodes, max_size=3), st.lists(doors, max_size=3))
def test_written_and_read_again(
    faults: list[Overlay], of_nodes: list[NodeFault], of_doors: list[DoorFault]
) -> None:
    keyed = tuple(((0, Direction.DOWN), each) for each in faults)
    schedule = Schedule(keyed, tuple(of_nodes), tuple(of_doors))
    assert Schedule.read(json.loads(json.dumps(schedule.document()))) == schedule
    assert [each.start_ns for each in schedule.of_node("iss")] == sorted(
        each.start_ns for each in of_nodes if each.node == "iss"
    )


@settings(max_examples=200)
@given(st.data())
def test_whatever_is_changed_in_it_it_is_a_schedule_or_one_line(data: st.DataObject) -> None:
    given = Schedule((((0, Direction.UP), Overlay(5, delay_ns=1)),), (NodeFault("iss", "kill", 7),))
    document = given.document()
    junk = st.none() | st.integers(-5, 5) | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
    row = data.draw(st.sampled_from([document, document["overlays"][0], document["nodes"][0]]))
    row[data.draw(st.sampled_from([*row, "more"]))] = data.draw(junk)
    try:
        Schedule.read(document)
    except FormatError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("document", [3, [], {}, {"format": 2}, {"format": 1, "overlays": 3}, "text"])
def test_what_is_no_schedule_is_refused(document: object) -> None:
    with pytest.raises(FormatError, match="schedule: "):
        Schedule.read(document)


@pytest.mark.parametrize(
    ("rows", "key", "value"),
    [
        *(("overlays", "link", value) for value in (True, "0", 0.0, None)),
        *(("nodes", "drift_ppm", value) for value in (True, "1", None, math.nan)),
        *(("nodes", "end_ns", value) for value in (6, 7.5, "8")),
        *(("nodes", "start_ns", value) for value in (True, -1, 1.0)),
        *(("nodes", "kind", value) for value in ("reset", 1)),
        ("nodes", "node", 3),
    ],
)
def test_a_figure_of_another_type_is_refused(rows: str, key: str, value: object) -> None:
    given = Schedule((((0, Direction.UP), Overlay(5, delay_ns=1)),), (NodeFault("iss", "kill", 7),))
    document = given.document()
    assert document["format"] == 1
    document[rows][0][key] = value
    with pytest.raises(FormatError, match="schedule: "):
        Schedule.read(document)


def test_it_travels_in_the_header_of_a_sky(tmp_path: Path) -> None:
    bare = Sky.of(constant("g", "s", Direction.UP, 10**6, 0.1, 1.0), header={"name": "x"})
    schedule = Schedule((((0, Direction.UP), Overlay(0, delay_ns=5)),), (NodeFault("s", "kill", 7),))
    schedule.put_into(bare).save(tmp_path / "sky")
    sky = Sky.load(tmp_path / "sky")
    assert Schedule.of(sky) == schedule and sky.digest() != bare.digest() and sky.header["name"] == "x"
    assert Schedule.of(bare) == Schedule() and Schedule().put_into(sky).digest() == bare.digest()
    wrong = Schedule((((0, Direction.DOWN), Overlay(0, name="x")),)).put_into(bare)
    with pytest.raises(FormatError, match="schedule: overlay x: the sky has no link 0 down"):
        Schedule.of(wrong)
