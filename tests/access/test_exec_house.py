"""``exec`` as a user has it: real networks, programs, time. Needs what ``linkemu doctor`` calls networks."""

from __future__ import annotations

import ctypes
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from linkemu.access.exec_order import Forward, Order
from linkemu.access.exec_run import Outcome, attempt, run
from linkemu.errors import ResourceError
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = str(Path(__file__).with_name("exec_clients.py"))
SINK = shlex.join([sys.executable, CLIENTS, "sink"])
GATEWAY_4, GATEWAY_6 = "10.71.0.2", "fd71:6c69:6e6b::2"
FAST = 200_000_000
MS = 1e-3

pytestmark = pytest.mark.acceptance


def refusal(carrier: Any) -> str | None:
    """Why this machine has no such networks, None if it has."""
    try:
        attempt(Order(command=(), carrier=carrier))
    except ResourceError as error:
        return str(error)
    return None


@pytest.fixture(scope="module", params=["tun", "packet"])
def carrier(request: pytest.FixtureRequest) -> str:
    why = refusal(request.param)
    if why is not None:
        pytest.skip(f"exec by {request.param} can't run here: {why}")
    return str(request.param)


@pytest.fixture(scope="module")
def networks() -> None:
    why = refusal("auto")
    if why is not None:
        pytest.skip(f"exec can't run here: {why}")


def sky(rate_bps: int = FAST, delay_s: float = 0.012, **more: Any) -> Sky:
    return Sky.of(*(constant("ogs", "sat", way, rate_bps, delay_s, 600.0, **more) for way in Direction))


def program(*words: object) -> tuple[str, ...]:
    return (sys.executable, CLIENTS, *map(str, words))


def told(capfd: pytest.CaptureFixture[str]) -> Any:
    """What the client has printed."""
    return json.loads(capfd.readouterr().out.splitlines()[-1])


def way(outcome: Outcome, direction: str) -> dict[str, Any]:
    assert outcome.report is not None
    return next(row for row in outcome.report["directions"] if row["direction"] == direction)


