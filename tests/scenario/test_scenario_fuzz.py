"""Whatever stands in a file, the door answers with a Scenario or a ScenarioError, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from linkemu.errors import ScenarioError
from linkemu.scenario import Scenario, loads
from linkemu.scenario.shape import ScenarioFile, StationTable, TransferTable

CONFIGS = Path(__file__).parents[2] / "configs"
TEXTS = {path: path.read_text("utf-8") for path in sorted(CONFIGS.glob("*.toml"))}
KEYS = st.sampled_from([*ScenarioFile.model_fields, *StationTable.model_fields, *TransferTable.model_fields])


def opened(text: str, path: Path = CONFIGS / "fuzz.toml") -> None:
    try:
        assert isinstance(loads(text, path), Scenario)
    except ScenarioError as error:
        assert error.problems
        assert "\n" not in str(error)


@given(st.text())
def test_garbage(text: str) -> None:
    opened(text)


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_a_slip_anywhere(path: Path, data: st.DataObject) -> None:
    text = TEXTS[path]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    opened(text[:start] + data.draw(st.text(max_size=6)) + text[end:], path)


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_a_line_lost_or_twice(path: Path, data: st.DataObject) -> None:
    lines = TEXTS[path].splitlines(keepends=True)
    index = data.draw(st.integers(0, len(lines) - 1))
    opened("".join(lines[:index] + lines[index + 1 :]), path)
    opened("".join(lines[: index + 1] + lines[index:]), path)


def toml(value: Any) -> str:
    """A value as inline TOML."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
        case str():
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case _:
            return str(value)


letters = st.characters(exclude_categories=["Cs"])
values = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(letters, max_size=8), st.just("1 deg")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.dictionaries(KEYS, values, max_size=8))
@example({"elements": ["stations\n.tle"]})
@example({"station": [{"preset": "a\r\nb"}], "transfer": [{"size": "-1\n\tMB", "name": "\x85"}]})
def test_any_values_under_the_right_keys(document: dict[str, Any]) -> None:
    opened("".join(f"{key} = {toml(value)}\n" for key, value in document.items()))
