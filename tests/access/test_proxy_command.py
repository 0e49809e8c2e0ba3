"""``linkemu proxy`` as a person calls it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doors import ROOT, door, echo, eventually, exactly, server, sky
from typer.testing import CliRunner

from linkemu.cli.main import app
from linkemu.schedule import DoorFault, Schedule

CONFIG = ROOT / "configs" / "demo.toml"


@contextmanager
def command(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """The command, once it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "linkemu.cli.main", "proxy", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        while line and "listening" not in line:
            line = process.stderr.readline()
        found = re.search(r"(\d+\.\d+\.\d+\.\d+):(\d+), to", line)
        assert found, line
        yield process, (found[1], int(found[2]))
    finally:
        process.kill()
        process.communicate()


def refusal(*arguments: object) -> str:
    """Exit code and the one line that is said."""
    done = CliRunner().invoke(app, ["proxy", *map(str, arguments)])
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return f"{done.exit_code} {done.stderr}"


@pytest.fixture
def played(tmp_path) -> Path:
    path = tmp_path / "played.sky"
    sky(10**8).save(path)
    return path


def test_ctrl_c_ends_it_with_a_report_also_twice(played):
    """timeout(1) sends two. The data plane stands still, so that the second comes while it is waited for."""
    with server(echo) as far, command("--sky", played, "--to", f"127.0.0.1:{far.address[1]}") as (it, at):
        with socket.create_connection(at) as client:
            client.sendall(b"over and back")
            assert exactly(client, 13) == b"over and back"
        plane = frozen_plane(it.pid)
        it.send_signal(signal.SIGINT)
        assert eventually(lambda: pending(plane, signal.SIGTERM))  # the first has been heard
        it.send_signal(signal.SIGINT)
        assert eventually(lambda: not pending(it.pid, signal.SIGINT))
        os.kill(plane, signal.SIGCONT)
        out, _ = it.communicate(timeout=20)
    assert it.returncode == 130
    assert "13 B" in out and "1 client," in out


def test_the_third_signal_ends_it_at_once(played):
    with command("--sky", played, "--to", "127.0.0.1:9", "--json") as (it, _):
        plane = frozen_plane(it.pid)
        assert eventually(lambda: it.send_signal(signal.SIGINT) or it.poll() is not None)
        out, errors = it.communicate(timeout=20)
    assert (it.returncode, out, errors) == (130, "", "")
    assert eventually(lambda: not Path(f"/proc/{plane}").exists())  # whoever inherits it has to reap it


