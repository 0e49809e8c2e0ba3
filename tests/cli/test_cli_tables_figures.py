"""Figures of passes, a forecast, a year, two runs' difference and the demonstration, as they are printed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from linkemu import scenario
from linkemu.cli import availability, diff, passes, skytables, verdict
from linkemu.forecast import Forecast, start
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.orbit.passes import Pass
from linkemu.plan import Plan, Window
from linkemu.record.difference import Difference, FigureDifference, OutageDifference, RecordDifference
from linkemu.study.availability import Settings

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


EPOCH = datetime(2024, 5, 10, 18, 50, 36, tzinfo=UTC)
PASS = Pass("s", "25544", "g", 23.5, 60.0, 3684.25, 52.06, 514_640.0, True, True)


def test_a_window_of_a_forecast_counts_what_lies_within_it() -> None:
    """From 2 s to 12 s, dark 4 s to 10 s leaves 4 s of 1 MB/s up, of which 1.5 s are erased; down none is."""
    up = constant(
        *("g", "s", Direction.UP, 8_000_000, 0.002, 20.0),
        erased=[(2500, 1500), (15_000, 2000)],
        dark=[(4.0, 10.0, Cause.CLOUD)],
    )
    down = constant(*("g", "s", Direction.DOWN, 80_000_000, 0.002, 20.0), dark=[(0.5, 1.0, Cause.BELOW_MASK)])
    sky = Sky.of(up, down, header={"eclipses": []})
    windows = tuple(
        Window(0, "s", start_s, end_s, ((0.0, 1),), ((0.0, 0.0),), 52.0)
        for start_s, end_s in ((14.0, 15.0), (2.0, 12.0))
    )
    read = scenario.load("demo")
    compiled = Forecast(EPOCH, sky, {"koganei": Plan("koganei", 1, windows)}, (), (PASS,), ("old",))
    told = skytables.summarise(replace(read, duration_s=20.0), compiled)
    assert (told["epoch"], told["passes"], told["warnings"]) == ("2024-05-10T18:50:36.000000Z", 1, ["old"])
    place = {"station": "koganei", "satellite": "s", "max_elevation_deg": 52.0}
    assert told["windows"] == [
        {
            **place,
            **{"start": "2024-05-10T18:50:38.000000Z", "end": "2024-05-10T18:50:48.000000Z"},
            **{"start_s": 2.0, "duration_s": 10.0},
            "up": {"capacity_bytes": 4_000_000, "available_bytes": 2_500_000, "availability": 0.25},
            "down": {"capacity_bytes": 100_000_000, "available_bytes": 100_000_000, "availability": 1.0},
        },
        {
            **place,
            **{"start": "2024-05-10T18:50:50.000000Z", "end": "2024-05-10T18:50:51.000000Z"},
            **{"start_s": 14.0, "duration_s": 1.0},
            "up": {"capacity_bytes": 1_000_000, "available_bytes": 1_000_000, "availability": 1.0},
            "down": {"capacity_bytes": 10_000_000, "available_bytes": 10_000_000, "availability": 1.0},
        },
    ]
    outages = [
        (each["direction"], each["start_s"], each["duration_s"], each["cause"]) for each in told["outages"]
    ]
    assert outages == [
        ("down", 0.5, 0.5, "below_mask"),
        ("up", 2.5, 1.5, "fade"),
        ("up", 4.0, 6.0, "cloud"),
        ("up", 15.0, 2.0, "fade"),
    ]
    assert told["outages"][1]["start"] == "2024-05-10T18:50:38.500000Z"
    assert [each["known_in_advance"] for each in told["outages"]] == [True, False, False, False]


def test_a_table_of_passes(capsys: pytest.CaptureFixture[str]) -> None:
    search = passes.Search([PASS, replace(PASS, station="h", satellite="t")], EPOCH, 7200.0, [], 1)
    rows = [passes.row(each, EPOCH) for each in search.found]
    passes._show(rows[:1], search)
    passes._show(rows, replace(search, stations=2))
    figures = "2024-05-10 18:50:59 18:51:36 19:52:00 52.1° 514.6 km 1:01:01"
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "1 pass in 2 h 00 min from 2024-05-10 18:50:36 UTC",
        "satellite AOS (UTC) TCA LOS culm. range lasts",
        f"s {figures}",
        "2 passes in 2 h 00 min from 2024-05-10 18:50:36 UTC",
        "station satellite AOS (UTC) TCA LOS culm. range lasts",
        f"g s {figures}",
        f"h t {figures}",
    ]


def test_a_year(capsys: pytest.CaptureFixture[str]) -> None:
    times = {"visible_s": 36_000, "sun_s": 3600, "blocked_s": 7200, "dim_s": 1800, "open_s": 23_400}
    each = {"station": "g", "satellite": "s", "passes": 12, "served": 7, **times, "availability": 0.65}
    never = {**each, "station": "h", "visible_s": 0, "open_s": 0, "availability": None}
    zenith = {
        "stations": [{"station": "g", "clear": 0.5}, {"station": "h", "clear": 0.75}],
        "any_clear": 0.8,
        "pairs": [{"stations": ["g", "h"], "both_blocked": 0.2, "if_independent": 0.125}],
    }
    document = {
        **{"start": "2024-01-01T06:30:00+00:00", "pairs": [each, never], "zenith": zenith},
        "months": [{"year": 2024, "month": month, **each} for month in (1, 12)],
        "network": [{"satellite": "s", "stations": 2, **times, "availability": 0.65}],
    }
    availability._show(document, Settings(365.5, 1, 3.0, None, None))
    figures = "12 7 10.00 h 1.00 h 2.00 h 0.50 h 6.50 h 65.0 %"
    headings = "station satellite passes served in sight Sun cloud dim open availability"
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "365.5 days from 2024-01-01 06:30 UTC",
        headings,
        f"g s {figures}",
        "h s 12 7 0.00 h 1.00 h 2.00 h 0.50 h 0.00 h -",
        "",
        f"month {headings}",
        f"Jan 2024 g s {figures}",
        f"Dec 2024 g s {figures}",
        "",
        "s from any of 2 stations: 10.00 h in sight, 6.50 h open, 65.0 %",
        "clear zenith: g 50.0 %, h 75.0 %; at least one 80.0 %",
        "g and h both under cloud: 20.0 %, 12.5 % if their skies had nothing in common",
    ]


def test_a_study_that_ends_long_after_its_elements_says_that_its_passes_are_typical() -> None:
    read = scenario.load("demo")
    epoch = start.epoch(read, start.choose(read))
    told = [availability._warnings(read, epoch, days) for days in (1.0, start.OLD_days + 1.0)]
    assert [any("typical ones" in line for line in lines) for lines in told] == [False, True]


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


def test_outages_of_both_directions_are_joined_across_others_between_them() -> None:
    other = outage("up", 1.05, 3.0, satellite="t")
    rows = [outage("up", 1.0, 6.0), other, outage("down", 1.1, 6.0)]
    assert skytables.joined(rows) == [outage("both", 1.0, 6.0), other]


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
