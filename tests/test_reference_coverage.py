"""docs/validation.md tells which test covers each reference case, or why none does; both are checked."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "validation.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([\w.+-]+)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def cases(name: str) -> dict:
    return json.loads((TESTS / "reference" / f"{name}_cases.json").read_text("utf-8"))


PHYSICS = [case["id"] for case in cases("physics")["cases"]]
GEOMETRY = cases("geometry")
KINDS = sorted({case["kind"] for case in GEOMETRY["cases"]})
NAMES = {"ground_pass": "GROUND_CASES", "isl": "ISL_CASES", "P5-SGP4-VER": "SGP4-VER"}
PUBLISHED = [case["id"] for case in GEOMETRY["published"]]


@cache
def function(place: str) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]:
    """The test at ``file::name``, and the text of its file."""
    file, _, name = place.partition("::")
    text = (TESTS / file).read_text("utf-8")
    found = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    assert found, f"no test {place}"
    return found[0], text


def texts(node: ast.AST) -> set[str]:
    """String constants and names in a function and its decorators."""
    constants = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return {each for each in constants if isinstance(each, str)} | names


def test_every_case_is_told_once() -> None:
    assert sorted(identity for identity, _, _ in ROWS) == sorted([*PHYSICS, *KINDS, *PUBLISHED])


@pytest.mark.parametrize(("identity", "verdict", "tests"), ROWS, ids=[row[0] for row in ROWS])
def test_what_covers_a_case_names_it_and_what_does_not_says_why(
    identity: str, verdict: str, tests: str
) -> None:
    places = re.findall(r"`([\w/]+\.py::\w+)`", tests)
    if verdict.startswith("not covered"):
        assert len(verdict) > len("not covered: why")
        return
    assert verdict.startswith("covered") and places
    for place in places:
        node, _ = function(place)
        named = NAMES.get(identity, identity)
        assert any(named in text for text in texts(node)), f"{place} doesn't name {named}"


def test_the_counts_of_the_page_are_right() -> None:
    counts = (len(PHYSICS), len(GEOMETRY["cases"]), len(PUBLISHED))
    assert "{} physics cases, {} geometry cases and {} published sets".format(*counts) in PAGE