def frozen_plane(pid: int) -> int:
    """The data plane of a command: it stands still from now on."""
    (plane,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    os.kill(plane, signal.SIGSTOP)
    assert eventually(lambda: status(plane, "State").startswith("T"))
    return plane


def pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal was sent to a process that has not taken it yet."""
    return bool(int(status(pid, "ShdPnd"), 16) >> (number - 1) & 1)


def status(pid: int, key: str) -> str:
    """By proc_pid_status(5)."""
    rows = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return next(value.strip() for name, _, value in rows if name == key)


def test_json_is_the_report_and_nothing_else(played):
    arguments = ("--sky", played, "--json", "--start-at", "59 s", "--outage", "reset:1s")
    with server(echo) as far, command(*arguments, "--to", f"127.0.0.1:{far.address[1]}") as (it, at):
        with socket.create_connection(at) as client:
            client.sendall(b"x")
            exactly(client, 1)
        out, _ = it.communicate(timeout=20)  # the scenario ends
    assert it.returncode == 0
    report = json.loads(out)
    assert (report["protocol"], report["outages"], report["connections"]) == ("tcp", "reset after 1 s", 1)
    assert [way["delivered_bytes"] for way in report["ways"]] == [1, 1]
    assert report["at_s"] >= 60.0


def test_a_scenario_is_compiled_and_its_pass_is_played():
    with server(echo) as far:
        arguments = (CONFIG, "--to", f"127.0.0.1:{far.address[1]}", "--start-at", "30 s", "--json")
        with command(*arguments) as (it, at), socket.create_connection(at, 20.0) as client:
            begun_s = time.monotonic()
            client.sendall(b"x")
            exactly(client, 1)
            trip_s = time.monotonic() - begun_s
            it.send_signal(signal.SIGINT)
            out, _ = it.communicate(timeout=20)
    up = json.loads(out)["ways"][0]
    least, most = up["requested_delay_s"]
    assert 0.0013 < least <= most < 0.004  # the ISS, from overhead to 1200 km
    assert trip_s >= 2 * least


def test_the_door_of_options_meets_the_faults_of_the_scenarios_door(tmp_path):
    """Whatever the scenario calls its door: a fault that strikes nobody would test nothing."""
    path = tmp_path / "struck.sky"
    Schedule(doors=(DoorFault("files", "reset", 500_000_000),)).put_into(sky(10**8)).save(path)
    with server(echo) as far:
        arguments = ("--sky", path, "--to", f"127.0.0.1:{far.address[1]}", "--anchor", "first-byte", "--json")
        with command(*arguments) as (it, at), socket.create_connection(at, 20.0) as client:
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            it.send_signal(signal.SIGINT)
            out, _ = it.communicate(timeout=20)
    report = json.loads(out)
    assert (report["name"], report["reset"]) == ("files", 1)


def test_udp_by_the_command(played):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(10.0)
        to = f"127.0.0.1:{far.getsockname()[1]}"
        near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with command("--sky", played, "--udp", "--to", to) as (_, at), near:
            near.sendto(b"light", at)
            assert far.recv(100) == b"light"


def test_a_killed_command_leaves_no_data_plane(played):
    with server(echo) as far, command("--sky", played, "--to", f"127.0.0.1:{far.address[1]}") as (it, at):
        children = Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
        assert children
        it.kill()
        assert eventually(lambda: not any(_runs(int(child)) for child in children))
        assert eventually(
            lambda: _is_closed(at)
        )  # its threads end after one another, its sockets with the last


def test_a_killed_data_plane_is_told(played):
    with server(echo) as far, command("--sky", played, "--to", f"127.0.0.1:{far.address[1]}") as (it, _):
        (child,) = Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        _, errors = it.communicate(timeout=20)
    assert it.returncode == 1
    assert errors == "linkemu: data plane: ended with exit code -9\n"


def _is_closed(at: tuple[str, int]) -> bool:
    try:
        socket.create_connection(at).close()
    except ConnectionRefusedError:
        return True
    return False


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended before, or while it was read
        return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "2 linkemu: SCENARIO: expected a scenario file, a recorded run, or --sky FILE"),
        ((CONFIG,), "2 linkemu: --to: expected HOST:PORT, or a scenario with a [[door]]"),
        (("--to", "nowhere"), "2 linkemu: --to: 'nowhere' is not HOST:PORT"),
        (("--to", "h:1", "--outage", "maybe"), "2 linkemu: --outage: 'maybe' is not one of hold, arq"),
        (("--to", "h:1", "--udp", "--outage", "arq"), "2 linkemu: --outage: has no meaning for datagrams"),
        (("--to", "h:1", "--uplink", "nobody"), "2 linkemu: --uplink: 'nobody' is not one of"),
        (("--to", "h:1"), "2 linkemu: SCENARIO: expected a scenario file, a recorded run, or --sky FILE"),
        (("missing.toml", "--to", "h:1"), "2 linkemu: missing.toml: No such file"),
    ],
)
def test_wrong_words_are_one_line(arguments, said):
    assert refusal(*arguments).startswith(said)


def test_wrong_skies_starts_and_hosts_are_one_line(played, tmp_path):
    assert "no link 'a:b', expected one of ground:orbit" in refusal(
        "--sky", played, "--to", "127.0.0.1:1", "--link", "a:b"
    )
    assert "--start-at: 60 s is not within" in refusal(
        "--sky", played, "--to", "127.0.0.1:1", "--start-at", "60 s"
    )
    assert "1 linkemu: a..b:1: " in refusal("--sky", played, "--to", "a..b:1")
    with door(tmp_path, sky(10**6), ("127.0.0.1", 9)) as other:
        taken = f"127.0.0.1:{other.address[1]}"
        assert refusal("--sky", played, "--to", "127.0.0.1:1", "--listen", taken) == (
            f"1 linkemu: tcp {taken}: Address already in use\n"
        )


def test_of_doors_that_could_not_open_no_record_is_left(played, tmp_path):
    """The next attempt may record into the same directory."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        options = ("--sky", played, "--to", "127.0.0.1:1", "--record", tmp_path / "run")
        assert "Address already in use" in refusal(*options, "--listen", taken)
    assert not any((tmp_path / "run").iterdir())