@pytest.mark.parametrize("host", [GATEWAY_4, GATEWAY_6])
def test_ping_shows_the_light_time(carrier: Any, host: str, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run(Order(program("ping", host, 15, 0.01), carrier=carrier), sky())
    trips = sorted(told(capfd)["trips_s"])
    assert outcome.code == 0
    assert trips[0] >= 24 * MS
    assert trips[len(trips) // 2] < 25 * MS
    up, down = way(outcome, "up"), way(outcome, "down")
    assert up["delivered_packets"] == down["delivered_packets"] == 15  # and nothing else was on the air
    assert up["delivered_bytes"] == 15 * (84 if host == GATEWAY_4 else 104)


def test_a_file_survives_an_outage(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    dark = [(0.6, 1.3, Cause.CLOUD)]
    order = Order(program("send", 3_000_000), serve=SINK, carrier=carrier, queue_bytes=500_000)
    outcome = run(order, sky(20_000_000, 0.01, dark=dark))
    answer = told(capfd)
    assert outcome.code == 0
    assert answer["received"] == answer["sent"]
    assert 20 * MS <= answer["connected_s"] < 60 * MS  # SYN and its answer, by light
    assert way(outcome, "up")["dark_bursts"] == 0
    assert answer["took_s"] > 1.2 + 0.6


def test_a_file_survives_erasure(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    erased = [(slot, 1) for slot in range(30, 4000, 37)]
    order = Order(program("send", 2_000_000), serve=SINK, carrier=carrier, queue_bytes=500_000)
    outcome = run(order, sky(50_000_000, 0.005, erased=erased))
    answer = told(capfd)
    assert answer["received"] == answer["sent"]
    assert way(outcome, "up")["erased_packets"] > 0


def test_tcp_gets_the_rate_less_its_headers(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    size, rate = 12_000_000, 100_000_000
    outcome = run(
        Order(program("send", size), serve=SINK, carrier=carrier, queue_bytes=3_000_000), sky(rate, 0.002)
    )
    answer, up = told(capfd), way(outcome, "up")
    least_s = size * 8 / (rate * 1448 / 1500)  # IP, TCP and its timestamps take 52 of 1500 bytes
    assert answer["received"] == answer["sent"]
    assert least_s * 0.99 < answer["took_s"]
    assert up["delivered_bytes"] >= size * 1500 / 1448
    assert up["requested_rate_bps"] == pytest.approx(rate, rel=1e-6)
    assert up["achieved_rate_bps"] == pytest.approx(rate, rel=0.05)


def test_too_many_datagrams_are_dropped_by_the_queue(networks: None, tmp_path: Path) -> None:
    """1000 datagrams of 1028 B a second into 4.112 Mbit/s: half of them get through, at the link's rate."""
    counted = tmp_path / "counted"
    serve = f"exec {shlex.join(program('count'))} > {counted}"
    order = Order(program("blast", 1000, 2), serve=serve, queue_bytes=20_000)
    outcome = run(order, sky(4_112_000, 0.01))
    up = way(outcome, "up")
    rows = [[float(word) for word in line.split()] for line in counted.read_text().splitlines()]
    assert up["offered_packets"] == 2000
    assert up["delivered_packets"] == len(rows)
    assert up["queue_dropped_packets"] == 2000 - len(rows)
    kept_s = [row[2] for row in rows[50:]]
    rate_bps = (len(kept_s) - 1) * 1028 * 8 / (kept_s[-1] - kept_s[0])
    assert rate_bps == pytest.approx(4_112_000, rel=0.03)  # whoever sends may be kept from it for a while
    delays = sorted(row[2] - row[1] for row in rows[50:])
    assert delays[0] > 10 * MS + 2 * MS
    assert delays[len(delays) // 2] == pytest.approx(10 * MS + 20_000 * 8 / 4.112e6, abs=5 * MS)


def test_erased_slots_take_just_their_datagrams(networks: None, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    serve = f"exec {shlex.join(program('count'))} > {counted}"
    outcome = run(
        Order(program("blast", 500, 2), serve=serve), sky(delay_s=0.005, erased=[(800, 200), (1200, 100)])
    )
    seen = {int(float(line.split()[0])) for line in counted.read_text().splitlines()}
    lost = sorted(set(range(1000)) - seen)
    assert way(outcome, "up")["erased_packets"] == len(lost)
    assert 145 <= len(lost) <= 155
    assert lost[0] + len(lost) - 1 < lost[-1]  # two runs
    assert sum(b - a > 1 for a, b in pairwise(lost)) == 1


def test_the_only_route_is_the_laser(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """Beyond the gateway nothing can be reached, and its ICMP says so after a round trip of light."""
    with socket.create_server(("0.0.0.0", 0)) as outside:
        port = outside.getsockname()[1]
        probe = f"""
import errno, json, socket, time
told = []
for host in ("192.0.2.1", "{_own_address()}", "127.0.0.1", "2001:db8::1"):
    began = time.perf_counter()
    try:
        socket.create_connection((host, {port}), timeout=5).close()
        why = "connected"
    except OSError as error:
        why = errno.errorcode.get(error.errno, str(error))
    told.append([host, why, time.perf_counter() - began])
print(json.dumps(told))
"""
        run(Order((sys.executable, "-c", probe)), sky(delay_s=0.02))
        answers = told(capfd)
        outside.settimeout(0)
        with pytest.raises(BlockingIOError):
            outside.accept()
    assert [why for _, why, _ in answers[:2]] == ["ENETUNREACH"] * 2 or answers[1][1] == "EHOSTUNREACH"
    assert answers[0][2] >= 40 * MS
    assert answers[2][1] == "ECONNREFUSED"
    assert answers[3][1] == "ENETUNREACH"
    assert answers[3][2] >= 40 * MS


def _own_address() -> str:
    """An address of this machine that is not the loopback's, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "192.0.2.2"
        return str(probe.getsockname()[0])


def test_a_forwarded_service_of_the_host(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    ready = socket.create_server(("127.0.0.1", 0))
    port = ready.getsockname()[1]
    ready.close()
    with subprocess.Popen(program("sink", "127.0.0.1", port), stdout=subprocess.DEVNULL) as service:
        _until(lambda: _listens(port))
        run(Order(program("send", 300_000, GATEWAY_6, 81), forwards=(Forward(81, "127.0.0.1", port),)), sky())
        assert service.wait(10) == 0
    answer = told(capfd)
    assert answer["received"] == answer["sent"]
    assert answer["connected_s"] >= 24 * MS


def test_a_service_that_is_not_there_resets(networks: None) -> None:
    order = Order(program("send", 1000, GATEWAY_4, 81), forwards=(Forward(81, "127.0.0.1", 1),))
    assert run(order, sky()).code == 1


def test_curl_uploads_through_an_outage(networks: None, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on PATH")
    sent, kept = tmp_path / "sent.raw", tmp_path / "kept"
    kept.mkdir()
    sent.write_bytes(random.Random(3).randbytes(3_000_000))
    curl = ("curl", "--silent", "--show-error", "--fail", "-T", str(sent), f"http://{GATEWAY_4}:7000/got.raw")
    order = Order(curl, serve=shlex.join(program("web", kept)), queue_bytes=500_000)
    outcome = run(order, sky(20_000_000, 0.01, dark=[(0.5, 1.2, Cause.CLOUD)]))
    assert outcome.code == 0
    assert (kept / "got.raw").read_bytes() == sent.read_bytes()
    assert outcome.report is not None
    assert outcome.report["end_s"] > 1.2 + 0.6


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
        _until(lambda: len([pid for pid in _processes(mark) if _name(pid) == "sleep"]) == 3)
        assert _networks() > before
        house = _child(parent.pid)
        os.kill(
            {"the command's parent": parent.pid, "the house": house}.get(victim, _child(house)),
            signal.SIGKILL,
        )
        parent.wait(10)
    _until(lambda: not _processes(mark))
    assert _networks() == before


def test_interrupting_is_for_the_command(networks: None, tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches the whole group; the command decides, and its code is passed on."""
    file = tmp_path / "flat.sky"
    sky().save(file)
    line = (sys.executable, "-m", "linkemu.cli.main", "exec", str(ROOT / "configs" / "demo.toml"))
    script = f"trap 'exit 7' INT; touch {tmp_path}/ready; while :; do sleep 0.05; done"
    rest = ("--sky", str(file), "--", "sh", "-c", script)
    with subprocess.Popen((*line, *rest), start_new_session=True) as parent:
        _until((tmp_path / "ready").exists)
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


def _until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait for what other processes do."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


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


def _listens(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
