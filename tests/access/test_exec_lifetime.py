"""How ``exec`` begins and ends: exit codes, rights, signals; and that nothing is ever left of it."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from exec_world import GATEWAY_4, MS, program, sky, until

from linkemu.access.exec_order import Forward, Order
from linkemu.access.exec_run import run
from linkemu.errors import ResourceError

ROOT = Path(__file__).resolve().parents[2]
SINK = shlex.join(program("sink"))

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("exit 0", 0)])
def test_the_exit_code_is_passed_on(networks: None, script: str, code: int) -> None:
    assert run(Order(("sh", "-c", script)), sky()).code == code


def test_a_command_that_cannot_start(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(Order(("./nonesuch",)), sky()).code == 127
    assert "nonesuch" in capfd.readouterr().err


def test_a_port_that_is_asked_for_twice(networks: None) -> None:
    twice = (Forward(81, "127.0.0.1", 1), Forward(81, "127.0.0.1", 2))
    with pytest.raises(ResourceError, match="port 81 of the gateway"):
        run(Order(("true",), forwards=twice), sky())


def test_nothing_is_left_of_it(networks: None, tmp_path: Path) -> None:
    """What the commands leave running ends with them, and this process holds no more descriptors."""
    run(Order(("true",)), sky())
    before = len(list(Path("/proc/self/fd").iterdir()))
    script = f"setsid sleep 1000.{os.getpid()} & sleep 1001.{os.getpid()} & exit 0"
    outcome = run(Order(("sh", "-c", script), serve=f"{SINK} & sleep 1002.{os.getpid()}"), sky())
    assert outcome.code == 0
    assert not _processes(f".{os.getpid()}")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("victim", ["the command's parent", "the house", "the first process"])
def test_a_kill_leaves_nothing(networks: None, victim: str, tmp_path: Path) -> None:
    mark, file = f"1003.{os.getpid()}", tmp_path / "flat.sky"
    sky().save(file)
    line = (sys.executable, "-m", "linkemu.cli.main", "exec", str(ROOT / "configs" / "demo.toml"))
    rest = (
        "--sky",
        str(file),
        "--serve",
        f"{SINK} & sleep {mark}",
        "--",
        "sh",
        "-c",
        f"setsid sleep {mark} & sleep {mark}",
    )
    before = _networks()
    with subprocess.Popen((*line, "--link", "ogs:sat", *rest)) as parent:
        until(lambda: len([pid for pid in _processes(mark) if _name(pid) == "sleep"]) == 3)
        assert _networks() > before
        house = _child(parent.pid)
        os.kill(
            {"the command's parent": parent.pid, "the house": house}.get(victim, _child(house)),
            signal.SIGKILL,
        )
        parent.wait(10)
    until(lambda: not _processes(mark))
    assert _networks() == before


def test_interrupting_is_for_the_command(networks: None, tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches the whole group; the command decides, and its code is passed on."""
    file = tmp_path / "flat.sky"
    sky().save(file)
    line = (sys.executable, "-m", "linkemu.cli.main", "exec", str(ROOT / "configs" / "demo.toml"))
    script = f"trap 'exit 7' INT; touch {tmp_path}/ready; while :; do sleep 0.05; done"
    rest = ("--sky", str(file), "--", "sh", "-c", script)
    with subprocess.Popen((*line, *rest), start_new_session=True) as parent:
        until((tmp_path / "ready").exists)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(10) == 7


@pytest.mark.parametrize("by", ["tun", "packet"])
def test_without_any_privilege(networks: None, by: str, tmp_path: Path) -> None:
    """As an ordinary user, who has a user namespace and no more."""
    why = _refusal_without_rights(by, tmp_path)
    if why is not None:
        pytest.skip(f"rootless exec by {by} can't run here: {why}")
    file = tmp_path / "flat.sky"
    sky().save(file)
    report = tmp_path / "report.json"
    line = (
        sys.executable,
        "-m",
        "linkemu.cli.main",
        "exec",
        str(ROOT / "configs" / "demo.toml"),
        "--sky",
        str(file),
    )
    ping = program("ping", GATEWAY_4, 5, 0.01)
    done = subprocess.run(
        (*line, "--carrier", by, "--json", str(report), "--", *ping),
        preexec_fn=drop_rights,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert min(json.loads(done.stdout)["trips_s"]) >= 24 * MS
    written = json.loads(report.read_text())
    assert (written["rootless"], written["carrier"]) == (True, by)


def _refusal_without_rights(by: str, directory: Path) -> str | None:
    code = "from linkemu.access.exec_run import attempt\nfrom linkemu.access.exec_order import Order\n"
    code += f"attempt(Order(command=(), carrier={by!r}))"
    line = (sys.executable, "-c", code)
    done = subprocess.run(line, preexec_fn=drop_rights, capture_output=True, text=True, cwd=directory)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def drop_rights() -> None:
    """Between fork and exec: root keeps its number and files from the exec on, and none of its rights.

    But one: a user namespace may number somebody 0 only for who holds CAP_SETFCAP (user_namespaces(7)).
    """
    libc = ctypes.CDLL(None)
    for number in set(range(64)) - {31}:
        libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP, linux/prctl.h


def _each_process() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _processes(mark: str) -> list[int]:
    found = []
    for entry in _each_process():
        try:
            if mark.encode() in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _networks() -> set[str]:
    """The networks that processes are in."""
    found = set()
    for entry in _each_process():
        try:
            found.add(str((entry / "ns" / "net").readlink()))
        except OSError:
            continue
    return found


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
