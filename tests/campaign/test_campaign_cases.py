"""Faults and cases as files: what is written is read again, what is foreign is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.campaign import case as cases
from linkemu.campaign.case import Case
from linkemu.campaign.draw import draw
from linkemu.campaign.faults import Crash, Fault
from linkemu.campaign.hunt import kinds
from linkemu.campaign.play import play
from linkemu.campaign.stage import Stage
from linkemu.campaign.watch import Order
from linkemu.errors import InputError
from linkemu.scenario import catalogue

KEPT = sorted((Path(__file__).parent / "cases").glob("*.json"))
CRASH = Crash("iss", 1.5, "power", "disk", 3, 0.25, 9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**53), what=st.none() | st.text(max_size=20), details=st.text(max_size=50))
def test_every_drawn_case_is_read_as_it_was_written(
    stage: Stage, seed: int, what: str | None, details: str
) -> None:
    case = Case("a.toml", "digest", draw(seed, stage), seed, what, details)
    assert cases.parse(cases.to_json(case).encode(), "case") == case


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=200))
def test_no_bytes_but_a_case_are_a_case(text: bytes) -> None:
    with pytest.raises(InputError, match=r"^somewhere"):
        cases.parse(text, "somewhere")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_case_with_a_changed_byte_is_a_case_or_one_line(data: st.DataObject) -> None:
    text = bytearray(cases.to_json(Case("a.toml", "d", (CRASH,), 3, "lost")).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(cases.parse(bytes(text), "here"), Case)
    except InputError as error:
        assert str(error).startswith("here")
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"version": 2}, "version"),
        ({"format": "a poem"}, "format"),
        ({"surplus": 1}, "surplus"),
        ({"sky": None}, "sky"),
        ({"faults": [{"fault": "flood"}]}, "faults.0"),
        ({"faults": [{**cases.describe([CRASH])[0], "down_s": -1}]}, "faults.0.crash.down_s"),
        ({"faults": [{**cases.describe([CRASH])[0], "at_s": 1e99}]}, "faults.0.crash.at_s"),
        ({"faults": [{**cases.describe([CRASH])[0], "surplus": 1}]}, "faults.0.crash.surplus"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], place: str) -> None:
    value = json.loads(cases.to_json(Case("a.toml", "d", (CRASH,))))
    with pytest.raises(InputError) as caught:
        cases.parse(json.dumps({**value, **change}).encode(), "a.json")
    assert caught.value.where == f"a.json: {place}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        cases.read(tmp_path / "none.json")


def test_a_case_names_its_scenario_from_where_it_lies(tmp_path: Path) -> None:
    scenario = tmp_path / "configs" / "a.toml"
    at = tmp_path / "kept" / "b.json"
    case = cases.of(scenario, "d", [CRASH], at, 1, "lost", "")
    cases.write(at, case)
    assert case.scenario == "../configs/a.toml"
    assert cases.read(at) == case
    assert cases.scenario_of(case, at).resolve() == scenario
    assert [each.name for each in at.parent.iterdir()] == ["b.json"]


def test_a_case_names_a_scenario_that_comes_with_linkemu_as_it_was_named(tmp_path: Path) -> None:
    at = tmp_path / "kept" / "b.json"
    case = cases.of(Path("blackhole"), "d", [CRASH], at, 1, "lost", "")
    assert case.scenario == "blackhole"
    assert cases.scenario_of(case, at) == catalogue.folder() / "blackhole.toml"


def test_a_fault_of_a_node_or_link_that_is_not_there_is_named(stage: Stage) -> None:
    faults: list[Fault] = [CRASH, Crash("mir", 1.0, "kill", "step", 1, 1.0)]
    with pytest.raises(InputError, match=r"a\.json: faults\[1\]: node 'mir', expected one of iss, "):
        stage.check(faults, "a.json")


def test_drawn_faults_are_over_when_the_quiet_begins(stage: Stage) -> None:
    for seed in range(300):
        faults = draw(seed, stage)
        stage.check(faults, "drawn")
        for fault in faults:
            end_s = getattr(fault, "at_s", 0.0) + getattr(fault, "for_s", getattr(fault, "down_s", 0.0))
            assert end_s <= stage.quiet_s + 1e-6, fault
    assert draw(7, stage) == draw(7, stage) != draw(8, stage)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_once_broke_holds(path: Path, stage: Stage, orders: frozenset[Order]) -> None:
    """Cases that the campaign found in linkemu itself, each of a bug that is mended."""
    case = cases.read(path)
    assert cases.scenario_of(case, path).resolve() == stage.scenario.path.resolve()
    stage.check(case.faults, str(path))
    assert kinds(play(stage, case.faults, orders)) == set()


def test_cases_are_kept() -> None:
    assert KEPT
