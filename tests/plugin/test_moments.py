"""Moments by name and skies in figures: what they mean, and that nonsense is one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.client import Every
from linkemu.errors import InputError
from linkemu.link.timeline import Cause
from linkemu.machine import Direction
from linkemu.pytest_plugin import faults, figures
from linkemu.pytest_plugin.moments import Line, duration_s

SKY = figures.sky(rate=1e6, duration=100, passes=[(10, 40), (60, 90)], dark=[(20, 25)], fades=[(30, 30.05)])
LINE = Line(SKY, 0)


@pytest.mark.parametrize(
    ("moment", "now_s", "expected_s"),
    [
        ("AOS", 0, 10),
        ("AOS", 10, 10),  # now is not past
        ("AOS-20 s", 0, 0),  # before the sky begins
        ("AOS+5s", 0, 15),
        ("AOS + 5 s", 12, 15),
        ("AOS+5s", 16, 65),  # the first that isn't past
        ("next AOS", 12, 60),
        ("next AOS-500ms", 0, 9.5),
        ("LOS", 22, 40),  # a cloud ends no pass
        ("LOS-1 s", 39.5, 89),
        ("light", 12, 25),
        ("dark", 12, 20),
        ("dark+1 s", 12, 21),
        ("next dark", 12, 40),
        ("12.5", 0, 12.5),
        ("12.5 s", 50, 12.5),
        (7, 0, 7),
    ],
)
def test_a_moment_is_the_first_such_that_isnt_past(moment, now_s, expected_s):
    assert LINE.at(moment, now_s) == pytest.approx(expected_s)


@pytest.mark.parametrize("moment", ["next LOS", "light"])
def test_after_the_last_one_there_is_none(moment):
    with pytest.raises(InputError, match="none after"):
        LINE.at(moment, 95.0)


@given(
    st.one_of(st.text(max_size=30), st.from_regex(r"(next )?(AOS|LOS|light|dark)[+-].{0,9}", fullmatch=True))
)
def test_any_text_is_a_moment_or_one_line(text):
    try:
        assert LINE.at(text, 0.0) >= 0.0
    except InputError as error:
        assert str(error)


@pytest.mark.parametrize("moment", ["noon", "AOZ+90s", "", -1.0])
def test_what_is_no_moment_is_told_which_there_are(moment):
    with pytest.raises(InputError, match=r"expected a time .* AOS, LOS, light or dark"):
        LINE.at(moment, 0.0)


@given(st.floats(0, 1e6))
def test_numbers_are_seconds(number):
    assert duration_s(number, "it") == number
    assert duration_s(f"{number:.6f}", "it") == pytest.approx(number, abs=1e-6)


@given(
    st.lists(st.integers(0, 100), unique=True, max_size=12),
    st.lists(st.integers(0, 100), unique=True, max_size=12),
)
def test_figures_give_light_in_passes_less_clouds_and_nowhere_else(passes, clouds):
    spans = [list(zip(s[::2], s[1::2], strict=False)) for s in (sorted(passes), sorted(clouds))]
    sky = figures.sky(rate="1 Mbit/s", down_rate="2 Mbit/s", duration=100, passes=spans[0], dark=spans[1])
    for way, rate in ((Direction.UP, 1_000_000), (Direction.DOWN, 2_000_000)):
        timeline = sky.timelines[0, way]
        for second in range(100):
            segment = int((timeline.edge_ns <= second * 10**9 + 1).sum()) - 1
            in_pass, in_cloud = (any(a <= second < b for a, b in each) for each in spans)
            assert timeline.rate_bps[segment] == (rate if in_pass and not in_cloud else 0)
            cause = Cause.BELOW_MASK if not in_pass else Cause.CLOUD if in_cloud else Cause.NONE
            assert timeline.cause[segment] == cause


@given(
    st.sampled_from(figures.KEYS),
    st.one_of(st.none(), st.text(max_size=9), st.floats(), st.lists(st.text(max_size=3))),
)
def test_any_figure_is_a_sky_or_one_line(key, value):
    try:
        figures.sky(**{"rate": 1e6, key: value})
    except InputError as error:
        assert str(error)


@given(
    st.one_of(st.sampled_from(faults.LINK), st.text(max_size=9)),
    st.dictionaries(
        st.sampled_from(["every", "share", "of", "rate", "late", "delay", "added", "direction", "x"]),
        st.one_of(st.integers(), st.floats(), st.text(max_size=9), st.none()),
    ),
)
def test_any_fault_has_effects_or_is_one_line(kind, told):
    try:
        assert faults.effects(kind, told)
    except InputError as error:
        assert str(error)


def test_without_a_figure_a_fault_hits_all():
    assert faults.effects("duplicate", {}) == {"duplicate": 1.0}
    assert faults.effects("corrupt", {"every": 3}) == {"corrupt": Every(3)}
    with pytest.raises(InputError, match="fault 'loss': share="):
        faults.effects("loss", {"share": "much"})
