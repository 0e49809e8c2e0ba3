"""``linkemu availability``: tables and JSON of the same study, and options that don't go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkemu.cli.main import app

CONFIGS = Path(__file__).parents[2] / "configs"
GREENSBORO = str(CONFIGS / "weather-greensboro.toml")
TLE = ["--tle", str(CONFIGS / "elements" / "stations_2024-05-09.tle"), "--norad", "25544"]
PLACE = ["--lat", "36.1", "--lon", "-79.95", "--alt", "273"]
TABLE = ["--table", str(CONFIGS / "weather" / "greensboro.tmy3.csv")]
FEW = ["--days", "5", "--jobs", "1"]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["availability", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_one_document() -> None:
    found = json.loads(run(GREENSBORO, *FEW, "--json"))
    (pair,) = found["pairs"]
    assert (found["scenario"], found["days"], found["margin_dB"]) == ("weather-greensboro", 5.0, 3.0)
    assert (pair["station"], pair["satellite"]) == ("greensboro", "iss")
    assert 0 < pair["visible_s"] < 5 * 86400
    assert [(each["year"], each["month"]) for each in found["months"]] == [(2024, 5)]


def test_the_table_says_the_same() -> None:
    (pair,) = json.loads(run(GREENSBORO, *FEW, "--json"))["pairs"]
    text = run(GREENSBORO, *FEW)
    assert f"{100 * pair['availability']:.1f} %" in text
    assert f"{pair['open_s'] / 3600:.2f} h" in text
    assert "May 2024" in text


def test_a_year_of_options_alone() -> None:
    found = json.loads(run(*TLE, *PLACE, "--cover", "0.5", "--year", "2024", "--jobs", "1", "--json"))
    (pair,) = found["pairs"]
    assert (found["days"], len(found["months"])) == (366.0, 12)
    assert pair["passes"] > 900
    assert 0.3 < pair["availability"] < 0.45  # half of the zenith is clear, less of slants


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give a scenario file, or --tle FILE"),
        ([GREENSBORO, *TABLE], "--table: belongs to --tle"),
        ([GREENSBORO, "--alt", "0"], "--alt: belongs to --tle"),
        ([*TLE, "--lon", "3", "--cover", "0"], "--lat: needed with --tle"),
        ([*TLE, *PLACE], "either --table FILE or --cover SHARE"),
        ([*TLE, *PLACE, *TABLE, "--cover", "0.5"], "either --table FILE or --cover SHARE"),
        ([*TLE, *PLACE, "--cover", "1.5"], "--cover: 1.5 is out of range"),
        ([GREENSBORO, "--days", "0"], "--days: 0 days hold no pass"),
        ([GREENSBORO, "--days", "3", "--year", "2024"], "--days: goes with the scenario's start"),
        ([GREENSBORO, "--jobs", "1.5"], "--jobs: '1.5' is not a whole number"),
        ([*TLE, *PLACE, "--table", TLE[1]], "is neither TMY3 nor a table"),
        ([*TLE, *PLACE, "--table", "none.csv"], "no file"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], says: str) -> None:
    result = CliRunner().invoke(
        app, ["availability", *words, *([] if "--days" in words else ["--days", "1"])]
    )
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())
