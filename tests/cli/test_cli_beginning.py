"""--start-at, as the doors and exec read it."""

from __future__ import annotations

import pytest

from linkemu.cli.beginning import start_ns
from linkemu.errors import InputError
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction

S = 10**9


def sky(*first_light_s: float) -> Sky:
    """A minute of as many links, dark until then; 60 s: all the time."""
    dark = [[(0.0, light_s, Cause.CLOUD)] for light_s in first_light_s]
    return Sky.of(
        *[
            constant("ground", f"orbit-{number}", way, 10**6, 0.001, 60.0, dark=spans)
            for number, spans in enumerate(dark)
            for way in Direction
        ]
    )


@pytest.mark.parametrize(
    ("text", "links", "expected_ns"),
    [
        ("0", {0}, 0),
        ("25", {0}, 25 * S),
        ("2.5", {1}, 2_500_000_000),
        ("25 s", {0}, 25 * S),
        ("0.5min", {1}, 30 * S),
        ("light", {0}, 7 * S),
        ("light", {1}, 3 * S),
        ("light", {0, 1, 2}, 3 * S),
    ],
)
def test_a_time_or_first_light(text: str, links: set[int], expected_ns: int) -> None:
    assert start_ns(sky(7.0, 3.0, 60.0), links, text) == expected_ns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("60", "60 is not within the scenario, 0 to 60 s"),
        ("1 h", "1 h is not within"),
        ("-1", "-1 is not within"),
        ("inf", "inf is not within"),
        ("soon", "'soon' is neither a time such as 25 s nor 'light'"),
        ("5 km", "'5 km' is neither"),
        ("light", "this link never has light"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^--start-at: {said}"):
        start_ns(sky(7.0, 3.0, 60.0), {2}, text)
