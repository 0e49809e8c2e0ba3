"""The catalogue's opening comments: one grammar, refused where broken, and told on docs/scenarios.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu import scenario
from linkemu.errors import ScenarioError
from linkemu.scenario import catalogue
from linkemu.scenario.catalogue import Case, Seen, parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
HERE = Path("some-case.toml")
WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="#"), min_size=1),
    min_size=1,
    max_size=12,
)


def told(case: Case) -> str:
    """How docs/scenarios.md tells of a case."""
    seen = "\n".join(f"- seen: {each.what} (<{each.url}>)" for each in case.seen)
    return f"### {case.name}\n\n{case.title}.\n\n- breaks: {case.breaks}\n{seen}\n- holds: {case.holds}\n"


def test_the_page_tells_the_files() -> None:
    _, _, listed = PAGE.partition("## The cases\n\n")
    assert listed == "\n".join(told(case) for case in catalogue.cases())


def test_every_file_is_a_case_of_its_own_name_and_small() -> None:
    cases = catalogue.cases()
    assert len(cases) >= 20 and len({case.title for case in cases}) == len(cases)
    for case in cases:
        given = scenario.load(case.path)
        assert given.name == case.name == case.path.stem
        assert given.clock.mode == "virtual"
        assert sum(work.size_bytes or 0 for work in given.transfers) <= 16 * 2**20


def wrapped(key: str, words: list[str]) -> list[str]:
    """An entry whose second half stands on lines of its own."""
    half = (len(words) + 1) // 2
    return [f"# {key}: {' '.join(words[:half])}", *(f"#   {word}" for word in words[half:])]


@given(WORDS, WORDS, st.lists(WORDS, min_size=1, max_size=3), WORDS)
def test_what_is_written_is_read(
    title: list[str], breaks: list[str], seen: list[list[str]], holds: list[str]
) -> None:
    lines = wrapped("Title", title) + wrapped("Breaks", breaks)
    for number, what in enumerate(seen):
        lines += wrapped("Seen", [f"https://example.org/issues/{number}", f"({' '.join(what)})"])
    lines += wrapped("Holds", holds)
    expected = Case(
        "some-case",
        HERE,
        " ".join(title),
        " ".join(breaks),
        tuple(
            Seen(f"https://example.org/issues/{number}", " ".join(what)) for number, what in enumerate(seen)
        ),
        " ".join(holds),
    )
    assert parse("\n".join([*lines, "", 'name = "x"']), HERE) == expected


@given(st.text() | st.text(st.sampled_from("# TitleBreaksSeenHolds:\n()htps/.x ")))
def test_other_text_is_refused_in_one_line(text: str) -> None:
    try:
        parse(text, HERE)
    except ScenarioError as error:
        assert str(error).startswith("some-case.toml: line ") and "\n" not in str(error)


GOOD = ["# Title: a", "# Breaks: b", "# Seen: https://example.org/1 (c)", "# Holds: d", ""]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (GOOD[1:], "line 1: a case opens with"),
        ([*GOOD[:2], *GOOD[3:]], "line 1: a case opens with"),
        ([GOOD[1], GOOD[0], *GOOD[2:]], "line 1: a case opens with"),
        ([GOOD[0], *GOOD], "line 1: a case opens with"),
        ([*GOOD[:2], "# Seen: somewhere", *GOOD[3:]], "line 3: Seen is an https address"),
        ([GOOD[0], "# Braeks: b", *GOOD[2:]], "line 2: '# Braeks: b' is no entry"),
        (["#   more of nothing", *GOOD], "line 1"),
        ([*GOOD[:4], 'name = "x"'], "line 5"),
    ],
)
def test_a_broken_opening_is_told_with_its_line(lines: list[str], problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("\n".join(lines), HERE)
    assert f"some-case.toml: {problem}" in str(caught.value)


def test_no_two_that_travel_along_have_one_name() -> None:
    assert sorted(catalogue.shipped().values()) == sorted(catalogue.configs().rglob("*.toml"))


def test_a_name_stands_for_its_file_and_a_file_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scenario.load("blackhole").path == catalogue.folder() / "blackhole.toml"
    assert scenario.load("demo").path == catalogue.configs() / "demo.toml"
    assert scenario.load("tbird").path == catalogue.configs() / "missions" / "tbird.toml"
    with pytest.raises(ScenarioError, match=r'blackhoel: no such file.*did you mean "blackhole"'):
        scenario.load("blackhoel")
    with pytest.raises(ScenarioError, match=r"blackhole\.toml: No such file"):
        scenario.load("blackhole.toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blackhole").write_text("not TOML")
    with pytest.raises(ScenarioError, match="is not TOML"):
        scenario.load("blackhole")
