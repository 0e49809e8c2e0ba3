"""passes, forecast and run under the virtual clock: JSON, tables, and one clear line for bad input."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from invoked import CONFIGS, ELEMENTS, LINKEMU, ROOT, called, document, examples, refusal, scenario

from linkemu.link.timeline import Cause, Sky

KOGANEI = ("--lat", 35.7068, "--lon", 139.4885, "--alt", 128)
ISS = ("--tle", ELEMENTS, "--norad", 25544)
DAY = ("--start", "2024-05-10T00:00:00Z", "--hours", 24)
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def seconds(row, first, last):
    return (datetime.fromisoformat(row[last]) - datetime.fromisoformat(row[first])).total_seconds()


def test_rows_of_passes_are_as_the_scheme_says():
    rows = document("passes", *ISS, *KOGANEI, *DAY)
    assert len(rows) >= 4
    for row in rows:
        assert list(row) == [
            "station",
            "satellite",
            "norad_id",
            "aos",
            "tca",
            "los",
            "max_elevation_deg",
            "range_at_tca_m",
            "duration_s",
        ]
        assert all(UTC.fullmatch(row[key]) for key in ("aos", "tca", "los"))
        assert row["norad_id"] == "25544"
        assert row["aos"] < row["tca"] < row["los"]
        assert seconds(row, "aos", "los") == pytest.approx(row["duration_s"], abs=2e-6)
        assert 10.0 <= row["max_elevation_deg"] <= 90.0
        assert 350e3 < row["range_at_tca_m"] < 1.6e6
    assert rows == sorted(rows, key=lambda row: row["aos"])


def test_the_pass_of_the_demo():
    """Culmination of the ISS over Koganei on 2024-05-10 at 18:51 UTC, 52 deg (the issue's own figures)."""
    found = [
        row for row in document("passes", *ISS, *KOGANEI, *DAY) if row["tca"].startswith("2024-05-10T18:5")
    ]
    assert len(found) == 1
    assert found[0]["max_elevation_deg"] == pytest.approx(52.1, abs=0.1)
    assert abs(seconds({**found[0], "t": "2024-05-10T18:51:00+00:00"}, "tca", "t")) < 15


@pytest.mark.parametrize(("latitude", "longitude"), [("-33.9", "18.4"), ("-0.0", "-78.5"), ("-5e1", "-180")])
def test_negative_places_are_read(latitude, longitude):
    rows = document("passes", *ISS, "--lat", latitude, "--lon", longitude, *DAY)
    assert len(rows) >= 2


def test_south_is_not_north():
    south, north = (document("passes", *ISS, "--lat", at, "--lon", 18.4, *DAY) for at in ("-33.9", "33.9"))
    assert south != north


def test_mask_and_hours_narrow_the_search():
    every = document("passes", *ISS, *KOGANEI, *DAY)
    high = document("passes", *ISS, *KOGANEI, *DAY, "--mask", 30)
    early = document("passes", *ISS, *KOGANEI, "--start", "2024-05-10", "--hours", 12)
    assert 0 < len(high) < len(every)
    assert 0 < len(early) < len(every)
    assert all(row["max_elevation_deg"] >= 30 for row in high)


def test_all_satellites_of_a_file_without_a_choice():
    rows = document("passes", "--tle", ELEMENTS, *KOGANEI, *DAY)
    assert len({row["norad_id"] for row in rows}) > 1


def test_by_name():
    by_name = document("passes", "--tle", ELEMENTS, "--name", "iss (zarya)", *KOGANEI, *DAY)
    assert by_name == document("passes", *ISS, *KOGANEI, *DAY)


def test_passes_of_a_scenario_carry_its_names():
    rows = document("passes", CONFIGS / "constellation.toml")
    assert {row["station"] for row in rows} == {"koganei", "tenerife"}
    assert {row["satellite"] for row in rows} <= {"iss", "css", "burstcube"}


def test_a_scenario_can_be_searched_further():
    week = document("passes", CONFIGS / "demo.toml", "--hours", 168)
    assert len(week) > len(document("passes", CONFIGS / "demo.toml")) == 1


def test_the_table_of_passes():
    text = called("passes", *ISS, *KOGANEI, *DAY).stdout
    assert "2024-05-10" in text
    assert "52.1°" in text
    assert "514.6 km" in text


def test_no_pass_is_no_error():
    result = called("passes", *ISS, "--lat", 89, "--lon", 0, *DAY)
    assert result.exit_code == 0
    assert result.stdout.startswith("no pass in")
    assert document("passes", *ISS, "--lat", 89, "--lon", 0, *DAY) == []


def test_old_elements_are_warned_of_on_stderr_only():
    result = called("passes", *ISS, *KOGANEI, "--start", "2024-06-10", "--hours", 2, "--json")
    assert re.search(r"warning: the elements of ISS \(ZARYA\) are 31\.\d days", result.stderr)
    json.loads(result.stdout)
    early = called("passes", *ISS, *KOGANEI, "--start", "2024-04-10", "--hours", 2)
    assert re.search(r"warning: the elements of ISS \(ZARYA\) are 2\d\.\d days", early.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*ISS, "--lat", 95, "--lon", 0), "--lat: 95 is out of range"),
        ((*ISS, "--lat", "x", "--lon", 0), "--lat: 'x' is not a number"),
        ((*ISS, "--lon", 0), "--lat: needed with --tle"),
        ((*ISS, "--lat", 0), "--lon: needed with --tle"),
        ((*ISS, *KOGANEI, "--mask", 90), "--mask: 90 is out of range"),
        ((*ISS, *KOGANEI, "--hours", 0), "--hours: 0 hours"),
        ((*ISS, *KOGANEI, "--start", "tomorrow"), "--start: 'tomorrow' is not a time"),
        (("--tle", "nowhere.tle", *KOGANEI), "nowhere.tle: no such file"),
        (("--tle", ELEMENTS, "--norad", 99999, *KOGANEI), "no satellite with NORAD number 99999"),
        (("--tle", ELEMENTS, "--name", "ISS", *KOGANEI), "did you mean ISS (ZARYA)"),
        ((), "give a scenario file, or --tle FILE"),
        ((CONFIGS / "demo.toml", "--lat", 5), "--lat: belongs to --tle"),
        (("nowhere.toml",), "nowhere.toml: "),
    ],
)
def test_bad_input_to_passes(arguments, said):
    assert said in refusal("passes", *arguments)


