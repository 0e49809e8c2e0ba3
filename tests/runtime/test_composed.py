"""Runs under the virtual clock: whole, deterministic, the same without a bus, and closed to outside time."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from linkemu import scenario
from linkemu.errors import ClockError, InputError
from linkemu.runtime import node
from linkemu.runtime.composed import Result, run_virtual
from linkemu.runtime.node import Context
from linkemu.scenario import Cloud, Scenario, Transfer

CONFIGS = Path(__file__).parents[2] / "configs"

# 16 MiB up through a cloud, and down again when they are there.
WORK = (
    Transfer(0.0, "koganei", "iss", "put", None, 16 * 2**20, "a.bin", 1),
    Transfer(0.0, "koganei", "iss", "put", None, 2**20, "b.bin", 0),
    Transfer(25.0, "koganei", "iss", "get", None, None, "a.bin", 0),
)


def _short(**changes: Any) -> Scenario:
    demo = scenario.load(CONFIGS / "demo.toml")
    clouds = (Cloud("koganei", 1.6, 5.0),)
    return dataclasses.replace(
        demo, **{"transfers": WORK, "clouds": clouds, "duration_s": 40.0, "seed": 7, **changes}
    )


@pytest.fixture(scope="module")
def reference() -> Result:
    return run_virtual(_short())


def test_every_transfer_ends_verified_and_nothing_acknowledged_is_sent_again(reference: Result) -> None:
    assert reference.ok
    assert len(reference.transfers) == 3
    assert {each.resent_chunks for each in reference.transfers} == {0}
    up, down = (each for each in reference.transfers if each.name == "a.bin")
    assert up.sha256 == down.sha256
    assert up.times["verified"] > 6.6, "the cloud stood in the way"
    assert up.repaired_bytes > 0


def test_the_urgent_file_goes_first(reference: Result) -> None:
    verified = {each.name: each.times["verified"] for each in reference.transfers if each.action == "put"}
    assert verified["b.bin"] < verified["a.bin"]


def test_the_same_scenario_gives_the_same_trace_with_and_without_a_bus(reference: Result) -> None:
    lines: list[str] = []
    silent = run_virtual(_short(), bus=None, trace_sink=lines.append)
    assert silent.digest == reference.digest
    assert (silent.messages, len(lines)) == (0, reference.events)
    assert reference.messages > 0
    assert silent.transfers == reference.transfers


def test_another_seed_gives_another_trace(reference: Result) -> None:
    other = run_virtual(_short(seed=8))
    assert other.ok
    assert other.digest != reference.digest


AGAIN = """
import sys
sys.path[:0] = sys.argv[1:]
from test_composed import _short
from linkemu.runtime.composed import run_virtual
print(run_virtual(_short()).digest)
"""


def test_another_process_with_another_hash_seed_gives_the_same_trace(reference: Result) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", AGAIN, str(Path(__file__).parent)],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout.strip() == reference.digest


def test_spools_and_stores_stay_in_a_directory_that_is_given(tmp_path: Path, reference: Result) -> None:
    run_virtual(_short(), root=tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["iss", "koganei"]
    again = run_virtual(_short(transfers=WORK[:1]), root=tmp_path)
    (put,) = (each for each in again.transfers if each.name == "a.bin" and each.action == "put")
    assert put.state == "verified"
    assert put.sent_bytes == 0, "what the satellite holds from an earlier run is not sent again"


def test_a_station_that_loses_a_file_to_a_cloud_leaves_only_the_rest_to_the_next() -> None:
    handover = scenario.load(CONFIGS / "handover.toml")
    size = 160 * 2**20  # more than the first station can send before its lock is lost
    work = tuple(dataclasses.replace(each, size_bytes=size) for each in handover.transfers)
    result = run_virtual(dataclasses.replace(handover, transfers=work, duration_s=110.0))
    first, second = result.transfers
    assert (first.node, first.state) == ("calar-alto", "sending")
    assert (second.node, second.state) == ("oberpfaffenhofen", "verified")
    up = {each.station: each for each in result.fidelity.links if each.direction == "up"}
    assert up[first.node].erased_bytes > 0, "the cloud came in mid-file"
    assert up[second.node].erased_frames == 0
    content = second.sent_bytes / up[second.node].offered_bytes  # the rest is headers
    held = up[first.node].delivered_bytes * content
    assert second.sent_bytes == pytest.approx(size - held, rel=0.005)
    assert second.repaired_bytes == second.resent_chunks == 0


def _as_ground_node(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Context], Coroutine[Any, Any, None]]
) -> None:
    """Let ``run`` be the entry point of ground stations."""
    monkeypatch.setattr(sys.modules[__name__], "foreign_run", run, raising=False)
    ours = EntryPoint("ground", f"{__name__}:foreign_run", node.GROUP)
    idle = EntryPoint("satellite", f"{__name__}:_idle", node.GROUP)
    monkeypatch.setattr(node, "entry_points", lambda group: [ours, idle])


async def _idle(context: Context) -> None:
    await context.clock.sleep_until(1e9)


async def _opens_a_socket(context: Context) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _uses_a_thread(context: Context) -> None:
    await asyncio.to_thread(print)


@pytest.mark.parametrize("run", [_opens_a_socket, _uses_a_thread])
def test_what_needs_outside_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Context], Coroutine[Any, Any, None]]
) -> None:
    _as_ground_node(monkeypatch, run)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    with pytest.raises(ClockError, match="virtual clock can't wait"):
        run_virtual(_short())


def test_a_node_of_ones_own_takes_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[object] = []

    async def listens(context: Context) -> None:
        context.terminal.attach(lambda *_: None, lambda *_: None, plans.append)
        await context.terminal.start()
        await context.clock.sleep_until(10.0)

    _as_ground_node(monkeypatch, listens)
    result = run_virtual(_short())
    assert len(plans) == 1
    assert result.transfers == ()


def test_a_node_that_is_not_installed_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "entry_points", lambda group: [])
    with pytest.raises(InputError, match=r"linkemu\.nodes:ground: not installed"):
        run_virtual(_short())
