"""Six bugs put in on purpose: each is found from a seed on, and shrunk to a case that shows it alone.

A patch is laid over a copy of the packages in a temporary directory, whose ``linkemu campaign`` then hunts
as a user would. "store" is no invention: it is the bug that the campaign found in linkemu first. "neighbours"
gives up all chunks for a damaged one, and shows where a bit rots, which few seeds do.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linkemu.campaign import case as cases
from linkemu.campaign.hunt import kinds
from linkemu.campaign.play import play
from linkemu.campaign.stage import Stage
from linkemu.campaign.watch import Order

ROOT = Path(__file__).parents[2]
BUGS = Path(__file__).parent / "bugs"
PACKAGES = ("linkemu", "ground_station", "satellite_node")
WITHIN = 1000
SHOWS = {
    "repair": {"unfinished"},
    "resume": {"unfinished"},
    "store": {"acknowledged"},
    "acknowledgement": {"acknowledged"},
    "timers": {"unfinished"},
    "neighbours": {"took back"},
}
FIRST = {"neighbours": 140}  # else 0

SLOWEST_S = 500.0  # on a machine that has much else to do; seconds are the rule

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3 * SLOWEST_S)]


def copy_with(bug: str, tree: Path) -> Path:
    """The packages as they are here, with a bug."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package)
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    subprocess.run(["git", "apply", BUGS / f"{bug}.patch"], cwd=tree, env=environment, check=True, timeout=20)
    return tree


def campaign(tree: Path, *arguments: object) -> tuple[int, Any]:
    """Exit code and document of the command in a copy."""
    done = subprocess.run(
        [sys.executable, "-m", "linkemu.cli.main", "campaign", *map(str, arguments), "--json"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=SLOWEST_S,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("bug", sorted(SHOWS))
def test_a_bug_is_found_and_shrunk(bug: str, tmp_path: Path, stage: Stage, orders: frozenset[Order]) -> None:
    tree = copy_with(bug, tmp_path / "tree")
    hunt = (stage.scenario.path, "--seeds", WITHIN, "--first-seed", FIRST.get(bug, 0))
    code, found = campaign(tree, *hunt, "--until-broken", "--jobs", 1, "--keep", tmp_path)
    assert code == 1
    first = found["violations"][0]
    assert first["seed"] < WITHIN
    assert {first["what"]} == SHOWS[bug]
    assert 1 <= len(first["shrunk"]) < 50
    assert len(first["shrunk"]) <= len(first["faults"])

    code, again = campaign(tree, "--case", first["case"])
    assert code == 1
    assert first["what"] in {each["what"] for each in again["violations"]}

    mended = cases.read(Path(first["case"]))
    assert cases.describe(mended.faults) == first["shrunk"]
    assert kinds(play(stage, mended.faults, orders)) == set(), "without the bug the case shows nothing"


def test_every_bug_has_its_patch() -> None:
    assert {path.stem for path in BUGS.glob("*.patch")} == set(SHOWS)
