"""``linkemu budget`` from the outside: its tables, its document, and what it says to wrong questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkemu.cli.main import app

ROOT = Path(__file__).parents[2]
DEMO = str(ROOT / "configs" / "demo.toml")
TBIRD = ["--space", "tbird", "--ground", "ogs-tbird", "--site", "table-mountain", "--orbit", "530 km"]


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["budget", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["budget", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def test_the_document_adds_up() -> None:
    whole = document(DEMO)
    (place,) = whole["places"]
    for side in (place["up"], place["down"]):
        total = side["transmitted_dBm"] + sum(line["gain_dB"] for line in side["lines"])
        assert total == pytest.approx(side["power_dBm"], abs=1e-3)
        assert all(line["source"] for line in side["lines"])
        for mode in side["modes"]:
            needed = mode["sensitivity_dBm"] + mode["background_dB"] + mode["margin_dB"]
            assert needed == pytest.approx(side["power_dBm"], abs=2e-3)
            assert mode["margin_dB"] - side["fade_dB"] == pytest.approx(mode["margin_in_fades_dB"], abs=2e-3)
    assert place["elevation_deg"] == pytest.approx(52.1, abs=0.1)
    assert place["down"]["rate_bps"] == 1_244_000_000


def test_the_table_has_every_line_and_its_source() -> None:
    shown = said(*TBIRD, "--elevation", "30")
    (place,) = document(*TBIRD, "--elevation", "30")["places"]
    for line in place["down"]["lines"]:
        assert line["name"] in shown and line["source"] in shown
    assert "chosen" in shown and "reports" in shown


def test_gains_give_the_same_power() -> None:
    bucket, gain = (document(*TBIRD, *more)["places"][0]["down"]["power_dBm"] for more in ([], ["--gain"]))
    assert bucket == pytest.approx(gain, abs=1e-3)


def test_over_a_pass() -> None:
    rows = document(DEMO, "--pass")["places"]
    assert [round(row["elevation_deg"]) for row in rows] == [50, 52, 50, 40]
    assert said(DEMO, "--pass").count("dBm") == 2 * len(rows)
    circle = document(*TBIRD, "--pass")["places"]
    assert [round(row["elevation_deg"]) for row in circle] == list(range(10, 91, 10))


def test_weather_costs() -> None:
    clear = document(*TBIRD)["places"][0]["down"]["power_dBm"]
    for more in (["--cirrus", "0.3"], ["--rain", "5"], ["--visibility", "3 km"]):
        assert document(*TBIRD, *more)["places"][0]["down"]["power_dBm"] < clear - 0.5


def test_a_beacon_without_data_says_so() -> None:
    assert "no data" in said("--space", "opals", "--ground", "ogs-opals", "--orbit", "415 km")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give a scenario file"),
        ([DEMO, "--space", "tbird"], "--space"),
        (["--space", "tbirt", "--ground", "ogs-tbird", "--orbit", "530 km"], 'did you mean "tbird"'),
        ([*TBIRD, "--elevation", "0"], "--elevation"),
        ([*TBIRD, "--outage", "2"], "--outage"),
        (["--space", "tbird", "--ground", "ogs-tbird", "--orbit", "5 m"], "--orbit"),
        ([*TBIRD, "--visibility", "1"], "--visibility"),
        ([*TBIRD, "--sky", "purple"], "purple"),
        ([DEMO, "--elevation", "80"], "the pass goes from"),
        ([DEMO, "--station", "kogenai"], 'did you mean "koganei"'),
    ],
)
def test_wrong_questions_get_one_line(arguments: list[str], problem: str) -> None:
    line = refused(*arguments)
    assert problem in line
    assert line.count("\n") == 1
