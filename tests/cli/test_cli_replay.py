"""linkemu run --record, replay and diff, as a user calls them."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoked import CONFIGS, ELEMENTS, called, document, refusal, scenario

from linkemu.cli import historic
from linkemu.cli.excerpts import Given, moment_ns
from linkemu.cli.historic import Day
from linkemu.errors import InputError
from linkemu.record import opening
from linkemu.record.chain import ChainWriter
from linkemu.record.manifest import Pace
from linkemu.record.recording import Recording

WORK = """
[clock]
mode = "virtual"
[[transfer]]
station = "koganei"
satellite = "iss"
action = "put"
size = "64 KiB"
name = "a.bin"
"""
EPOCH = datetime(2024, 5, 10, 18, 50, 34, tzinfo=UTC)
S = 10**9


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was recorded by the command."""
    room = tmp_path_factory.mktemp("recorded")
    told = document("run", scenario(room, 8, WORK), "--record", room / "run")
    assert told["ok"]
    return room / "run"


def test_a_whole_run_comes_out_the_same(recorded: Path) -> None:
    told = document("replay", recorded)
    assert told["replay"]["same"] is True
    assert told["digest"] == told["replay"]["recorded_digest"] == opening.load(recorded).trace("run").digest
    assert called("replay", recorded).stdout.strip().splitlines()[-1].startswith("trace: same as recorded")


