"""The ledger: any history gives the same ledger again, whole or compacted; states go only where they may."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground_station import custody
from ground_station.custody import FIRST, STEPS, Entry, Ledger
from linkemu.errors import FormatError

NAMES = st.sampled_from(["a", "b", "dir/c"])
ACTIONS = st.sampled_from(["put", "get"])
TIMES = st.floats(0, 1e6)


@st.composite
def histories(draw: st.DrawFn) -> list[custody.Record]:
    """Records as the spool makes them: only those that the ledger's state allows."""
    ledger, records = Ledger(), list[custody.Record]()
    for _ in range(draw(st.integers(0, 25))):
        entries = [entry for entry in ledger if not entry.ended]
        kinds = ["open", "drop", "state", "describe", "hold", "lose", "together"] if entries else ["open"]
        record = _draw(draw, draw(st.sampled_from(kinds)), entries)
        ledger.apply(record)
        records.append(record)
    return records


def _draw(draw: st.DrawFn, kind: str, entries: list[Entry]) -> custody.Record:
    if kind == "open":
        return custody.opened(draw(ACTIONS), "iss", draw(NAMES), draw(st.integers(0, 255)), draw(TIMES))
    entry = draw(st.sampled_from(entries))
    chunks = draw(st.lists(st.integers(0, 9), unique=True))
    match kind:
        case "drop":
            return custody.dropped(entry.id)
        case "state":
            return custody.reached(entry.id, draw(st.sampled_from(sorted(STEPS[entry.state]))), draw(TIMES))
        case "describe":
            return custody.described(
                entry.id, 9500, "00" * 32, 1000, draw(st.binary(min_size=32, max_size=32))
            )
        case "hold":
            return custody.holds(entry.id, chunks)
        case "lose":
            return custody.lost(entry.id, chunks)
    return custody.together(custody.holds(entry.id, chunks), custody.lost(entry.id, [3]))


def told(ledger: Ledger) -> list[dict[str, Any]]:
    return [{name: getattr(entry, name) for name in Entry.__dataclass_fields__} for entry in ledger]


@given(histories())
def test_a_ledger_is_its_records(records: list[custody.Record]) -> None:
    first, again, compacted = Ledger(), Ledger(), Ledger()
    for record in records:
        first.apply(record)
        again.apply(custody.decode(custody.encode(record)))
    for record in again.snapshot():
        compacted.apply(custody.decode(custody.encode(record)))
    assert told(first) == told(again)
    for entry in first:
        if entry.ended:
            entry.held.clear()  # of no use any more, and not kept
    assert told(compacted) == told(first)


@given(st.binary(max_size=80))
def test_garbage_is_a_format_error(data: bytes) -> None:
    ledger = Ledger()
    try:
        ledger.apply(custody.decode(data))
    except FormatError:
        assert not ledger.entries


@pytest.mark.parametrize("action", ["put", "get"])
def test_no_step_leaves_an_end(action: custody.Action) -> None:
    for end in ("verified", "failed"):
        ledger = Ledger()
        ledger.apply(custody.opened(action, "iss", "a", 0, 1.0))
        (entry,) = ledger
        entry.state = end
        assert entry.ended
        for state in STEPS:
            with pytest.raises(FormatError):
                ledger.apply(custody.reached(entry.id, state, 2.0))


def test_every_state_can_be_reached() -> None:
    reached = set(FIRST.values())
    while more := {step for state in reached for step in STEPS[state]} - reached:
        reached |= more
    assert reached == set(STEPS)


def test_done_bytes_count_the_short_last_chunk() -> None:
    ledger = Ledger()
    ledger.apply(custody.opened("put", "iss", "a", 0, 1.0))
    (entry,) = ledger
    ledger.apply(custody.described(entry.id, 2500, "00" * 32, 1000, bytes(32)))
    ledger.apply(custody.holds(entry.id, [0, 2]))
    assert entry.done_bytes == 1500


def test_what_is_opened_again_goes_to_the_end_of_the_order() -> None:
    ledger = Ledger()
    for name in ("a", "b", "a"):
        ledger.apply(custody.opened("put", "iss", name, 0, 1.0))
    assert [entry.name for entry in ledger] == ["b", "a"]


def test_a_download_that_begins_anew_knows_nothing_of_the_file() -> None:
    ledger = Ledger()
    ledger.apply(custody.opened("get", "iss", "a", 0, 1.0))
    (entry,) = ledger
    ledger.apply(custody.described(entry.id, 2500, "00" * 32, 1000, bytes(32)))
    ledger.apply(custody.reached(entry.id, "receiving", 2.0))
    ledger.apply(custody.holds(entry.id, [0]))
    ledger.apply(custody.reached(entry.id, "requested", 1.0))
    assert (entry.size, entry.sha256, entry.chunk_bytes, entry.file_id, entry.held) == (*[None] * 4, set())


def test_addresses_differ_by_action_satellite_and_name() -> None:
    ids = {
        custody.custody_id(action, satellite, name)
        for action in ("put", "get")
        for satellite in ("iss", "css")
        for name in ("a", "b")
    }
    assert len(ids) == 8
