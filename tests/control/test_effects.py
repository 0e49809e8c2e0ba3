"""What a caller says of a link, as the control API reads it."""

from __future__ import annotations

from typing import Any

import pytest

from linkemu.client.effects import Every, effects, seconds
from linkemu.errors import InputError


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ({"rate": "10 Mbit/s"}, {"rate_bps": 10_000_000}),
        ({"rate": 0}, {"rate_cap_bps": 0}),  # no light, and the sender knows
        ({"rate": 0, "cap": "1 Mbit/s"}, {"rate_cap_bps": 0}),
        ({"rate": 5000, "cap": 1000}, {"rate_bps": 5000, "rate_cap_bps": 1000}),
        ({"delay": "50 ms", "added_delay": 0.001}, {"delay_ns": 50_000_000, "delay_added_ns": 1_000_000}),
        ({"erasure": 1.0, "seed": 3}, {"erase_slots": {"share": 1.0}, "seed": 3}),
        ({"duplicate": Every(2), "corrupt": 0.0, "reorder": None}, {"duplicate": {"every": 2}}),
    ],
)
def test_effects(said: dict[str, Any], row: dict[str, Any]) -> None:
    assert effects(**said) == row


@pytest.mark.parametrize(
    "said",
    [{"rate": -1}, {"cap": 1e16}, {"delay": -0.1}, {"erasure": 1.1}, {"erasure": -0.1}, {"speed": 0.5}],
)
def test_nonsense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        effects(**said)


def test_a_duration_is_not_below_zero() -> None:
    assert (seconds("for", 0), seconds("for", "1 min")) == (0.0, 60.0)
    with pytest.raises(InputError, match="no duration"):
        seconds("for", -1e-9)
