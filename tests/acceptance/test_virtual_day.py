"""One day of configs/constellation.toml under the virtual clock, twice, in two processes: one and the same.

The first run is the command, with a bus and one PYTHONHASHSEED; the second has no bus and another one. So
equal digests show determinism, independence of hash seeds, and law 2 (nodes know by light or not at all).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from linkemu.runtime.composed import run_virtual
from linkemu.scenario import load
from tests.cli.invoked import CONFIGS, LINKEMU, ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

DAY = CONFIGS / "constellation.toml"
WITHOUT_A_BUS = """
import sys
from pathlib import Path
from linkemu.runtime.composed import run_virtual
from linkemu.scenario import load
result = run_virtual(load(Path(sys.argv[1])), bus=None)
print(result.digest, result.messages)
"""


def _output(hash_seed: str, *command: str) -> str:
    """What a process under this hash seed prints."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    ended = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=280
    )
    return ended.stdout


@pytest.fixture(scope="module")
def day() -> dict[str, Any]:
    """The document of ``linkemu run``."""
    told: dict[str, Any] = json.loads(_output("1", *LINKEMU, "run", str(DAY), "--json"))
    return told


def test_the_day_moves_two_gigabytes_in_large_frames(day: dict[str, Any]) -> None:
    scenario = load(DAY)
    assert (len(scenario.satellites), len(scenario.stations), scenario.duration_s) == (3, 2, 86_400.0)
    assert day["ok"] is True
    assert {each["state"] for each in day["transfers"]} == {"verified"}
    assert {each["resent_chunks"] for each in day["transfers"]} == {0}
    assert sum(each["done_bytes"] for each in day["transfers"]) >= 2_000_000_000
    bulk = [link for link in day["fidelity"]["links"] if link["offered_bytes"] > 10**7]
    assert len(bulk) >= 6
    assert all(link["offered_bytes"] >= 8192 * link["offered_frames"] for link in bulk)


def test_the_day_is_the_same_in_another_process_without_a_bus_and_by_another_hash_seed(
    day: dict[str, Any],
) -> None:
    digest, messages = _output("2", sys.executable, "-c", WITHOUT_A_BUS, str(DAY)).split()
    assert digest == day["digest"]
    assert (int(messages), day["messages"] > 0) == (0, True)


def test_another_seed_has_another_day() -> None:
    """Six hours without work are enough to see it: nodes meet other clouds."""
    hours = dataclasses.replace(load(DAY), duration_s=6 * 3600.0, transfers=(), faults=())
    traces = []
    for seed in (hours.seed, hours.seed, hours.seed + 1):
        lines: list[str] = []
        result = run_virtual(dataclasses.replace(hours, seed=seed), trace_sink=lines.append)
        of_nodes = [line for line in lines if json.loads(line)["who"] != hours.name]
        traces.append((result.digest, of_nodes))
    (digest, nodes), same, (other_digest, other_nodes) = traces
    assert same == (digest, nodes)
    assert other_digest != digest
    assert other_nodes != nodes
