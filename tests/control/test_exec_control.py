"""The control API of ``exec``: packets of a command that runs meet a changed link, and the end is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from doors import ROOT, eventually, least
from exec_world import networks as networks
from exec_world import sky

from linkemu.client import Every, Link
from linkemu.errors import InputError, ResourceError

pytestmark = [pytest.mark.acceptance, pytest.mark.usefixtures("networks")]

DELAY_S = 0.012
PING = """
import socket, sys, time
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
echo.connect(("10.71.0.2", 0))
echo.settimeout(1.5)
for number, line in enumerate(sys.stdin):
    begun = time.perf_counter()
    echo.send(bytes([8, 0, 0, 0, 0, 0, 0, number]) + bytes(56))
    try:
        while echo.recv(2048)[7] != number:
            pass
        print(time.perf_counter() - begun, flush=True)
    except TimeoutError:
        print("nan", flush=True)
"""


class Pinger:
    """A command under exec that pings once for each line it is given."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def trip_s(self) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def test_a_command_that_runs_meets_what_is_imposed(tmp_path: Path) -> None:
    sky(delay_s=DELAY_S).save(tmp_path / "sky")
    words = ["exec", "configs/demo.toml", "--sky", tmp_path / "sky", "--control-file", tmp_path / "control"]
    process = subprocess.Popen(
        [sys.executable, "-m", "linkemu.cli.main", *words, "--", sys.executable, "-c", PING],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        pinger = Pinger(process)
        assert 2 * DELAY_S <= least(pinger.trip_s, 0.1) < 0.1
        with Link.at(tmp_path / "control") as link:
            with link.override(direction="up", delay=0.25):
                assert eventually(lambda: link.state()["links"][0]["up"]["delay_s"] == 0.25)
                assert pinger.trip_s() >= 0.25 + DELAY_S
            assert eventually(lambda: link.state()["links"][0]["up"]["delay_s"] == DELAY_S)
            assert 2 * DELAY_S <= least(pinger.trip_s, 0.25) < 0.25
            with link.events("override", "light") as events, link.override(erasure=1.0, duration=600):
                assert {next(events)["event"] for _ in range(3)} == {"override", "light"}
                assert str(pinger.trip_s()) == "nan"  # lost, as packets are
            link.impose(erase_datagrams=Every(1000))  # which for streams would be refused
            (report,) = link.report()
            assert report["directions"][0]["direction"] == "up"
            with pytest.raises(InputError, match="a command under exec has none"):
                link.open_door("door", "127.0.0.1:1")
            assert link.doors() == []
            process.stdin.close()  # type: ignore[union-attr]
            assert process.wait(30) == 0
            with pytest.raises(ResourceError):
                link.state()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()
