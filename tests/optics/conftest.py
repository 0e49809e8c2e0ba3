"""The reference cases of published and independently computed numbers, each with its own tolerance."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_FILE = Path(__file__).parents[1] / "reference" / "physics_cases.json"
_CASES = {case["id"]: case for case in json.loads(_FILE.read_text())["cases"]}


class Case:
    """One case: ``inputs`` by name, and ``holds(name, value)`` against what is expected."""

    def __init__(self, identity: str) -> None:
        self._case = _CASES[identity]
        self.inputs: dict[str, Any] = self._case["inputs"]

    def holds(self, name: str, value: float) -> None:
        expected = self._case["expected"][name]["value"]
        tolerance = self._case["tolerance"]
        allowed = tolerance.get("abs", 0.0) + tolerance.get("rel", 0.0) * abs(expected)
        assert abs(value - expected) <= allowed, f"{name} = {value}, expected {expected} +- {allowed}"
        if self.exactness is None:
            return
        exact = self._case["independent_recomputation"][name]["value"]
        assert value == pytest.approx(exact, rel=self.exactness), (
            f"{name} against the independent computation"
        )

    exactness: float | None = 1e-4  # None where the second number isn't of the same formula


@pytest.fixture
def case() -> Callable[[str], Case]:
    return Case
