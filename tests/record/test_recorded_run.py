"""A recorded run is all that a replay needs, and a replay is the same run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from linkemu.errors import InputError
from linkemu.forecast import forecast
from linkemu.record import chain, opening
from linkemu.record.manifest import Pace
from linkemu.record.played import Played
from linkemu.record.recording import Recording
from linkemu.runtime.composed import Result
from linkemu.scenario import loads
from tests.record import made

TIMES = 5


def test_a_replay_is_the_same_run_each_time(record: tuple[Path, Result]) -> None:
    directory, result = record
    assert result.ok
    assert {opening.load(directory).trace("run").digest} == {result.digest}
    for _ in range(TIMES):
        assert made.run(opening.load(directory).played).digest == result.digest


def test_it_needs_nothing_but_itself(tmp_path: Path) -> None:
    """The inputs are gone, the directory is elsewhere: it replays, and could even be compiled afresh."""
    inputs = tmp_path / "inputs"
    result = made.recorded(tmp_path / "here", made.played_of(made.scenario(inputs)))
    shutil.rmtree(inputs)
    (tmp_path / "here").rename(tmp_path / "there")
    played = opening.load(tmp_path / "there").played
    again = made.run(played)
    assert again.digest == result.digest
    assert [each.sha256 for each in again.transfers] == [each.sha256 for each in result.transfers]
    assert played.scenario is not None
    assert forecast(played.scenario).sky.digest() == played.sky.digest()


def test_the_recorded_sky_is_played_and_not_a_new_one(tmp_path: Path, small: Played) -> None:
    """A sky that the scenario would never give, as one that another processor compiled: law 9."""
    from linkemu.link import reshape

    other = replace(small, sky=reshape.shift(small.sky, 10**9))
    result = made.recorded(tmp_path / "run", other)
    assert result.digest != made.run(small).digest
    assert made.run(opening.load(tmp_path / "run").played).digest == result.digest


def test_a_replay_can_be_recorded_and_replayed(tmp_path: Path, record: tuple[Path, Result]) -> None:
    made.recorded(tmp_path / "second", opening.load(record[0]).played)
    shutil.copytree(tmp_path / "second", tmp_path / "third")
    shutil.rmtree(tmp_path / "second")
    assert made.run(opening.load(tmp_path / "third").played).digest == record[1].digest


def test_live_faults_are_imposed_again(tmp_path: Path, small: Played) -> None:
    dark = {"link": 0, "direction": "up", "start_ns": 2 * 10**9, "end_ns": 5 * 10**9, "rate_cap_bps": 0}
    result = made.recorded(tmp_path / "run", replace(small, faults=(dark,)))
    assert result.digest != made.run(small).digest
    assert opening.load(tmp_path / "run").played.faults == (dark,)
    assert made.run(opening.load(tmp_path / "run").played).digest == result.digest


def test_a_run_that_died_replays_and_shows_its_trace_so_far(tmp_path: Path, small: Played) -> None:
    recording = Recording.begin(tmp_path / "run", "run", small, Pace("virtual"))
    writer = chain.ChainWriter(recording.trace("run"), eager=True)
    result = made.run(small, writer)
    path = tmp_path / "run" / "traces" / "run.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    found = opening.load(tmp_path / "run")
    assert not found.is_complete and found.traces() == ["run"]
    trace = found.trace("run")
    assert (len(trace.events), trace.torn) == (result.events - 1, True)
    assert made.run(found.played).digest == result.digest


def test_a_scenario_that_has_its_name_from_its_file_keeps_it(tmp_path: Path, small: Played) -> None:
    """In the record its file has another one."""
    made.scenario(tmp_path / "inputs")
    unnamed = loads(made.TEXT.replace('name = "small"', ""), tmp_path / "inputs" / "a-pass.toml")
    Recording.begin(tmp_path / "run", "run", replace(small, scenario=unnamed), Pace("virtual"))
    again = opening.load(tmp_path / "run").played.scenario
    assert again is not None
    assert again.name == unnamed.name == "a-pass"


def test_only_a_directory_of_its_own_is_taken(tmp_path: Path, small: Played) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        Recording.begin(tmp_path, "run", small, Pace("virtual"))
    with pytest.raises(InputError, match="is not a directory"):
        Recording.begin(tmp_path / "mine.txt", "run", small, Pace("virtual"))
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_of_a_run_that_could_not_begin_nothing_is_left(tmp_path: Path, small: Played) -> None:
    recording = Recording.begin(tmp_path / "run", "run", small, Pace("virtual"))
    chain.ChainWriter(recording.trace("run")).close()
    recording.withdraw()
    assert not any((tmp_path / "run").iterdir())
    Recording.begin(tmp_path / "run", "run", small, Pace("virtual"))


def test_a_scenario_that_was_changed_in_hand_is_not_recorded_as_another(
    tmp_path: Path, small: Played
) -> None:
    assert small.scenario is not None
    changed = replace(small, scenario=replace(small.scenario, seed=8))
    with pytest.raises(InputError, match="isn't what its text says"):
        Recording.begin(tmp_path / "run", "run", changed, Pace("virtual"))


def test_what_is_recorded_names_no_place_of_this_machine(record: tuple[Path, Result], tmp_path: Path) -> None:
    """A record may be handed to a stranger."""
    manifest = json.loads((record[0] / "manifest.json").read_text())
    assert str(tmp_path.parent.parent) not in json.dumps(manifest)


def test_a_sky_alone_is_a_run_too(tmp_path: Path, small: Played) -> None:
    recording = Recording.begin(tmp_path / "run", "proxy", Played(small.sky), Pace("real"))
    recording.finish(door={"ways": []})
    found = opening.load(tmp_path / "run")
    assert found.played.scenario is None
    assert found.played.sky.digest() == small.sky.digest()
    assert found.document("door") == {"ways": []}
    assert found.document("fidelity") is None
