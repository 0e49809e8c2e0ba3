"""Shrinking: what comes out fails as what went in did, nothing in it can be left out, and it ends."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.campaign.faults import Crash, Fault, Frames, Outage
from linkemu.campaign.shrink import shrink

OUTAGES = st.builds(
    Outage,
    st.just("a"),
    st.just("s"),
    st.just("up"),
    st.integers(0, 40).map(float),
    st.just(1.0),
    st.just("lost"),
)


@settings(max_examples=100, deadline=None)
@given(faults=st.lists(OUTAGES, min_size=1, max_size=12), data=st.data())
def test_only_what_is_needed_stays(faults: list[Fault], data: st.DataObject) -> None:
    needed = data.draw(st.lists(st.sampled_from(faults), min_size=1, max_size=3, unique=True))

    def fails(candidate: tuple[Fault, ...]) -> bool:
        return all(each in candidate for each in needed)

    assert sorted(shrink(faults, fails), key=str) == sorted(needed, key=str)


def test_values_become_plain() -> None:
    crash = Crash("iss", 12.345678, "power", "step", 37, 0.123456, 123456)
    noise = Frames("a", "s", "down", 1.234, 5.678, "corrupt", 0.1234, 0.0123, 99)

    def fails(candidate: tuple[Fault, ...]) -> bool:
        return any(isinstance(each, Crash) and each.at_s >= 12.3 and each.after > 3 for each in candidate)

    assert shrink([noise, crash, noise], fails) == (Crash("iss", 12.3, "kill", "disk", 5, 0.1, 0),)


def test_it_ends_with_its_trials() -> None:
    asked = []
    faults = [Outage("a", "s", "both", float(number), 1.0, "dark") for number in range(20)]

    def fails(candidate: tuple[Fault, ...]) -> bool:
        asked.append(candidate)
        return len(candidate) >= 5

    best = shrink(faults, fails, trials=4)
    assert len(asked) == 4
    assert len(best) < 20
    assert fails(best)
