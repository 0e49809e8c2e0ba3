"""The path of ``exec`` is as a real one: MTU, fragments, ICMP and its finding of a narrow hop, handshake."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

import pytest
from exec_world import GATEWAY_4, GATEWAY_6, MS, least, sky, told

from linkemu.access.exec_order import Order
from linkemu.access.exec_run import run

BEYOND = "192.0.2.1"  # RFC 5737
IP_MTU_DISCOVER, PMTUDISC_DONT, PMTUDISC_DO, IP_MTU = 10, 0, 2, 14  # linux/in.h

pytestmark = pytest.mark.acceptance


def asked(capfd: pytest.CaptureFixture[str], code: str, serve: str | None = None, **link: Any) -> Any:
    """What a program on the ground prints as JSON of its variable ``answer``."""
    program = f"import errno, json, socket, time\n{code}\nprint(json.dumps(answer))"
    outcome = run(Order((sys.executable, "-c", program), serve=serve), sky(**link))
    assert outcome.code == 0
    return told(capfd)


def test_the_link_is_as_wide_as_it_says(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """1500 bytes go through whole; one more is refused at once if it may not be cut, else it goes in two."""
    answer = asked(
        capfd,
        f"""
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.connect(("{GATEWAY_4}", 7000))
out.settimeout(5)
answer = dict(mtu=out.getsockopt(0, {IP_MTU}))
out.setsockopt(0, {IP_MTU_DISCOVER}, {PMTUDISC_DO})
out.send(bytes(1472))
answer["whole"] = len(out.recv(9000))
try:
    out.send(bytes(1473))
except OSError as error:
    answer["wider"] = errno.errorcode[error.errno]
out.setsockopt(0, {IP_MTU_DISCOVER}, {PMTUDISC_DONT})
out.send(bytes(4000))
answer["in pieces"] = len(out.recv(9000))
""",
        serve=shlex.join((sys.executable, "-c", ECHO)),
    )
    assert answer == {"mtu": 1500, "whole": 1472, "wider": "EMSGSIZE", "in pieces": 4000}


ECHO = """
import socket
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.bind(("0.0.0.0", 7000))
while True:
    bound.sendto(*bound.recvfrom(9000))
"""


def test_a_narrow_hop_is_found_by_icmp(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """RFC 1191: what is too wide for a hop beyond the gateway is answered by its width, by light."""
    if os.geteuid() != 0:
        pytest.skip("only root's commands may add a hop")
    answer = asked(
        capfd,
        f"""
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(0, {IP_MTU_DISCOVER}, {PMTUDISC_DO})
out.connect(("{BEYOND}", 7000))
answer = dict(before=out.getsockopt(0, {IP_MTU}))
began = time.perf_counter()
out.send(bytes(1400))
while out.getsockopt(0, {IP_MTU}) == answer["before"] and time.perf_counter() < began + 5:
    time.sleep(0.0005)
answer["after_s"] = time.perf_counter() - began
answer["found"] = out.getsockopt(0, {IP_MTU})
""",
        serve=shlex.join((sys.executable, "-c", NARROW)),
        delay_s=0.02,
    )
    assert (answer["before"], answer["found"]) == (1500, 1280)
    assert answer["after_s"] >= 40 * MS


NARROW = f"""
import os, socket
from ipaddress import ip_address
from linkemu.access.exec_netlink import Netlink
hop = Netlink()
network = os.open("/proc/self/ns/net", os.O_RDONLY)
hop.add_veth("narrow", "far", network, bytes.fromhex("027100000001"))
hop.set_mtu("narrow", 1280, 100)
for name in ("narrow", "far"):
    hop.bring_up(name)
hop.add_address("narrow", ip_address("192.0.2.2"), ip_address("{BEYOND}"))
socket.create_server(("0.0.0.0", 7000)).accept()
"""


@pytest.mark.parametrize("host", [GATEWAY_4, GATEWAY_6])
def test_a_closed_port_is_told_by_icmp(networks: None, host: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer = asked(
        capfd,
        f"""
out = socket.socket(socket.{"AF_INET6" if ":" in host else "AF_INET"}, socket.SOCK_DGRAM)
out.connect(("{host}", 9))
out.settimeout(5)
began = time.perf_counter()
out.send(b"?")
try:
    answer = dict(why=out.recv(10).decode())
except OSError as error:
    answer = dict(why=errno.errorcode[error.errno])
answer["after_s"] = time.perf_counter() - began
""",
        delay_s=0.02,
    )
    assert answer["why"] == "ECONNREFUSED"
    assert answer["after_s"] >= 40 * MS


def test_a_handshake_takes_a_round_trip(networks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """connect() returns after one, and the kernel's own measure of the path says the same (TCP_INFO)."""
    code = f"""
import struct
took = []
for _ in range(5):
    began = time.perf_counter()
    peer = socket.create_connection(("{GATEWAY_4}", 7000), timeout=5)
    took.append(time.perf_counter() - began)
    rtt_us = struct.unpack_from("=I", peer.getsockopt(6, 11, 192), 68)[0]
    mss = peer.getsockopt(6, 2)
answer = dict(least_s=min(took), rtt_s=rtt_us / 1e6, mss=mss)
"""

    def took_s() -> float:
        answer = asked(capfd, code, serve=shlex.join((sys.executable, "-c", LISTENER)), delay_s=0.02)
        assert answer["rtt_s"] >= 40 * MS
        assert answer["mss"] == 1448  # 1500 less IP, TCP and its timestamps
        return float(answer["least_s"])

    assert 40 * MS <= least(took_s, 45 * MS) < 45 * MS


LISTENER = """
import signal, socket
kept = socket.create_server(("0.0.0.0", 7000))
signal.pause()
"""


def test_the_time_of_the_sky_goes_with_the_command(networks: None, tmp_path: Any) -> None:
    """It stands still until the command starts, and the report says when by the wall clock that was."""
    started = tmp_path / "started"
    order = Order(("sh", "-c", f"date +%s.%N > {started}"), serve="sleep 0.3", start_ns=7_000_000_000)

    def late_s() -> float:
        report = run(order, sky()).report
        assert report is not None
        assert report["start_s"] == 7.0
        assert 7.0 <= report["end_s"] < 60.0
        return float(started.read_text()) - float(report["began_unix_s"])

    assert 0.0 <= least(late_s, 1.0) < 1.0
