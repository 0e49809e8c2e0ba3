"""Overlays as JSON: what is written is read again, and what isn't one is refused in a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.link.overlay import ALL, Overlay, Pick, outage
from linkemu.link.overlayform import of_record, to_record
from tests.link.skies import overlays

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["start_ns", *Overlay.__dataclass_fields__, "every", "colour"])


@given(overlays)
def test_written_and_read_again(faults: list[Overlay]) -> None:
    for each in faults:
        assert of_record(json.loads(json.dumps(to_record(each)))) == each


def test_what_says_nothing_is_left_out() -> None:
    assert to_record(outage(5, name="x")) == {"start_ns": 5, "name": "x", "rate_cap_bps": 0}
    assert of_record({"start_ns": 1, "erase_slots": {"share": 1}}) == Overlay(1, erase_slots=ALL)
    assert to_record(Overlay(0, corrupt=Pick(share=0.5))) == {"start_ns": 0, "corrupt": {"share": 0.5}}


@settings(max_examples=300)
@given(st.dictionaries(keys, json_values, max_size=5) | json_values)
def test_whatever_comes_it_is_an_overlay_or_one_line(record: object) -> None:
    try:
        overlay = of_record(record)
    except FormatError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        assert of_record(to_record(overlay)) == overlay


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"start_ns": None}, "start_ns: 'None', expected an integer from 0"),
        ({"start_ns": True}, "start_ns: 'True'"),
        ({"start_ns": 1.0}, "start_ns: '1.0'"),
        ({"end_ns": 4}, "end_ns: before start_ns"),
        ({"rate_bps": 0}, "rate_bps: '0', expected an integer from 1"),
        ({"erase_slots": {"every": 0}}, "erase_slots.every: '0'"),
        ({"erase_slots": {"share": 0}}, "erase_slots.share: '0', expected a number above 0, at most 1"),
        ({"erase_slots": {"share": float("nan")}}, "erase_slots.share: 'nan'"),
        ({"erase_slots": {"every": 2, "share": 0.5}}, 'expected {"every": n} or {"share": p}'),
        ({"reorder": {"every": 2}}, "reorder and late_ns go together"),
        ({"late_ns": 2}, "reorder and late_ns go together"),
        ({"name": "a\nb"}, "name: .* expected at most 100 printable characters"),
        ({"jitter": 1}, "'jitter': unknown, expected one of start_ns, end_ns"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        of_record({"start_ns": 5, **change})


BOUNDS = {
    "start_ns": (0, 1 << 62),
    "end_ns": (0, 1 << 62),
    "seed": (0, (1 << 63) - 1),
    "rate_cap_bps": (0, 1 << 50),
    "rate_bps": (1, 1 << 50),
    "delay_ns": (0, 1 << 61),
    "delay_added_ns": (0, 1 << 61),
    "late_ns": (1, 1 << 61),
}


@pytest.mark.parametrize("key", BOUNDS)
def test_figures_are_taken_up_to_their_bounds_and_not_beyond(key: str) -> None:
    low, high = BOUNDS[key]
    more = {"reorder": {"every": 1}} if key == "late_ns" else {}
    for value in (low, high):
        assert getattr(of_record({"start_ns": 0, **more, key: value}), key) == value
    for value in (low - 1, high + 1):
        with pytest.raises(FormatError, match=key):
            of_record({"start_ns": 0, **more, key: value})


@pytest.mark.parametrize("key", ["end_ns", "rate_cap_bps", "rate_bps", "delay_ns", "erase_slots", "reorder"])
def test_what_may_be_absent_may_be_null(key: str) -> None:
    assert of_record({"start_ns": 0, key: None}) == Overlay(0)
