"""``linkemu scenarios``: the list, one of it, and names in the place of files."""

from __future__ import annotations

import tomllib
from pathlib import Path

from invoked import ROOT, called, document, refusal

from linkemu.scenario import catalogue


def test_the_list_tells_every_case() -> None:
    listed = document("scenarios")
    assert [each["name"] for each in listed] == [case.name for case in catalogue.cases()]
    assert all(each["title"] and each["breaks"] and each["seen"] and each["holds"] for each in listed)
    shown = called("scenarios")
    assert shown.exit_code == 0
    assert all(each["name"] in shown.stdout and each["title"] in shown.stdout for each in listed)


def test_one_case_is_told_with_its_file() -> None:
    case = document("scenarios", "blackhole")
    assert Path(case["path"]).read_text("utf-8").startswith(f"# Title: {case['title']}\n")
    shown = " ".join(called("scenarios", "blackhole").stdout.split())
    for words in (case["title"], case["breaks"], case["seen"][0]["url"], case["holds"]):
        assert words in shown


def test_an_unknown_name_is_refused() -> None:
    assert 'did you mean "blackhole"?' in refusal("scenarios", "blackhoel")
    assert "no such scenario" in refusal("scenarios", "../demo")
    assert "nor a scenario that comes with linkemu" in refusal("forecast", "blackhoel")


def test_a_name_is_run() -> None:
    result = document("run", "last-ack-lost")
    assert [each["state"] for each in result["transfers"]] == ["verified"]


def test_the_catalogue_travels_in_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["configs"] == "linkemu/configs"
    assert catalogue.folder().relative_to(ROOT) == Path("configs") / "scenarios"
