"""A scenario that was kept: with its own presets and files instead of those of today; and a changed one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from linkemu import scenario
from linkemu.errors import ScenarioError
from linkemu.scenario import presets

CONFIGS = Path(__file__).parents[2] / "configs"
SITES = CONFIGS / "weather-cape.toml"


def test_all_files_are_named_as_the_scenario_names_them() -> None:
    found = scenario.files_of(scenario.load(SITES))
    assert set(found) == {
        "elements/stations_2024-05-09.tle",
        "weather/cape-canaveral.metar",
        "weather/newark.metar",
    }
    assert all(path.read_bytes() for path in found.values())


def test_kept_files_stand_in_for_those_beside_it(tmp_path: Path) -> None:
    read = scenario.load(SITES)
    files = {name: tmp_path / str(n) for n, name in enumerate(scenario.files_of(read))}
    for path in files.values():
        path.touch()
    kept = scenario.loads(read.text, tmp_path / "nowhere" / "x.toml", files=files)
    assert set(kept.elements) <= set(files.values())
    assert {one.sky.path for one in kept.stations} <= {*files.values(), None}
    files.popitem()
    with pytest.raises(ScenarioError, match="was kept with the scenario"):
        scenario.loads(read.text, tmp_path / "x.toml", files=files)


def test_kept_presets_stand_in_for_those_of_today() -> None:
    read = scenario.load(CONFIGS / "demo.toml")
    name = read.satellites[0].terminal.id
    texts = dict(presets.shipped().texts)
    assert presets.Presets.of(texts) == presets.shipped()
    head, mark, rest = texts["terminals.toml"].partition(f'id = "{name}"')
    assert mark
    before, _, after = rest.partition("power =")
    texts["terminals.toml"] = head + mark + before + 'power = "1.25 W" #' + after
    kept = scenario.loads(read.text, read.path, kept=presets.Presets.of(texts))
    assert kept.satellites[0].terminal.power_W == 1.25
    assert scenario.load(read.path).satellites[0].terminal.power_W != 1.25


def test_changes_stand_instead_of_the_text() -> None:
    changes = {
        "start": "2024-05-09T18:00:00Z",
        "weather": {"table": "weather/greensboro.tmy3.csv"},
        "seed": 99,
    }
    read = scenario.load(SITES, changes)
    assert (read.start, read.seed) == (datetime(2024, 5, 9, 18, tzinfo=UTC), 99)
    assert {one.sky.source for one in read.stations} == {"table"}
    assert scenario.load(SITES).text == read.text
    with pytest.raises(ScenarioError, match="seed"):
        scenario.load(SITES, {"seed": -1})
