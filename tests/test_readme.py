"""The README's scenario loads, and the files that it points to are there."""

from __future__ import annotations

import re
from pathlib import Path

from linkemu.scenario import loads

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_scenario_of_the_readme_loads() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert loads(example, ROOT / "configs" / "readme.toml").stations[0].http == ("127.0.0.1", 8080)


def test_links_and_scenarios_exist() -> None:
    named = re.findall(r"\]\(([^)]+)\)", README) + re.findall(r"configs/\w+\.toml", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_is_linked() -> None:
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - set(
        re.findall(r"docs/[\w-]+\.md", README)
    ) == set()
