"""Every scenario that travels with the package loads, and its passes are there at the time that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from linkemu.forecast import forecast
from linkemu.machine import Direction
from linkemu.orbit import elements, passes
from linkemu.orbit.site import Site
from linkemu.scenario import Scenario, load

CONFIGS = Path(__file__).parent.parent / "configs"
FILES = sorted(CONFIGS.glob("*.toml"))


def found(scenario: Scenario) -> list[passes.Pass]:
    """The passes of a scenario, by the satellites' ids."""
    sets = [one for path in scenario.elements for one in elements.read(path)]
    assert not isinstance(scenario.start, str)
    chosen = [elements.select(sets, name=one.name, norad=one.norad) for one in scenario.satellites]
    sites = [
        Site(one.id, one.latitude_deg, one.longitude_deg, one.altitude_m, one.mask_deg)
        for one in scenario.stations
    ]
    return passes.find(chosen, sites, scenario.start, scenario.duration_s)


def bits_before(scenario: Scenario, link: int, end_s: float) -> float:
    """What the uplink of a link can send from the start to ``end_s``."""
    up = forecast(scenario).sky.timelines[link, Direction.UP]
    edges_s = np.minimum(up.edge_ns / 1e9, end_s)
    return float(np.sum(np.diff(edges_s) * up.rate_bps))


@pytest.mark.parametrize("name", ["demo", "handover"])
def test_the_cloud_comes_in_the_middle_of_the_upload(name: str) -> None:
    scenario = load(CONFIGS / f"{name}.toml")
    put = scenario.transfers[0]
    assert put.size_bytes is not None
    sent = bits_before(scenario, 0, scenario.clouds[0].start_s) / 8 / put.size_bytes
    assert 0.25 < sent < 0.8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_loads_and_every_pair_meets(path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem
    met = {(one.station, one.norad_id) for one in found(scenario)}
    assert len(met) == len(scenario.stations) * len(scenario.satellites)


def test_the_demo_is_the_pass_that_its_file_tells() -> None:
    scenario = load(CONFIGS / "demo.toml")
    (demo,) = found(scenario)
    assert demo.tca_s == pytest.approx(25.0, abs=0.5)
    assert demo.max_elevation_deg == pytest.approx(52.1, abs=0.1)
    assert not demo.rises
    assert not demo.sets
    (put, get) = scenario.transfers
    assert put.size_bytes is not None
    assert put.size_bytes >= 64 * 2**20
    assert (get.action, get.name) == ("get", put.name)
    assert [(cloud.station, cloud.duration_s) for cloud in scenario.clouds] == [("koganei", 6.0)]
    assert scenario.satellites[0].terminal.modes[0].rate_bps == 155_000_000
    assert scenario.stations[0].terminal.modes[0].rate_bps == 1_244_000_000


def test_in_the_handover_the_second_station_follows_the_first() -> None:
    scenario = load(CONFIGS / "handover.toml")
    first, second, *_, last = sorted(found(scenario), key=lambda one: one.aos_s)
    (cloud,) = scenario.clouds
    assert (first.station, second.station) == ("calar-alto", "oberpfaffenhofen")
    assert cloud.station == first.station
    assert first.aos_s < cloud.start_s < first.los_s < cloud.start_s + cloud.duration_s
    assert second.los_s - second.aos_s > 60.0
    assert last.station == "calar-alto"
    assert last.rises
    put, again = scenario.transfers
    assert (put.name, put.size_bytes) == (again.name, again.size_bytes)


def test_the_constellation_moves_two_gigabytes_in_a_day() -> None:
    scenario = load(CONFIGS / "constellation.toml")
    sizes = {work.name: work.size_bytes or 0 for work in scenario.transfers if work.action == "put"}
    moved = sum(sizes[work.name] for work in scenario.transfers)
    assert moved >= 2_000_000_000
    assert (len(scenario.satellites), len(scenario.stations)) == (3, 2)
    assert scenario.clock.mode == "virtual"
    assert scenario.duration_s == 86_400.0
    for fault in scenario.faults:
        hit = [
            one
            for one in found(scenario)
            if one.station == fault.station and one.aos_s < fault.start_s < one.los_s - fault.duration_s
        ]
        assert len(hit) == 1