def test_a_corrupt_checksum_names_its_line(tmp_path):
    lines = ELEMENTS.read_text().splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith("1 25544"))
    lines[index] = lines[index][:-1] + str((int(lines[index][-1]) + 1) % 10)
    broken = tmp_path / "broken.tle"
    broken.write_text("\n".join(lines) + "\n")
    line = refusal("passes", "--tle", broken, *KOGANEI)
    assert line.startswith(f"{broken}:{index + 1}: ")
    assert "checksum" in line


@pytest.mark.parametrize("command", ["passes", "forecast", "run"])
def test_a_wrong_key_of_a_scenario_is_named(command, tmp_path):
    path = scenario(tmp_path, 10)
    path.write_text(path.read_text().replace("mask =", "msak ="))
    assert "station[0].msak" in refusal(command, path)


def test_forecast_as_a_document(tmp_path):
    out = tmp_path / "demo.sky"
    told = document("forecast", CONFIGS / "demo.toml", "--out", out)
    assert told["scenario"] == "demo"
    assert UTC.fullmatch(told["epoch"])
    assert Sky.load(out).digest() == told["digest"]
    (window,) = told["windows"]
    assert window["station"] == "koganei"
    for way, rate_bps in (("up", 155e6), ("down", 1.244e9)):
        figures = window[way]
        assert 0 < figures["available_bytes"] < figures["capacity_bytes"] < rate_bps * 75 / 8
        assert 0.5 < figures["availability"] < 1.0
    clouds = [row for row in told["outages"] if row["cause"] == "cloud"]
    assert {row["direction"] for row in clouds} == {"up", "down"}
    for row in clouds:
        assert row["known_in_advance"] is False
        assert row["duration_s"] == pytest.approx(6.0, abs=0.1)
    assert {row["cause"] for row in told["outages"]} <= {cause.name.lower() for cause in Cause}


