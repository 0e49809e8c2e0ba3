"""Several doors of one data plane: they share their link, whatever they carry, and come from a scenario."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from doors import ROOT, blasting, echo, eventually, exactly, free_port, least, server, sky
from live import World, trip_s, world

from linkemu.access.gauge import DoorReport
from linkemu.access.launch import DataPlane
from linkemu.access.settings import Door, Outages, Proxy, address, spoken
from linkemu.errors import InputError, ResourceError
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from tests import one_pass
from tests.waiting import moment

pytestmark = pytest.mark.acceptance

LINKEMU = (sys.executable, "-m", "linkemu.cli.main")
DOORS = """
[[door]]
id = "one"
to = "127.0.0.1:TO"
[[door]]
id = "two"
listen = "127.0.0.1:LISTEN"
to = "127.0.0.1:TO"
outage = "reset:30s"
[[door]]
id = "three"
protocol = "udp"
to = "127.0.0.1:TO"
"""


class Count:
    """A sink that counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, connection: socket.socket) -> None:
        while part := connection.recv(1 << 18):
            self.bytes += len(part)


def reports_of(at: World) -> list[DoorReport]:
    return [DoorReport.of(each) for each in at.link.report()]


def test_doors_of_one_link_share_its_rate():
    sinks = [Count(), Count()]
    with server(sinks[0]) as one, server(sinks[1]) as two:
        doors = [
            Door(("127.0.0.1", 0), one.address, name="one"),
            Door(("127.0.0.1", 0), two.address, name="two", outages=Outages.parse("refuse")),
        ]
        with world(one.address, sky(40_000_000), doors, anchor="first-byte") as at:

            def unfair() -> float:
                before = [each.bytes for each in sinks]
                assert eventually(lambda: sum(each.bytes for each in sinks) - sum(before) >= 6_000_000)
                after = [each.bytes for each in sinks]
                now_s = at.link.state()["now_s"]
                assert sum(after) * 8 <= 40_000_000 * now_s, "each alone would have had it all"
                moved = [late - early for early, late in zip(before, after, strict=True)]
                return 1 - min(moved) / max(moved)

            with blasting(at.connect("one")), blasting(at.connect("two")):
                assert eventually(lambda: min(each.bytes for each in sinks) > 200_000)
                assert least(unfair, 0.3) < 0.3
                assert eventually(lambda: all(each.ways[0].requested_rate_bps for each in reports_of(at)))
            reports = reports_of(at)
    assert [each.name for each in reports] == ["one", "two"]
    for report in reports:
        assert report.ways[0].requested_rate_bps == pytest.approx(40_000_000, rel=1e-3)


def test_datagrams_go_first_and_streams_get_the_rest():
    sink = Count()
    with server(sink) as far, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        doors = [
            Door(("127.0.0.1", 0), far.address, name="tcp"),
            Door(("127.0.0.1", 0), heard.getsockname(), "udp", name="udp"),
        ]
        with world(far.address, sky(20_000_000), doors, anchor="first-byte") as at:
            near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with blasting(at.connect("tcp")), near:
                assert eventually(lambda: sink.bytes > 200_000)
                began_s, sent = time.monotonic(), 0
                while sent < 1_500_000:  # 10 Mbit/s of datagrams
                    for _ in range(5):
                        near.sendto(bytes(1250), at.plane.addresses["udp"])
                        sent += 1250
                    moment(began_s + sent * 8 / 10_000_000)
                delivered = reports_of(at)[1].ways[0].delivered_bytes
                carried, now_s = sink.bytes + delivered, at.link.state()["now_s"]
            assert eventually(lambda: reports_of(at)[1].ways[0].delivered_bytes >= 0.9 * sent)
    assert carried * 8 <= 20_000_000 * 1.15 * now_s  # since the first byte, which is when time began


def test_two_doors_for_datagrams_answer_their_own_clients():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(10.0)
        doors = [Door(("127.0.0.1", 0), far.getsockname(), "udp", name=name) for name in ("a", "b")]
        with world(far.getsockname(), sky(10**7), doors) as at:
            for name in ("a", "b"):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
                    near.settimeout(10.0)
                    near.sendto(name.encode(), at.plane.addresses[name])
                    data, back = far.recvfrom(100)
                    far.sendto(data * 2, back)
                    answer, whence = near.recvfrom(100)
                    assert (answer, whence) == (name.encode() * 2, at.plane.addresses[name])
            at.link.disable("a")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
                near.settimeout(0.3)
                near.sendto(b"dropped", at.plane.addresses["a"])
                near.sendto(b"heard", at.plane.addresses["b"])
                assert far.recv(100) == b"heard"
            assert eventually(lambda: at.link.report()[0]["refused"] == 1)
            reports = {each["name"]: each for each in at.link.report()}
    assert [reports[name]["connections"] for name in ("a", "b")] == [1, 2]
    assert (reports["a"]["refused"], reports["b"]["refused"]) == (1, 0)


