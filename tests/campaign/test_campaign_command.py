"""``linkemu campaign`` as a user calls it: seeds, cases, JSON, bad input, interrupts, processes and Dask."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from linkemu.campaign import case as cases
from linkemu.campaign.faults import Crash
from linkemu.campaign.hunt import Settings, Tally, hunt
from linkemu.campaign.stage import Stage
from linkemu.campaign.watch import Order
from linkemu.cli.main import app
from linkemu.study import farm
from tests.waiting import eventually, until

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "campaign.toml"
IN_CI = 300


def called(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["campaign", *map(str, arguments)])


def spawned(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "linkemu.cli.main", "campaign", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.acceptance
@pytest.mark.timeout(900)  # 20 s on two idle cores
def test_three_hundred_seeds_break_nothing() -> None:
    process = spawned(CONFIG, "--seeds", IN_CI, "--json")
    out, errors = process.communicate(timeout=880)
    document = json.loads(out)
    assert document["violations"] == [], f"linkemu campaign {CONFIG} --seeds 1 --first-seed <seed> shows it"
    assert (process.returncode, document["seeds"], document["interrupted"]) == (0, IN_CI, False)
    assert document["crashes"] > IN_CI
    assert document["faults"] > 5 * IN_CI
    assert "warning" not in errors


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_an_interrupt_ends_it_with_what_was_found() -> None:
    process = spawned(CONFIG, "--seeds", 5_000, "--jobs", 2, "--json")
    until(lambda: _worked(process.pid), 200)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes
    document = _interrupted(process)
    assert 0 < document["seeds"] < 5_000


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_two_interrupts_while_its_workers_start_end_it_with_a_report_too() -> None:
    process = spawned(CONFIG, "--seeds", 5_000, "--jobs", 2, "--json")
    until(lambda: len(_children(process.pid)) >= 2)
    for _ in range(2):  # as timeout(1) does: to all processes, and to ours once more
        os.killpg(process.pid, signal.SIGINT)
    _interrupted(process)


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_its_workers_end_with_it_when_it_is_killed() -> None:
    process = spawned(CONFIG, "--seeds", 5_000, "--jobs", 2, "--json")
    until(lambda: _worked(process.pid), 200)
    process.kill()
    process.communicate(timeout=60)
    assert eventually(lambda: not _alive(process.pid)), _alive(process.pid)


def _interrupted(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The report of a campaign that was interrupted; nothing of it runs any more."""
    try:
        out, errors = process.communicate(timeout=250)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 130, errors
    document: dict[str, Any] = json.loads(out)
    assert document["interrupted"]
    assert "Traceback" not in errors
    assert eventually(lambda: not _alive(process.pid)), _alive(process.pid)
    return document


def _worked(pid: int) -> bool:
    """Whether two of its children had CPU time for their imports and for some seeds."""
    return [_worked_s(each) > 3.5 for each in _children(pid)].count(True) == 2


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _worked_s(pid: str) -> float:
    """CPU time that a process has used."""
    used = (Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[11]
    return int(used) / os.sysconf("SC_CLK_TCK")


def _alive(group: int) -> list[str]:
    """Processes of a group that run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, of_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it has just gone
            if int(of_group) == group and state != "Z":
                found.append(entry.name)
    return found


def _found(stage: Stage, orders: frozenset[Order], settings: Settings) -> dict[str, Any]:
    tally = Tally()
    for _ in hunt(stage, orders, settings, tally):
        pass
    return {name: getattr(tally, name) for name in ("seeds", "faults", "crashes", "events", "findings")}


@pytest.mark.timeout(300)  # 15 s on two idle cores
def test_one_process_several_and_dask_find_the_same(stage: Stage, orders: frozenset[Order]) -> None:
    """Asked for one order too many, every seed is a finding: so are findings compared, too."""
    asked = orders | {("calern", "put", "iss", "none.bin")}
    one = Settings(seeds=25, first=40, jobs=1)
    alone = _found(stage, asked, one)
    assert {each.seed for each in alone["findings"]} == set(range(40, 65))
    assert _found(stage, asked, replace(one, jobs=2)) == alone
    assert _found(stage, asked, replace(one, dask=farm.LOCAL, jobs=2)) == alone


def test_time_may_be_bounded(stage: Stage, orders: frozenset[Order]) -> None:
    assert _found(stage, orders, Settings(seeds=1000, jobs=1, minutes=0.0))["seeds"] == 10


def test_a_summary_for_people() -> None:
    result = called(CONFIG, "--seeds", 2, "--first-seed", 5)
    assert result.exit_code == 0
    assert re.search(
        r"^2 seeds from 5: \d+ faults, \d+ crashes, \d+ events; .* seeds a minute", result.stdout
    )
    assert "0 seeds break a rule" in result.stdout


def _written(path: Path, **changes: Any) -> Path:
    case = cases.of(CONFIG, "another sky", [Crash("iss", 1.0, "kill", "step", 3, 0.1)], path, 4, "lost", "")
    cases.write(path, replace(case, **changes))
    return path


def test_a_case_is_played_and_says_what_it_shows(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.json")
    result = called("--case", path, "--json")
    assert result.exit_code == 0, result.output
    assert "made under another sky" in result.stderr
    document = json.loads(result.stdout)
    assert document["violations"] == []
    assert document["expected"] == "lost"
    assert document["faults"][0]["node"] == "iss"
    for_people = called("--case", path)
    assert "crash: node iss" in for_people.stdout
    assert "nothing is violated" in for_people.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "campaign: give a scenario file, or --case FILE"),
        ((CONFIG, "--seeds", "0"), "--seeds: 0 is out of range"),
        ((CONFIG, "--first-seed", "-1"), "--first-seed: -1 is out of range"),
        ((CONFIG, "--minutes", "soon"), "--minutes: 'soon' is not a number"),
        (("--case", "none.json"), "none.json: no such file"),
        (("--case", CONFIG), "Invalid JSON"),
        (("--case", "x.json", "--seeds", "3"), "--seeds: goes with a campaign, not with --case"),
        ((ROOT / "configs" / "weather-cape.toml",), "a campaign needs at least one [[transfer]]"),
        (("none.toml",), "none.toml"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[object, ...], problem: str) -> None:
    result = called(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("linkemu: ")
    assert problem in line


def test_a_case_that_names_a_node_that_is_not_there(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.json", faults=(Crash("mir", 1.0, "kill", "step", 3, 0.1),))
    result = called("--case", path)
    assert result.exit_code == 2
    assert "faults[0]: node 'mir', expected one of iss" in result.stderr


def test_a_directory_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "a.json"
    with pytest.raises(Exception, match=r"not a directory|exists"):
        _written(path)