def test_forecast_as_tables():
    text = called("forecast", CONFIGS / "demo.toml").stdout
    assert re.search(r"koganei-iss both .* 6\.0 s +cloud +no", text)
    assert "1.2" in text
    assert "GB" in text


FAULT = """
[[fault]]
station = "koganei"
satellite = "iss"
start = "START s"
duration = "2 s"
known = KNOWN
"""


def test_a_fault_known_in_advance_says_so(tmp_path):
    faults = FAULT.replace("START", "5").replace("KNOWN", "true") + FAULT.replace("START", "15").replace(
        "KNOWN", "false"
    )
    told = document("forecast", scenario(tmp_path, 30, faults))
    found = {
        (row["start_s"] < 10.0, row["known_in_advance"]) for row in told["outages"] if row["cause"] == "fault"
    }
    assert found == {(True, True), (False, False)}


def test_a_sky_that_cannot_be_written_is_a_failure():
    """A place that can't be is bad input before anything is compiled (test_cli_places)."""
    result = called("forecast", CONFIGS / "demo.toml", "--out", "/dev/full")
    assert result.exit_code == 1
    assert result.stderr == "linkemu: /dev/full: No space left on device\n"


PUT = """
[[transfer]]
station = "koganei"
satellite = "iss"
action = "put"
size = "1 MB"
name = "a.bin"
"""
GET = PUT.replace('"put"', '"get"').replace('size = "1 MB"\n', 'at = "3 s"\n')


def test_a_virtual_run_as_a_document(tmp_path):
    path = scenario(tmp_path, 8, PUT + GET)
    told = document("run", path, "--clock", "virtual")
    assert told["ok"] is True
    assert told["missing"] == []
    assert [(each["action"], each["state"]) for each in told["transfers"]] == [
        ("get", "verified"),
        ("put", "verified"),
    ]
    up = next(link for link in told["fidelity"]["links"] if link["direction"] == "up")
    assert up["delivered_bytes"] > 1_000_000
    again = document("run", path, "--clock", "virtual")
    assert again["digest"] == told["digest"]


def test_a_run_that_fails_ends_with_1(tmp_path):
    result = called("run", scenario(tmp_path, 8, GET), "--clock", "virtual", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["ok"] is False
    assert told["transfers"][0]["state"] == "failed"


def test_a_virtual_run_as_text(tmp_path):
    result = called("run", scenario(tmp_path, 8, PUT), "--clock", "virtual")
    assert result.exit_code == 0
    assert "put a.bin: verified" in result.stdout
    assert "Fidelity" in result.stdout
    assert result.stdout.rstrip().endswith("1 transfer verified")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--clock", "virtual", "--rate", 2), "--rate: belongs to the scaled clock"),
        (("--clock", "scaled"), "--clock: scaled needs --rate"),
        (("--clock", "fast"), "--clock: 'fast' is not one of real, scaled, virtual"),
        (("--clock", "virtual", "--skip-gaps"), "--skip-gaps: has no meaning"),
        (("--clock", "virtual", "--broker", "off"), "--broker: has no meaning"),
        (("--rate", 0), "--rate: at rate 0"),
        (("--broker", "http://x"), "broker"),
    ],
)
def test_bad_input_to_run(arguments, said, tmp_path):
    assert said in refusal("run", scenario(tmp_path, 8), *arguments)


@pytest.mark.parametrize("line", examples("passes") + examples("forecast"), ids=" ".join)
def test_examples_that_need_no_session(line, tmp_path, monkeypatch):
    (tmp_path / "configs").symlink_to(CONFIGS)
    monkeypatch.chdir(tmp_path)
    result = called(*line)
    assert result.exit_code == 0, result.stderr
    assert result.stdout


def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    """``linkemu passes … | head -1``"""
    command = " ".join([*LINKEMU, "passes", str(CONFIGS / "constellation.toml"), "--hours", "720", "--json"])
    done = subprocess.run(
        ["sh", "-c", f"{command} | head -1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "[\n"
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_commands_without_a_session_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x").write_text("x")
    for arguments in (("put", "x"), ("get", "x"), ("ls",), ("status",)):
        assert "no session runs here" in refusal(*arguments)
