"""What waits for a slow reader of events is bounded, and what was left out is counted."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from linkemu.control.feed import MOST_WAITING, Reader, events


@given(st.integers(min_value=1, max_value=3 * MOST_WAITING))
def test_a_slow_reader_keeps_the_newest_and_is_told_how_many_it_has_lost(count):
    async def scene() -> list[dict[str, object]]:
        reader = Reader()
        for number in range(count):
            reader.put({"event": "light", "at_s": float(number)})
        kept = min(count, MOST_WAITING) + (count > MOST_WAITING)
        return [await reader.next() for _ in range(kept)]

    told = asyncio.run(scene())
    lost = max(0, count - MOST_WAITING)
    if lost:
        assert told.pop(0) == {"event": "left-out", "at_s": float(lost), "count": lost}
    assert [each["at_s"] for each in told] == [float(number) for number in range(lost, count)]


async def test_only_the_wanted_kinds_are_told_and_all_if_none_is_named():
    for wanted, expected in ((frozenset({"door"}), ["door"]), (frozenset(), ["light", "door"])):
        reader = Reader()
        for kind in ("light", "door"):
            reader.put({"event": kind, "at_s": 0.0})
        stream = events(reader, wanted)
        assert [(await anext(stream))["event"] for _ in expected] == expected


async def test_who_hears_one_kind_alone_is_told_of_what_was_left_out_too():
    reader = Reader()
    for kind in ["light"] + ["door"] * MOST_WAITING:
        reader.put({"event": kind, "at_s": 0.0})
    assert (await anext(events(reader, frozenset({"light"}))))["event"] == "left-out"
