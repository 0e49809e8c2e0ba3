"""Node processes from outside: exit codes, one line for an error, a clean end by signal; the ledger."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.contract import NodeFile, NodeLink
from linkemu.errors import InputError
from linkemu.runtime.launch import Settings
from linkemu.runtime.ledger import Ledger, Reader
from linkemu.runtime.processes import free_addresses
from linkemu.scenario import Transfer, TransferSettings
from linkemu.telemetry import TransferState
from tests.waiting import until_async

ROLES = [("ground", "ground_station"), ("satellite", "satellite_node")]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _settings(root: Path, **changes: object) -> Settings:
    values = {
        "scenario": "s",
        "epoch": datetime(2024, 5, 10, tzinfo=UTC),
        "seed": 1,
        "root": root,
        "transfer": TransferSettings(chunk_bytes=2**20, frame_bytes=32768),
        "work": (Transfer(1.0, "a", "b", "put", Path("f"), None, "n", 0),),
        "http": ("127.0.0.1", 80),
        **changes,
    }
    return Settings(**values)  # type: ignore[arg-type]


def _node_file(path: Path, role: str, settings: dict[str, object]) -> Path:
    emulator, terminal = free_addresses(2, socket.SOCK_DGRAM)
    NodeFile("n", role, emulator, terminal, 7, (NodeLink(0, "peer"),), settings).save(path)  # type: ignore[arg-type]
    return path


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_settings_travel_through_json(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    mapping = json.loads(json.dumps(settings.as_mapping()))
    assert Settings.of(mapping, tmp_path) == settings


@given(st.dictionaries(st.sampled_from(["scenario", "epoch", "seed", "root", "transfer", "work"]), JSON))
def test_settings_of_garbage_are_an_input_error_in_one_line(mapping: dict[str, object]) -> None:
    with pytest.raises(InputError) as raised:
        Settings.of(mapping, Path("node.json"))
    assert str(raised.value).startswith("node.json: settings.")
    assert "\n" not in str(raised.value)


@pytest.mark.acceptance
@pytest.mark.parametrize(("role", "module"), ROLES)
def test_bad_files_are_one_line_and_exit_code_2(role: str, module: str, tmp_path: Path) -> None:
    other = "satellite" if role == "ground" else "ground"
    wrong_role = _node_file(tmp_path / "role", other, {})
    wrong_settings = _node_file(tmp_path / "settings", role, {"scenario": "s"})
    for path, words in (
        (tmp_path / "absent", "No such file"),
        (wrong_role, f"not of a {role} node"),
        (wrong_settings, "settings.epoch"),
    ):
        ended = _run(module, "--node-file", str(path))
        assert ended.returncode == 2
        assert words in ended.stderr
        assert ended.stderr.count("\n") == 1


@pytest.mark.acceptance
@pytest.mark.parametrize(("role", "module"), ROLES)
def test_a_terminal_that_is_taken_is_one_line_and_exit_code_1(role: str, module: str, tmp_path: Path) -> None:
    settings = dict(_settings(tmp_path / "root", http=None, work=()).as_mapping())
    path = _node_file(tmp_path / "node.json", role, settings)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(NodeFile.load(path).terminal)
        ended = _run(module, "--node-file", str(path))
    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.acceptance
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_node_that_waits_for_its_emulator(number: int, tmp_path: Path) -> None:
    settings = dict(_settings(tmp_path / "root", http=None, work=()).as_mapping())
    path = _node_file(tmp_path / "node.json", "satellite", settings)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as emulator:
        emulator.bind(NodeFile.load(path).emulator)
        emulator.setblocking(False)
        command = (sys.executable, "-m", "satellite_node", "--node-file", str(path))
        process = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(20):
            await asyncio.get_running_loop().sock_recv(emulator, 2000)  # its hello: it runs
            process.send_signal(number)
            assert await process.wait() == 0
    assert (tmp_path / "root" / "trace.jsonl").exists()


def _state(node: str, done: int) -> TransferState:
    return TransferState(node, "id", "put", "n", "iss", "sending", 1.0, 10, done)


async def test_a_ledger_is_read_back_and_tells_nodes_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "absent"]
    reader = Reader(paths)
    assert reader.read() == ()
    ledger = Ledger(paths[0])
    for message in (_state("a", 1), _state("a", 2), _state("b", 3)):
        ledger.observe(message)
    ledger.write()
    paths[1].write_text("[{}]")
    assert reader.read() == ledger.states == (_state("a", 2), _state("b", 3))


async def test_a_ledger_writes_what_it_has_heard_soon(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    reader = Reader([tmp_path / "ledger"])
    for done in range(100):
        ledger.observe(_state("a", done))
    assert reader.read() == ()
    await until_async(reader.read)
    assert reader.read() == (_state("a", 99),)
