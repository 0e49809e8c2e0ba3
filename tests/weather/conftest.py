"""The reference cases of published and independently computed numbers, each with its own tolerance."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_FILE = Path(__file__).parents[1] / "reference" / "physics_cases.json"
_CASES = {case["id"]: case for case in json.loads(_FILE.read_text())["cases"]}

Holds = Callable[[str, str, float], None]


@pytest.fixture
def holds() -> Holds:
    """``holds(case, name, value)``: the value is what the case expects, within the case's own tolerance."""

    def check(identity: str, name: str, value: float) -> None:
        case: dict[str, Any] = _CASES[identity]
        expected, tolerance = case["expected"][name]["value"], case["tolerance"]
        allowed = tolerance.get("abs", 0.0) + tolerance.get("rel", 0.0) * abs(expected)
        assert abs(value - expected) <= allowed, f"{name} = {value}, expected {expected} +- {allowed}"

    return check
