"""Figures of a forecast, of two runs' difference and of the demonstration, as they are printed."""

from __future__ import annotations

from typing import Any

import pytest

from linkemu.cli import diff, skytables, verdict
from linkemu.record.difference import Difference, FigureDifference, OutageDifference, RecordDifference

WINDOW = {
    **{"station": "g", "satellite": "s", "start": "2024-05-10T18:50:36.123456Z", "duration_s": 388.4},
    "max_elevation_deg": 52.06,
    "up": {"available_bytes": 1_244_000_000, "availability": 0.98},
    "down": {"available_bytes": 0, "availability": 0.0},
}


def outage(
    direction: str, start_s: float, duration_s: float, cause: str = "cloud", **more: Any
) -> dict[str, Any]:
    return {
        **{"station": "g", "satellite": "s", "direction": direction, "start": "2024-05-10T18:50:36.123456Z"},
        **{"start_s": start_s, "duration_s": duration_s, "cause": cause, "known_in_advance": False, **more},
    }


def shown(capsys: pytest.CaptureFixture[str], *outages: dict[str, Any]) -> list[str]:
    """Lines of a forecast as printed, their gaps closed."""
    summary = {
        **{"scenario": "x", "epoch": "2024-05-10T18:50:36.0Z", "duration_s": 600.0, "seed": 7, "passes": 2},
        **{"windows": [WINDOW], "outages": list(outages), "digest": "d" * 64},
    }
    skytables.show(summary, None)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_forecast(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(
        capsys,
        outage("up", 1.0, 6.0),
        outage("down", 1.2, 6.1),
        outage("up", 8.0, 1.0, "below_mask"),
        outage("down", 9.0, 0.25, "fault", known_in_advance=True),
    )
    assert lines == [
        "x 2024-05-10 18:50:36 UTC, 10 min 00 s, seed 7, 2 passes",
        "Windows",
        "link from (UTC) lasts culm. ▲ carries open ▼ carries open",
        "g-s 05-10 18:50:36 6:28 52° 1.244 GB 98% 0 B 0%",
        "Outages",
        "link from (UTC) lasts cause known in advance",
        "g-s both 05-10 18:50:36.123 6.0 s cloud no",
        "g-s down 05-10 18:50:36.123 250.0 ms fault yes",
    ]


@pytest.mark.parametrize("count", [30, 31, 35])
def test_outages_beyond_thirty_are_counted(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, *(outage("up", 10.0 * k, 1.0) for k in range(count)))
    assert sum(line.startswith("g-s up") for line in lines) == 30
    more = [f"and {count - 30} more outages (--json has all)"] * (count > 30)
    assert [line for line in lines if "more outages" in line] == more


@pytest.mark.parametrize(
    "other",
    [
        outage("up", 1.1, 6.0),
        outage("down", 1.4, 6.0),
        outage("down", 1.0, 6.4),
        outage("down", 1.0, 6.0, "fade"),
        outage("down", 1.0, 6.0, satellite="t"),
        outage("down", 1.0, 6.0, known_in_advance=True),
    ],
)
def test_outages_that_only_resemble_each_other_stay_apart(other: dict[str, Any]) -> None:
    rows = [outage("up", 1.0, 6.0), other]
    assert skytables.joined(rows) == rows


def test_the_difference_of_two_runs() -> None:
    figure = FigureDifference("put a (g)", "completed_s", None, 4.5)
    found = Difference(
        False,
        ("g", "s"),
        (RecordDifference("g", 2, {"what": "a"}, None),),
        (OutageDifference(("g", "s", "up"), 2, 1.0, 2.5, "cloud"),),
        (),
        tuple(FigureDifference("g - s up", "delivered_bytes", n, 0) for n in range(25)),
        (figure,),
    )
    lines = diff.told(found)
    few = diff._SHOWN
    assert lines[:4] == [
        "sky: differs",
        "traces (g, s): differ",
        'first differing record of g: 2\n  1: {"what": "a"}\n  2: (ended)',
        "outage only in run 2: g - s up, 1.000 to 2.500 s, cloud",
    ]
    assert lines[4 : 4 + few] == [f"g - s up: delivered_bytes {n} / 0" for n in range(few)]
    assert lines[4 + few :] == [
        f"… and {25 - few} more",
        "put a (g): completed_s - / 4.5",
        "the runs differ",
    ]
    assert diff.told(Difference(True, (), (), (), (), (), ())) == [
        "sky: same",
        "traces: none to compare, as both must be of the virtual clock, or of doors",
        "same",
    ]


def test_the_legs_of_the_demonstration() -> None:
    legs = (
        verdict.Leg("up", "verified", 4_000_000, 1.25, 121.25, 16_000_000, 1500, 0),
        verdict.Leg("down", "receiving", 4_000_000, 200.0, 260.0, 0, 0, 3),
    )
    assert verdict._rows(legs) == [
        ("state", ["verified", "receiving"]),
        ("size", ["4.000 MB", "4.000 MB"]),
        ("light from, to", ["1.2 s, 121.2 s", "200.0 s, 260.0 s"]),
        ("took, outages included", ["2 min 00 s", "60.0 s"]),
        ("available meanwhile", ["16.00 MB", "0 B"]),
        ("delivered of it", ["25.0%", "–"]),
        ("bytes repaired", ["1.500 kB", "0 B"]),
        ("acknowledged chunks resent", ["0", "3"]),
    ]
