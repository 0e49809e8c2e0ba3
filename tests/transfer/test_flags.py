"""Flags against a plain list of truths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from linkemu.transfer.flags import Flags

COUNT = 30
places = st.integers(0, COUNT - 1)


@given(st.lists(st.tuples(st.sampled_from(["set", "clear"]), places)), st.tuples(places, places))
def test_flags_are_truths_with_both_ends_known(steps: list[tuple[str, int]], probe: tuple[int, int]) -> None:
    flags, model = Flags(COUNT), [False] * COUNT
    for verb, index in steps:
        getattr(flags, verb)(index)
        model[index] = verb == "set"
        assert flags.low == next((n for n in range(COUNT) if not model[n]), COUNT)
        assert flags.high == max((n + 1 for n in range(COUNT) if model[n]), default=0)
    start, end = sorted(probe)
    assert flags.window(start, end) == sum(model[n] << n - start for n in range(start, end))
