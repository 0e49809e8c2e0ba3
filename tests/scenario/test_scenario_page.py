"""docs/scenario.md tells every key, every preset and every default scenario, and its example loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from linkemu import units
from linkemu.scenario import loads, presets
from linkemu.scenario.shape import ScenarioFile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scenario.md").read_text("utf-8")
WORDS = set(re.findall(r"[\w./°-]+", PAGE))


def keys(model: type[BaseModel]) -> set[str]:
    """The keys of a table and of the tables in it."""
    found = set(model.model_fields)
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= keys(kind)
    return found


def test_every_key_is_told() -> None:
    assert keys(ScenarioFile) - WORDS == set()


def test_every_preset_is_told() -> None:
    assert (presets.stations().keys() | presets.terminals().keys()) - WORDS == set()


def test_every_scenario_is_told() -> None:
    assert {f"configs/{path.name}" for path in (ROOT / "configs").glob("*.toml")} - WORDS == set()


@pytest.mark.parametrize("unit", ["B/s", "bit", "us", "arcmin", "urad", "cm", "dBW", "dB", "photons/bit"])
def test_the_units_of_the_page_are_read(unit: str) -> None:
    assert unit in WORDS
    assert unit in units._ALL_UNITS


def test_the_example_loads() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert loads(example, ROOT / "configs" / "example.toml").name == "example"
