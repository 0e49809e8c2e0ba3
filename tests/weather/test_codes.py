"""Present weather by number: the steps of WMO code table 4677, and where each kind of it ends."""

from __future__ import annotations

import pytest

from linkemu.weather import codes


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (49, (0.0, 0.0)),
        (50, (0.2, 0.0)),  # drizzle: slight, moderate, heavy
        (53, (0.5, 0.0)),
        (55, (1.0, 0.0)),
        (56, (0.2, 0.0)),  # freezing: slight, then all that is more
        (57, (0.5, 0.0)),
        (58, (1.0, 0.0)),  # drizzle and rain
        (59, (5.0, 0.0)),
        (61, (1.0, 0.0)),  # rain: slight, moderate, heavy
        (63, (5.0, 0.0)),
        (65, (20.0, 0.0)),
        (66, (1.0, 0.0)),  # freezing
        (67, (5.0, 0.0)),
        (68, (0.0, 0.5)),  # rain and snow
        (69, (0.0, 1.5)),
        (71, (0.0, 0.5)),  # snow: slight, moderate, heavy
        (73, (0.0, 1.5)),
        (75, (0.0, 4.0)),
        (77, (0.0, 0.5)),  # grains
        (79, (0.0, 0.5)),
        (80, (1.0, 0.0)),  # showers
        (82, (20.0, 0.0)),
        (86, (0.0, 1.5)),
        (95, (5.0, 0.0)),  # thunderstorms
        (99, (20.0, 0.0)),
    ],
)
def test_precipitation_of_a_code(code: int, expected: tuple[float, float]) -> None:
    assert codes.precipitation_mmph(code) == expected


def test_fog_at_the_station() -> None:
    assert [code for code in range(100) if codes.fog(code)] == [42, 43, 44, 45, 46, 47, 48, 49]