def test_streams_and_datagrams_meet_the_same_override_also_at_a_door_that_opens_later():
    with server(echo) as far, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        doors = [
            Door(("127.0.0.1", 0), far.address, name="tcp"),
            Door(("127.0.0.1", 0), other.getsockname(), "udp", name="udp"),
        ]
        with world(far.address, doors=doors) as at, world(far.address) as late:
            for each in (at, late):
                each.link.impose(direction="up", delay=0.25)
                assert eventually(lambda: each.link.state()["links"][0]["up"]["delay_s"] == 0.25)  # noqa: B023
            opened = late.link.open_door("udp", spoken(other.getsockname()), protocol="udp")
            late.plane.addresses["udp"] = address(opened["listen"], "listen")
            with at.connect("tcp") as client:
                assert trip_s(client) >= 0.255
            other.settimeout(10.0)
            for each in (at, late):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
                    begun_s = time.monotonic()
                    near.sendto(b"x", each.plane.addresses["udp"])
                    assert other.recv(10) == b"x"
                    assert time.monotonic() - begun_s >= 0.25


def test_doors_play_links_of_their_own():
    played = Sky.of(
        *[constant("g", name, way, 10**8, delay_s, 60.0) for name, delay_s in (("near", 0.005), ("far", 0.15))
          for way in Direction]
    )  # fmt: skip
    with server(echo) as far:
        doors = [Door(("127.0.0.1", 0), far.address, name=f"d{link}", link=link) for link in (0, 1)]
        with world(far.address, played, doors) as at, at.connect("d0") as near, at.connect("d1") as distant:
            assert trip_s(distant) >= 0.3
            assert 0.01 <= least(lambda: trip_s(near), 0.3) < 0.3
            assert [link["link"] for link in at.link.state()["links"]] == ["g:near", "g:far"]


def test_doors_that_cannot_be_are_one_line(tmp_path):
    played = sky(10**7)

    def refused(*doors: Door) -> str:
        with pytest.raises((InputError, ResourceError)) as told:
            DataPlane.start(Proxy(Path(), doors), played)
        return str(told.value)

    there = ("127.0.0.1", 9)
    assert "there is a door of this name" in refused(
        Door(("127.0.0.1", 0), there), Door(("127.0.0.1", 0), there)
    )
    repeats = Door(("127.0.0.1", 0), there, outages=Outages.parse("arq"), name="b")
    assert '"arq" doesn\'t share the link' in refused(Door(("127.0.0.1", 0), there), repeats)
    assert "has no link 3" in refused(Door(("127.0.0.1", 0), there, link=3))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "Address already in use" in refused(
            Door(("127.0.0.1", 0), there), Door(taken.getsockname(), there, name="b")
        )


def scenario(room: Path, to: int) -> Path:
    path = room / "doors.toml"
    doors = DOORS.replace("TO", str(to)).replace("LISTEN", str(free_port()))
    path.write_text(one_pass.text(6, doors))
    return path


def test_a_killed_proxy_with_its_control_leaves_nothing(tmp_path):
    with server(echo) as far:
        told = scenario(tmp_path, far.address[1])
        process = subprocess.Popen(
            [*LINKEMU, "proxy", told, "--control", "127.0.0.1:0"], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            lines = [process.stderr.readline() for _ in range(4)]
            found = re.fullmatch(r"control at http://127\.0\.0\.1:(\d+), token \S+\n", lines[0])
            assert found, lines
            assert [" tcp " in line or " udp " in line for line in lines[1:]] == [True] * 3
            ports = [int(found[1]), *(int(re.findall(r":(\d+),", line)[0]) for line in lines[1:3])]
            (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.send_signal(signal.SIGKILL)
            assert eventually(lambda: not Path(f"/proc/{child}/cmdline").exists() or _is_zombie(child))
            assert eventually(lambda: all(map(_is_refused, ports)))
        finally:
            process.kill()
            process.communicate()


def test_a_run_opens_the_doors_of_its_scenario_beside_its_nodes(tmp_path):
    with server(echo) as far:
        told = scenario(tmp_path, far.address[1])
        process = subprocess.Popen(
            [*LINKEMU, "run", told, "--dir", tmp_path / "run", "--broker", "off", "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            found = None
            while found is None and (line := process.stderr.readline()):
                found = re.search(r"door two: tcp 127\.0\.0\.1:(\d+), to", line)
            assert found
            with socket.create_connection(("127.0.0.1", int(found[1])), 20.0) as client:
                client.sendall(b"x")
                assert exactly(client, 1) in (b"x", b"")  # light may come after the end
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
    outcome = json.loads(out)
    assert outcome["reason"] == "ended"
    doors = {each["name"]: each for each in outcome["doors"]}
    assert set(doors) == {"one", "two", "three"}
    assert doors["two"]["connections"] == 1
    assert abs(doors["two"]["at_s"] - 6.0) < 2.0  # the emulator's time, not its own
    refused = subprocess.run([*LINKEMU, "run", told, "--skip-gaps"], cwd=ROOT, capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--skip-gaps: has no meaning with doors" in refused.stderr


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def _is_zombie(pid: str) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True
