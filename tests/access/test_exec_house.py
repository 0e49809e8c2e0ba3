"""What crosses the link of ``exec``, as a user has it: real networks, programs, time."""

from __future__ import annotations

import math
import random
import shlex
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from exec_world import GATEWAY_4, GATEWAY_6, MS, least, program, sky, told, until, way

from linkemu.access.exec_order import Forward, Order
from linkemu.access.exec_run import run
from linkemu.link.timeline import Cause

SINK = shlex.join(program("sink"))

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("host", [GATEWAY_4, GATEWAY_6])
def test_ping_shows_the_light_time(carrier: Any, host: str, capfd: pytest.CaptureFixture[str]) -> None:
    def quarter_s() -> float:
        outcome = run(Order(program("ping", host, 15, 0.01), carrier=carrier), sky())
        trips: list[float] = sorted(told(capfd)["trips_s"])
        assert outcome.code == 0
        assert trips[0] >= 24 * MS
        up, down = way(outcome, "up"), way(outcome, "down")
        assert up["delivered_packets"] == down["delivered_packets"] == 15  # and nothing else was on the air
        assert up["delivered_bytes"] == 15 * (84 if host == GATEWAY_4 else 104)
        return trips[len(trips) // 4]  # a busy machine may delay the others

    assert least(quarter_s, 25 * MS) < 25 * MS


def test_a_file_survives_an_outage(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    dark = [(0.6, 1.3, Cause.CLOUD)]
    order = Order(program("send", 3_000_000), serve=SINK, carrier=carrier, queue_bytes=500_000)

    def lateness() -> float:
        """Of a connection and of the outage's edges, in shares of their bounds."""
        outcome = run(order, sky(20_000_000, 0.01, dark=dark))
        answer, up = told(capfd), way(outcome, "up")
        assert outcome.code == 0
        assert answer["received"] == answer["sent"]
        assert answer["connected_s"] >= 20 * MS
        assert up["dark_bursts"] == 0
        if len(up["edges"]) < 2:
            return math.inf  # the program had not started before it was dark
        before, after = up["edges"]
        assert (before["end_s"], after["start_s"]) == (0.6, 1.3)
        assert before["start_s"] < before["first_s"] < before["last_s"] and after["first_s"] >= 1.3
        assert answer["took_s"] > 1.2 + 0.6
        connected = answer["connected_s"] / (60 * MS)  # SYN and its answer, by light
        last = abs(before["last_s"] - 0.6) / 0.05  # saturated: to the edge
        return max(connected, last, (after["first_s"] - 1.3) / 0.1)

    assert least(lateness, 1.0) < 1.0


def test_a_file_survives_erasure(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    erased = [(slot, 1) for slot in range(30, 4000, 37)]
    order = Order(program("send", 2_000_000), serve=SINK, carrier=carrier, queue_bytes=500_000)
    outcome = run(order, sky(50_000_000, 0.005, erased=erased))
    answer = told(capfd)
    assert answer["received"] == answer["sent"]
    assert way(outcome, "up")["erased_packets"] > 0


def test_tcp_gets_the_rate_less_its_headers(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    size, rate = 12_000_000, 100_000_000
    order = Order(program("send", size), serve=SINK, carrier=carrier, queue_bytes=3_000_000)
    least_s = size * 8 / (rate * 1448 / 1500)  # IP, TCP and its timestamps take 52 of 1500 bytes

    def error() -> float:
        outcome = run(order, sky(rate, 0.002))
        answer, up = told(capfd), way(outcome, "up")
        assert answer["received"] == answer["sent"]
        assert least_s * 0.99 < answer["took_s"]
        assert up["delivered_bytes"] >= size * 1500 / 1448
        assert up["requested_rate_bps"] == pytest.approx(rate, rel=1e-6)
        return abs(float(up["achieved_rate_bps"]) / rate - 1)

    assert least(error, 0.05) <= 0.05


def test_too_many_datagrams_are_dropped_by_the_queue(networks: None, tmp_path: Path) -> None:
    """1000 datagrams of 1028 B a second into 4.112 Mbit/s: half of them get through, at the link's rate."""
    counted = tmp_path / "counted"
    serve = f"exec {shlex.join(program('count'))} > {counted}"
    order = Order(program("blast", 1000, 2), serve=serve, queue_bytes=20_000)

    def error() -> float:
        """Of the rate and of the median delay, in shares of their bounds."""
        up = way(run(order, sky(4_112_000, 0.01)), "up")
        rows = [[float(word) for word in line.split()] for line in counted.read_text().splitlines()]
        assert up["offered_packets"] == 2000
        assert up["delivered_packets"] == len(rows)
        assert up["queue_dropped_packets"] == 2000 - len(rows)
        kept_s = [row[2] for row in rows[50:]]
        rate_bps = (len(kept_s) - 1) * 1028 * 8 / (kept_s[-1] - kept_s[0])
        delays = sorted(row[2] - row[1] for row in rows[50:])
        assert delays[0] > 10 * MS + 2 * MS
        delay_error_s = abs(delays[len(delays) // 2] - 10 * MS - 20_000 * 8 / 4.112e6)
        return max(abs(rate_bps / 4_112_000 - 1) / 0.03, delay_error_s / (5 * MS))

    assert least(error, 1.0) <= 1.0  # whoever sends may be kept from it for a while


def test_erased_slots_take_just_their_datagrams(networks: None, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    serve = f"exec {shlex.join(program('count'))} > {counted}"
    order = Order(program("blast", 500, 2), serve=serve)

    def error() -> float:
        outcome = run(order, sky(delay_s=0.005, erased=[(800, 200), (1200, 100)]))
        seen = {int(float(line.split()[0])) for line in counted.read_text().splitlines()}
        lost = sorted(set(range(1000)) - seen)
        assert way(outcome, "up")["erased_packets"] == len(lost)
        runs = 1 + sum(b - a > 1 for a, b in pairwise(lost))
        return abs(len(lost) - 150) if runs == 2 else math.inf  # a sender that slept met but one of them

    assert least(error, 5.5) <= 5


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
        until(lambda: _listens(port))
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


def _listens(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
