"""The README's scenario loads; whatever README and docs/ point to is there: files, tests, other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from linkemu.cli.main import app
from linkemu.scenario import loads

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("configs/*/README.md"))]


def test_the_scenario_of_the_readme_loads() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert loads(example, ROOT / "configs" / "readme.toml").stations[0].http == ("127.0.0.1", 8080)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(
        r"(?<![\w/.])(?:configs|bench|tests|examples|linkemu)/[\w./-]+\.(?:toml|py|tle|metar)", text
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_test_that_must_show_something_is_there() -> None:
    text = (ROOT / "docs" / "acceptance.md").read_text("utf-8")
    named = set(re.findall(r"test_\w+\.py", text))
    assert named
    assert named - {path.name for path in ROOT.glob("tests/**/test_*.py")} == set()


def test_every_command_is_in_the_table_of_commands() -> None:
    told = re.findall(r"^\| `linkemu (\w+)` \|", (ROOT / "docs" / "cli.md").read_text("utf-8"), re.M)
    assert sorted(told) == sorted(get_command(app).commands)


def test_every_page_is_linked() -> None:
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - set(
        re.findall(r"docs/[\w-]+\.md", README)
    ) == set()
