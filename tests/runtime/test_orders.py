"""Orders over the bus: read exactly, or refused in one line; and the journal in which live faults stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.link.overlay import ALL, Overlay, blackhole, outage
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from linkemu.runtime.orders import Impose, Lift, read_fault
from linkemu.runtime.records import Records, read_overlay_row

S = 10**9
SKY = Sky.of(*(constant("koganei", "iss", way, 10**6, 0.002, 10.0) for way in Direction))
FAULT = {"station": "koganei", "satellite": "iss", "rate_cap_bps": 0}


def read(*faults: dict[str, object]) -> Impose:
    order = read_fault(json.dumps({"faults": faults}).encode())
    assert isinstance(order, Impose)
    return order


def test_an_order_counts_from_now_until_lifted_in_both_directions() -> None:
    assert read(FAULT).overlays(SKY, 3 * S) == [
        ((0, Direction.UP), outage(3 * S)),
        ((0, Direction.DOWN), outage(3 * S)),
    ]


def test_an_order_says_when_which_way_and_more_than_one_fault() -> None:
    cloud = {"station": "koganei", "satellite": "iss", "erase_slots": {"every": 1}, "name": "cloud"}
    order = read(
        {**FAULT, "direction": "up", "start_s": 5, "duration_s": 0.5}, {**cloud, "direction": "down"}
    )
    assert order.overlays(SKY, 3 * S) == [
        ((0, Direction.UP), outage(5 * S, 5 * S + S // 2)),
        ((0, Direction.DOWN), blackhole(3 * S, name="cloud")),
    ]


def test_lifting_names_one_or_all() -> None:
    assert read_fault(b'{"lift": "cloud"}') == Lift("cloud")
    assert read_fault(b'{"lift": null}') == Lift(None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"station": 3}, r"faults\[0\]: station and satellite must name a link"),
        ({"direction": "sideways"}, "direction: expected up, down or both"),
        ({"duration_s": 0}, "duration_s: expected seconds from 1e-09"),
        ({"start_s": float("nan")}, "start_s: expected seconds from 0"),
        ({"start_s": True}, "start_s: expected seconds"),
        ({"start_ns": 5}, "times of an order are start_s and duration_s"),
        ({"rate_cap_bps": None}, "it has no effect"),
        ({"rate_cap_bps": -1}, r"faults\[0\]: overlay: rate_cap_bps: '-1'"),
    ],
)
def test_what_is_wrong_with_a_fault_is_named(change: dict[str, object], problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        read({**FAULT, **change})


def test_a_link_that_the_sky_lacks_is_refused() -> None:
    with pytest.raises(FormatError, match="there is no link koganei - moon up"):
        read({**FAULT, "satellite": "moon"}).overlays(SKY, 0)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_comes_over_the_bus_is_an_order_or_one_line(payload: bytes) -> None:
    try:
        read_fault(payload)
    except FormatError as error:
        assert str(error).startswith("order: ") and "\n" not in str(error)


def test_deep_nesting_does_no_harm() -> None:
    with pytest.raises(FormatError, match="order"):
        read_fault(b"[" * 100_000)


def test_the_journal_holds_batches_whole_and_the_last_word_on_each_fault(
    tmp_path: Path, synced: list[Path]
) -> None:
    up, down = (0, Direction.UP), (0, Direction.DOWN)
    records = Records(tmp_path)
    first = [(up, outage(S, None, "a")), (down, blackhole(S, None, "a"))]
    records.keep_overlays(first)
    assert synced == [tmp_path / "overlays.jsonl"], "durable before it takes effect"
    records.keep_overlays([(up, Overlay(S, None, "b", delay_ns=5))])
    records.keep_overlays([(up, outage(S, 2 * S, "a")), (down, blackhole(S, 2 * S, "a"))])
    with (tmp_path / "overlays.jsonl").open("a") as file:
        file.write('{"overlays": [{"link": 0, "direction": "up", "start_ns": 5, "rate_c')  # torn
    assert Records(tmp_path).overlays() == [
        (up, outage(S, 2 * S, "a")),
        (down, blackhole(S, 2 * S, "a")),
        (up, Overlay(S, None, "b", delay_ns=5)),
    ]
    records.keep_overlays([(up, outage(3 * S))])
    assert len(Records(tmp_path).overlays()) == 4


def test_a_journal_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "overlays.jsonl").write_text('{"overlays": [{"link": 0}]}\n')
    with pytest.raises(FormatError, match=r"not a journal of live faults \(overlay: link: expected"):
        Records(tmp_path).overlays()
    assert read_overlay_row({"link": 1, "direction": "up", "start_ns": 0, "erase_slots": {"every": 1}}) == (
        (1, Direction.UP),
        Overlay(0, erase_slots=ALL),
    )


def test_an_order_has_bounds_and_no_light_goes_where_the_link_has_none() -> None:
    assert len(read(*[FAULT] * 1000).faults) == 1000
    with pytest.raises(FormatError, match="1 to 1000"):
        read(*[FAULT] * 1001)
    assert read_fault(json.dumps({"lift": None, "id": "i" * 100}).encode()) == Lift(None, "i" * 100)
    with pytest.raises(FormatError, match="at most 100 characters"):
        read_fault(json.dumps({"lift": None, "id": "i" * 101}).encode())
    upward = Sky.of(constant("koganei", "iss", Direction.UP, 10**6, 0.002, 10.0))
    assert len(read({**FAULT, "direction": "up"}).overlays(upward, 0)) == 1
    with pytest.raises(FormatError, match="no link koganei - iss down"):
        read({**FAULT, "direction": "both"}).overlays(upward, 0)