def test_a_run_that_comes_out_otherwise_is_told_with_the_record(recorded: Path, tmp_path: Path) -> None:
    """A trace that no run of ours gives: one event of it is another."""
    found = opening.load(recorded)
    recording = Recording.begin(tmp_path / "other", "run", found.played, Pace("virtual"))
    chain = ChainWriter(recording.trace("run"))
    for number, event in enumerate(found.trace("run").events, start=1):
        changed = {**event, "t": event["t"] + (number == 3)}
        chain.write(json.dumps(changed, sort_keys=True, separators=(",", ":")))
    chain.close()
    recording.finish()
    result = called("replay", tmp_path / "other", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["replay"]["first_difference"] == 3
    assert "differs from the recorded one at record 3" in called("replay", tmp_path / "other").stdout


def test_a_part_is_played_but_not_compared(recorded: Path, tmp_path: Path) -> None:
    told = document(
        *("replay", recorded, "--from", "18:50:35", "--for", "6 s", "--slow", "2", "--loop", "2"),
        *("--shift", "1 s", "--record", tmp_path / "part"),
    )
    assert told["replay"]["same"] is None
    assert told["ok"]
    played = opening.load(tmp_path / "part").played
    assert played.scenario is not None
    assert played.scenario.duration_s == 2 * 2 * 6 + 1
    assert document("replay", tmp_path / "part")["replay"]["same"] is True


def test_in_processes_it_may_end_when_all_is_done(recorded: Path, tmp_path: Path) -> None:
    told = document(
        *("replay", recorded, "--clock", "real", "--until-done", "--broker", "off", "--dir", tmp_path / "run")
    )
    assert (told["reason"], told["ok"]) == ("done", True)


def test_two_runs_are_compared(recorded: Path, tmp_path: Path) -> None:
    document("replay", recorded, "--record", tmp_path / "again")
    same = called("diff", recorded, tmp_path / "again")
    assert (same.exit_code, same.stdout.splitlines()[-1]) == (0, "same")
    document("replay", recorded, "--shift", "1 s", "--record", tmp_path / "later")
    other = called("diff", recorded, tmp_path / "later", "--json")
    assert other.exit_code == 1
    told = json.loads(other.stdout)
    assert (told["same"], told["sky_is_same"], told["records"][0]["record"]) == (False, False, 1)
    assert {each["figure"] for each in told["transfers"]} == {"completed_s"}
    assert called("diff", recorded, tmp_path / "later").stdout.splitlines()[-1] == "the runs differ"


def test_a_day_of_the_past_is_compiled_recorded_and_played(tmp_path: Path) -> None:
    """Elements and weather come from the options; what was changed replays from the record alone."""
    place = scenario(tmp_path, 600, WORK.replace("64 KiB", "1 KiB"))
    weather = CONFIGS / "weather" / "newark.metar"
    result = called(
        *("replay", "--date", "2024-05-10T18:50:34", place, "--elements", ELEMENTS, "--weather", weather),
        *("--elevation", "5 m", "--for", "8 s", "--record", tmp_path / "day", "--json"),
    )
    told = json.loads(result.stdout)
    assert told["epoch"] == "2024-05-10T18:50:34.000000Z"
    played = opening.load(tmp_path / "day").played
    assert played.scenario is not None
    assert [one.sky.source for one in played.scenario.stations] == ["metar"]
    assert played.scenario.duration_s == 8.0
    again = json.loads(called("replay", tmp_path / "day", "--json").stdout)
    assert again["replay"]["same"] is True


def test_a_day_of_a_scenario_that_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the options are found from where the command is given, the scenario by its name."""
    monkeypatch.chdir(tmp_path)
    elements = Path(os.path.relpath(ELEMENTS, tmp_path))
    read, _ = historic.changed(Path("blackhole"), Day("2024-05-09T11:32", [elements], None, None, None))
    assert read.path.stem == "blackhole" and [each.resolve() for each in read.elements] == [ELEMENTS]
    for option, day in (
        ("--elements", Day("2024-05-09", [Path("none.tle")], None, None, None)),
        ("--weather", Day("2024-05-09", [], Path("none.metar"), None, None)),
    ):
        with pytest.raises(InputError, match=f"{option}: no file"):
            historic.changed(Path("blackhole"), day)


def test_what_is_wrong_is_one_line(recorded: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    document("replay", recorded, "--record", damaged)
    sky = damaged / "sky"
    sky.write_bytes(sky.read_bytes()[:-1])
    assert str(sky) in refusal("replay", damaged)
    assert str(sky) in refusal("diff", recorded, damaged)
    for line in (
        ("replay", tmp_path),
        ("replay", recorded, "--from", "26:00:00"),
        ("replay", recorded, "--from", "yesterday"),
        ("replay", recorded, "--from", "03:00:00"),  # comes long after the end
        ("replay", recorded, "--from", "-5 s"),
        ("replay", recorded, "--from", "2024-05-09"),
        ("replay", recorded, "--for", "0 s"),
        ("replay", recorded, "--slow", "0"),
        ("replay", recorded, "--slow", "1/0"),
        ("replay", recorded, "--slow", "1/3"),
        ("replay", recorded, "--loop", "0"),
        ("replay", recorded, "--shift", "1 km"),
        ("replay", recorded, "--weather", sky),
        ("replay", recorded, "--rate", "2", "--clock", "virtual"),
        ("replay", recorded, "--clock", "scaled"),
        ("replay", recorded, "--until-done"),
        ("replay", recorded, "--skip-gaps"),
        ("replay", recorded, "--broker", "off"),
        ("replay", recorded, "--record", damaged),
        ("replay", "--date", "soon", CONFIGS / "demo.toml"),
        ("replay", "--date", "2024-05-09", recorded),
        ("replay", "--date", "2024-05-09", CONFIGS / "demo.toml", "--loop", "2"),
        ("replay", "--date", "2024-05-09", CONFIGS / "demo.toml", "--elevation", "5 m"),
        ("replay", "--date", "2024-05-09", CONFIGS / "demo.toml", "--elements", tmp_path / "none.tle"),
        ("diff", recorded, recorded, "--within", "-1 s"),
        ("run", CONFIGS / "demo.toml", "--clock", "virtual", "--record", recorded),
    ):
        assert refusal(*line)


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("754", 754 * S),
        ("7.5", 75 * S // 10),
        ("754s", 754 * S),
        ("2 min", 120 * S),
        ("18:50:34", 0),
        ("18:51", 26 * S),
        ("18:50:40.25Z", 6_250_000_000),
        ("18:50:33", 86_399 * S),
        ("2024-05-10T18:50:36Z", 2 * S),
        ("2024-05-10T20:50:36+02:00", 2 * S),
    ],
)
def test_moments(text: str, expected_ns: int) -> None:
    assert moment_ns(text, EPOCH) == expected_ns


def test_without_a_date_only_seconds_are_known() -> None:
    assert moment_ns("3", None) == 3 * S
    for text in ("18:51", "2024-05-10"):
        with pytest.raises(InputError, match="nothing is known of the date"):
            moment_ns(text, None)


@given(st.lists(st.text(), min_size=5, max_size=5))
def test_any_text_is_an_excerpt_or_one_line(texts: list[str]) -> None:
    try:
        Given(*texts).excerpt(EPOCH)
    except InputError as error:
        assert not re.search(r"Traceback", str(error))
