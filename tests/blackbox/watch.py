"""What ping(8) and iperf3(1) see through ``linkemu exec``: runs the commands and reads what they print.

Nothing of linkemu is imported: it is a command among others. Its report is asked for one thing only, the wall
clock's time at which the scenario's time began to go, and that is held against the shell's own clock.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GATEWAY = "10.71.0.2"
LINKEMU = (sys.executable, "-m", "linkemu.cli.main")
_REPLY = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=\d+ .*time=([\d.]+) ms", re.MULTILINE)
_SUMMARY = re.compile(r"^rtt min/avg/max/mdev = ([\d.]+)/", re.MULTILINE)
_PAUSE_S = 0.01  # ping(8) keeps no shorter one while it waits for a reply that doesn't come
_STARTING_S = 1.0  # a shell on a busy machine takes no longer from its start to its first word


@dataclass(frozen=True)
class Echo:
    """One reply: when its request left and when it came, scenario seconds (ping rounds to 0.1 ms)."""

    sent_s: float
    came_s: float


@dataclass(frozen=True)
class Burst:
    """All replies, and the least round trip that was stated, good to a microsecond."""

    echoes: tuple[Echo, ...]
    least_s: float | None


class Link:
    """A compiled scenario that can be watched from any of its seconds on."""

    def __init__(self, scenario: Path, room: Path) -> None:
        self._scenario, self._room = scenario, room
        self._sky = room / f"{scenario.stem}.sky"
        _run(*LINKEMU, "forecast", str(scenario), "--out", str(self._sky))

    def watch(self, second: float, script: str, *, serve: str | None = None) -> float:
        """Run a shell script on the ground from this second on, in the room; Unix time of second 0."""
        report = self._room / "report.json"
        line = [*LINKEMU, "exec", str(self._scenario), "--sky", str(self._sky), "--start-at", f"{second:.6f}"]
        line += ["--json", str(report)] + (["--serve", serve] if serve else [])
        script = f"cd '{self._room}'; date +%s.%N > started; {script}"
        _run(*line, "--", "sh", "-c", script)
        began_s = float(json.loads(report.read_text())["began_unix_s"])
        started_s = float((self._room / "started").read_text())
        if not began_s <= started_s <= began_s + _STARTING_S:
            raise AssertionError(f"time began at {began_s}, and the command at {started_s}")
        return began_s - second

    def ping(self, second: float, *, count: int, abreast: int = 1) -> Burst:
        """Echoes from this second of the scenario on, each 10 ms; of several pings abreast, in any order."""
        ping = f"ping -n -D -i {_PAUSE_S} -c {count} -W 0.2 {GATEWAY}"
        zero_s = self.watch(
            second, f"for each in $(seq {abreast}); do {ping} > ping.$each.txt & sleep 0.001; done; wait"
        )
        bursts = [self._burst(f"ping.{each}.txt", zero_s) for each in range(1, abreast + 1)]
        leasts = [burst.least_s for burst in bursts if burst.least_s is not None]
        return Burst(tuple(echo for burst in bursts for echo in burst.echoes), min(leasts, default=None))

    def _burst(self, name: str, zero_s: float) -> Burst:
        text = (self._room / name).read_text()
        echoes = []
        for stamp, trip_ms in _REPLY.findall(text):
            came_s = float(stamp) - zero_s
            echoes.append(Echo(came_s - float(trip_ms) / 1e3, came_s))
        least = _SUMMARY.search(text)
        return Burst(tuple(echoes), float(least[1]) / 1e3 if least else None)

    def datagrams_bps(
        self, second: float, way: str, offered_bps: float, *, payload: int, header: int
    ) -> float:
        """What comes through of UDP at more than the rate, as IP packets, while the link is full."""
        options = f"-u -b {offered_bps:.0f} -l {payload}"
        return self._bits(second, way, options) * (payload + header) / payload

    def stream_bps(self, second: float, way: str, *, payload: int, header: int) -> float:
        """What comes through of one TCP connection, as IP packets of a full payload, once it is under way."""
        return self._bits(second, way, "-C reno") * (payload + header) / payload

    def _bits(self, second: float, way: str, options: str) -> float:
        options += " -R" if way == "down" else " --get-server-output"
        client = f"iperf3 -c {GATEWAY} -J -t 2 -i 0.2 {options} > iperf.json"
        self.watch(second, client, serve="exec iperf3 -s -1 -J -i 0.2 > /dev/null")
        told: dict[str, Any] = json.loads((self._room / "iperf.json").read_text())
        rows = (told if way == "down" else told["server_output_json"])["intervals"]
        full = [row["sum"] for row in rows if row["sum"]["start"] > 0.7 and row["sum"]["end"] < 1.9]
        carried: float = 8 * sum(row["bytes"] for row in full)
        lasted: float = sum(row["seconds"] for row in full)
        return carried / lasted


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")
