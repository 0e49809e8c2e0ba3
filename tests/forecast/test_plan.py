"""The Plan's JSON and the assignment of contacts."""

from __future__ import annotations

import contextlib
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.plan import Contact, Plan, Sighting, Window, assign

finite = st.floats(allow_nan=False, allow_infinity=False)
windows = st.builds(
    Window,
    link=st.integers(0, 99),
    peer=st.text(),
    start_s=finite,
    end_s=finite,
    expected_rate=st.lists(st.tuples(finite, st.integers(0, 10**12))).map(tuple),
    delay=st.lists(st.tuples(finite, finite)).map(tuple),
    max_elevation_deg=finite,
)
plans = st.builds(
    Plan, node=st.text(), version=st.integers(0, 2**40), windows=st.lists(windows, max_size=4).map(tuple)
)


@given(plans)
def test_a_plan_survives_its_json(plan: Plan) -> None:
    text = plan.to_json()
    assert Plan.from_json(text) == plan == Plan.from_json(text.encode())
    assert "\n" not in text


@given(plans, st.data())
def test_mutated_json_is_a_format_error_or_a_plan(plan: Plan, data: st.DataObject) -> None:
    text = plan.to_json()
    place = data.draw(st.integers(0, len(text)))
    mutated = text[:place] + data.draw(st.text(max_size=3)) + text[place + data.draw(st.integers(0, 3)) :]
    with contextlib.suppress(FormatError):
        assert isinstance(Plan.from_json(mutated), Plan)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        b"\xff",
        '{"format":2,"node":"a","version":1,"windows":[]}',
        '{"format":1,"node":1,"version":1,"windows":[]}',
        '{"format":1,"node":"a","version":true,"windows":[]}',
        '{"format":1,"node":"a","version":1,"windows":[{"link":0}]}',
        '{"format":1,"node":"a","version":1,"windows":[{"delay":[[0,NaN]],"end_s":1,"expected_rate":[],'
        '"link":0,"max_elevation_deg":1,"peer":"b","start_s":0}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_plan_is_refused(text: str | bytes) -> None:
    with pytest.raises(FormatError, match="plan: "):
        Plan.from_json(text)


def nimble(name: str, before: Sighting | None, to: Sighting, left_s: float) -> float:
    return 0.0


def slow(name: str, before: Sighting | None, to: Sighting, left_s: float) -> float:
    return 5.0


def test_a_contact_is_kept_to_its_end_though_a_higher_pass_comes() -> None:
    low, high = Sighting("a", "x", 0.0, 100.0, 30.0), Sighting("a", "y", 50.0, 150.0, 80.0)
    assert assign([low, high], nimble) == (Contact(low, 0.0, 0.0, 100.0), Contact(high, 100.0, 100.0, 150.0))


def test_the_higher_pass_wins_a_tie() -> None:
    low, high = Sighting("a", "x", 0.0, 100.0, 30.0), Sighting("a", "y", 0.0, 60.0, 80.0)
    first, second = assign([low, high], nimble)
    assert first.sighting is high and (second.start_s, second.end_s) == (60.0, 100.0)


def test_a_satellite_serves_one_station_at_a_time() -> None:
    a, b = Sighting("a", "x", 0.0, 100.0, 50.0), Sighting("b", "x", 10.0, 120.0, 60.0)
    first, second = assign([b, a], nimble)
    assert (first.sighting.station, second.sighting.station, second.start_s) == ("a", "b", 100.0)


def test_an_idle_mount_turns_early_and_a_busy_one_when_it_is_free() -> None:
    one, two = Sighting("a", "x", 20.0, 100.0, 50.0), Sighting("a", "y", 90.0, 200.0, 40.0)
    first, second = assign([one, two], slow)
    assert (first.slew_s, first.start_s) == (15.0, 20.0)
    assert (second.slew_s, second.start_s) == (100.0, 105.0)
    late = Sighting("a", "y", 103.0, 200.0, 40.0)
    assert assign([one, late], slow)[1] == Contact(late, 100.0, 105.0, 200.0)


def test_what_is_left_too_short_is_no_contact() -> None:
    assert assign([Sighting("a", "x", 0.0, 9.0, 9.0), Sighting("a", "y", 0.0, 9.5, 8.0)], nimble, 1.0) == (
        Contact(Sighting("a", "x", 0.0, 9.0, 9.0), 0.0, 0.0, 9.0),
    )
    assert assign([], nimble) == ()


sightings = st.lists(
    st.builds(
        lambda station, satellite, start, length, height: Sighting(
            station, satellite, start, start + length, height
        ),
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
        st.integers(0, 100).map(float),
        st.integers(0, 60).map(float),
        st.integers(20, 90).map(float),
    ),
    max_size=12,
)


@given(sightings, st.floats(0.0, 8.0))
def test_no_terminal_is_promised_twice(seen: list[Sighting], turn_s: float) -> None:
    contacts = assign(seen, lambda *_: turn_s)
    for contact in contacts:
        assert contact.sighting in seen
        assert contact.sighting.start_s <= contact.start_s < contact.end_s <= contact.sighting.end_s
        assert contact.start_s - contact.slew_s == pytest.approx(turn_s)
    for one, two in combinations(contacts, 2):
        shared = {one.sighting.station, one.sighting.satellite} & {
            two.sighting.station,
            two.sighting.satellite,
        }
        if shared:
            assert two.start_s >= one.end_s + turn_s or one.start_s >= two.end_s + turn_s
    assert list(contacts) == sorted(contacts, key=lambda contact: contact.start_s)
    if any(sighting.end_s - sighting.start_s >= 1.0 for sighting in seen):
        assert contacts
