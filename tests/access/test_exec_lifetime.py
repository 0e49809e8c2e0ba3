"""How ``exec`` begins and ends: exit codes, rights, signals; and that nothing is ever left of it."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exec_world import GATEWAY_4, MS, least, program, sky, until
from typer.testing import CliRunner

from linkemu.access.exec_order import Forward, Order
from linkemu.access.exec_run import run
from linkemu.cli.main import app
from linkemu.errors import ResourceError
from linkemu.record import opening

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


def test_of_a_network_that_could_not_be_built_no_record_is_left(networks: None, tmp_path: Path) -> None:
    sky().save(tmp_path / "small.sky")
    twice = ("--forward", "81=127.0.0.1:1", "--forward", "81=127.0.0.1:2", "--record", tmp_path / "run")
    result = CliRunner().invoke(app, ["exec", *map(str, (tmp_path / "small.sky", *twice, "--", "true"))])
    assert result.exit_code == 1
    assert "port 81 of the gateway" in result.stderr
    assert not any((tmp_path / "run").iterdir())


def test_nothing_is_left_of_it(networks: None, tmp_path: Path) -> None:
    """What the commands leave running ends with them, and this process holds no more descriptors."""
    run(Order(("true",)), sky())
    before = len(list(Path("/proc/self/fd").iterdir()))
    script = f"setsid sleep 1000.{os.getpid()} & sleep 1001.{os.getpid()} & exit 0"
    outcome = run(Order(("sh", "-c", script), serve=f"{SINK} & sleep 1002.{os.getpid()}"), sky())
    assert outcome.code == 0
    assert not _processes(f".{os.getpid()}")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_server_that_dies_is_refused_by_light(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """The command goes on; who connects hears of the closed port a round trip later."""
    probe = f"""
import socket, time
began = time.perf_counter()
try:
    socket.create_connection(("{GATEWAY_4}", 7000), timeout=5)
except ConnectionRefusedError:
    print(time.perf_counter() - began)
"""

    def refused_s() -> float:
        outcome = run(Order((sys.executable, "-c", probe), serve="exit 3"), sky())
        assert outcome.code == 0
        return float(capfd.readouterr().out)

    assert 24 * MS <= least(refused_s, 1.0) < 1.0


def test_a_server_that_is_killed_resets_its_client(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    probe = f"""
import socket
peer = socket.create_connection(("{GATEWAY_4}", 7000), timeout=5)
try:
    print(peer.recv(1))
except ConnectionResetError:
    print("reset")
"""
    serve = shlex.join((sys.executable, "-c", _DOOMED))
    assert run(Order((sys.executable, "-c", probe), serve=serve), sky()).code == 0
    assert capfd.readouterr().out.strip() == "reset"


_DOOMED = """
import os, signal, socket
listener = socket.create_server(("0.0.0.0", 7000))
peer, _ = listener.accept()
peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_machine_is_as_it_was(networks: None) -> None:
    """No interface, address, route, rule or setting of the machine's own network changes, nor a mount."""
    before = _machine()
    seen = "import sys; sys.stdout.write(open('/proc/net/dev').read())"
    assert run(Order((sys.executable, "-c", seen), serve=f"exec {SINK}"), sky()).code == 0
    assert _machine() == before


def _machine() -> dict[str, str]:
    tables = {name: Path("/proc/net", name).read_text() for name in ("route", "if_inet6", "ipv6_route")}
    devices = [line.partition(":")[0] for line in Path("/proc/net/dev").read_text().splitlines()]
    sysctls = ("ipv4/ip_forward", "ipv4/tcp_wmem", "ipv4/ping_group_range", "ipv6/conf/default/accept_ra")
    settings = {name: Path("/proc/sys/net", name).read_text() for name in sysctls}
    return tables | settings | {"devices": " ".join(devices), "mounts": Path("/proc/mounts").read_text()}


@pytest.mark.parametrize(
    ("victim", "by", "code"),
    [
        ("the command's parent", signal.SIGKILL, -signal.SIGKILL),
        ("the command's parent", signal.SIGTERM, 128 + signal.SIGTERM),
        ("the command's parent", signal.SIGHUP, -signal.SIGHUP),
        ("the house", signal.SIGKILL, 1),
        ("the first process", signal.SIGKILL, 128 + signal.SIGKILL),
        ("the server", signal.SIGKILL, None),
        ("the command", signal.SIGKILL, 128 + signal.SIGKILL),
    ],
)
def test_a_kill_leaves_nothing(
    networks: None, victim: str, by: signal.Signals, code: int | None, tmp_path: Path
) -> None:
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
        f"setsid sleep {mark} & sleep {mark}; exit 5",
    )
    told = tmp_path / "told"
    with told.open("w") as errors, subprocess.Popen((*line, *rest), stderr=errors) as parent:
        until(lambda: len([pid for pid in _processes(mark) if _name(pid) == "sleep"]) == 3)
        house = _child(parent.pid)
        first = _child(house)
        victims = {"the command's parent": parent.pid, "the house": house, "the first process": first}
        server, command = _children(first)
        victims |= {"the server": server, "the command": command}
        networks_of_it = {_network(pid) for pid in (house, server, command)}
        assert len(networks_of_it | {_network(os.getpid())}) == 4
        os.kill(victims[victim], by)
        if code is None:  # the command doesn't mind
            until(lambda: server not in _children(first))
            assert parent.poll() is None
            os.kill(command, signal.SIGTERM)
        assert parent.wait(60) == (128 + signal.SIGTERM if code is None else code)
    until(lambda: not _processes(mark))
    until(lambda: not networks_of_it & _networks())
    if victim == "the house":
        assert (
            told.read_text() == "linkemu: data plane of exec: it ended with exit code 137, and all with it\n"
        )


def test_interrupting_is_for_the_command(networks: None, tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches the whole group; the command decides, and its code is passed on."""
    file = tmp_path / "flat.sky"
    sky().save(file)
    line = (sys.executable, "-m", "linkemu.cli.main", "exec", str(ROOT / "configs" / "demo.toml"))
    script = f"trap 'exit 7' INT; touch {tmp_path}/ready; while :; do sleep 0.05; done"
    rest = ("--sky", str(file), "--", "sh", "-c", script)
    with subprocess.Popen((*line, *rest), start_new_session=True) as parent:
        until((tmp_path / "ready").exists)
        for _ in range(2):  # timeout(1) sends it to its child, and then to the group
            os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(10) == 7


@pytest.mark.parametrize(
    ("trap", "code"),
    [("", 128 + signal.SIGTERM), ("trap 'exit 7' TERM;", 7), ("trap '' TERM;", 128 + signal.SIGKILL)],
)
def test_sigterm_is_for_the_command_and_costs_no_report(
    networks: None, trap: str, code: int, tmp_path: Path
) -> None:
    """It decides, as long as that doesn't take it too long; report and record are written as ever."""
    script = f"{trap} touch {tmp_path}/ready; while :; do sleep 0.05; done"
    with _recorded(tmp_path, "--", "sh", "-c", script) as parent:
        until((tmp_path / "ready").exists)
        for _ in range(2):  # timeout(1) sends it to its child, and then to the group
            os.killpg(parent.pid, signal.SIGTERM)
        assert parent.wait(60) == code
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["end_s"] > 0.0 and report["began_unix_s"] is not None
    assert opening.load(tmp_path / "recorded").is_complete
    until(lambda: not _processes(str(tmp_path)))


def test_sigterm_before_the_command_ends_all(networks: None, tmp_path: Path) -> None:
    """While the server is waited for, which never listens."""
    mark = f"1004.{os.getpid()}"
    with _recorded(tmp_path, "--serve", f"exec sleep {mark}", "--", "sleep", mark) as parent:
        until(lambda: "sleep" in map(_name, _processes(mark)))
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(60) == 128 + signal.SIGTERM
    assert opening.load(tmp_path / "recorded").is_complete
    until(lambda: not _processes(mark))


def _recorded(directory: Path, *rest: str) -> subprocess.Popen[bytes]:
    """exec over a flat sky, with its report and its record in ``directory``."""
    file = directory / "flat.sky"
    sky().save(file)
    kept = ("--json", directory / "report.json", "--record", directory / "recorded")
    line = (sys.executable, "-m", "linkemu.cli.main", "exec", "--sky", file, *kept, *rest)
    return subprocess.Popen([*map(str, line)], start_new_session=True)


@pytest.mark.parametrize("by", ["tun", "packet"])
@pytest.mark.parametrize("who", ["without rights", "somebody else"])
def test_without_any_privilege(networks: None, by: str, who: str, tmp_path: Path) -> None:
    """As an ordinary user, who has a user namespace and no more."""
    become = drop_rights if who == "without rights" else be_somebody
    why = _refusal_without_rights(by, tmp_path, become)
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
        preexec_fn=become,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert min(json.loads(done.stdout)["trips_s"]) >= 24 * MS
    written = json.loads(report.read_text())
    assert (written["rootless"], written["carrier"]) == (True, by)


def _refusal_without_rights(by: str, directory: Path, become: Callable[[], None]) -> str | None:
    code = "from linkemu.access.exec_run import attempt\nfrom linkemu.access.exec_order import Order\n"
    code += f"attempt(Order(command=(), carrier={by!r}))"
    line = (sys.executable, "-c", code)
    done = subprocess.run(line, preexec_fn=become, capture_output=True, text=True, cwd=directory)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def drop_rights() -> None:
    """Between fork and exec: root keeps its number and files from the exec on, and none of its rights.

    But one: a user namespace may number somebody 0 only for who holds CAP_SETFCAP (user_namespaces(7)).
    """
    libc = ctypes.CDLL(None)
    for number in set(range(64)) - {31}:
        libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP, linux/prctl.h


def be_somebody() -> None:
    """Between fork and exec: user 1000 of a user namespace, who has no right from the exec on.

    To the machine's files it is whoever it was, so that the interpreter can be read wherever it lies.
    """
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:  # CLONE_NEWUSER, linux/sched.h
        raise OSError(ctypes.get_errno(), "user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {user} 1"), ("gid_map", f"1000 {group} 1")):
        Path("/proc/self", name).write_text(text)


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
            found.add(_network(int(entry.name)))
        except OSError:
            continue
    return found


def _network(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def _child(pid: int) -> int:
    return _children(pid)[0]


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
