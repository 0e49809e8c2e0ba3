"""The benches go on working: small here, and no figure of time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.dataplane import judge
from bench.dataplane.networks import trace

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench" / "goodput.py"
# One of each kind, and of each way to run a peer.
TRIALS = (
    "throughput, 5 ms, proxy",
    "throughput, no delay, socat",
    "throughput, no delay, haproxy",
    "throughput, no delay, nginx",
    "rate, 100 Mbit/s, proxy",
    "delay, 5 ms, 1 Gbit/s, proxy",
    "exec, 5 ms, exec",
    "exec, 100 Mbit/s, exec",
    "udp, 1200 B, proxy",
    "udp, 64 B, socat",
)


def test_goodput_of_a_small_file() -> None:
    command = [sys.executable, str(BENCH), "--size", "16 MiB", "--rate", "200 Mbit/s", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=80, check=True)
    told = json.loads(done.stdout)
    assert told["state"] == "verified"
    assert told["acknowledged_resent"] == 0
    assert told["repaired_bytes"] > 0, "two slots in a hundred are erased"
    assert told["frame_bytes"] == 8192
    assert 0 < told["goodput_of_allowed"] <= 1.0
    assert set(told["cpu_s_per_GB"]) == {"broker", "emulator", "koganei", "iss"}


def test_the_data_plane_beside_its_peers() -> None:
    match = "|".join(f"^{trial}$" for trial in TRIALS)
    command = [sys.executable, "-m", "bench.dataplane", "--quick", "--json", "--match", match]
    done = subprocess.run(command, capture_output=True, text=True, timeout=80, check=True, cwd=ROOT)
    told = json.loads(done.stdout)
    absent = set(told["machine"]["absent"])
    figures = {f"{each['part']}, {each['task']}, {each['who']}": each["rounds"] for each in told["trials"]}
    assert told["failed"] == {}
    assert set(figures) == {trial for trial in TRIALS if trial.rpartition(" ")[2] not in absent}
    for trial, (figure,) in figures.items():
        carried = figure["kpps" if trial.startswith("udp") else "Gbit/s"]
        assert carried > 0, trial
    assert all(figure["CPU s/GB"] >= 0 for (figure,) in figures.values() if "CPU s/GB" in figure)
    assert figures["delay, 5 ms, 1 Gbit/s, proxy"][0]["p50 us"] > 0, "nothing is faster than light"
    assert told["machine"]["processors"] >= 1


def test_a_requirement_is_met_missed_or_not_judged() -> None:
    results = {
        ("throughput", "5 ms", "proxy"): [{"Gbit/s": speed, "CPU s/GB": 0.2} for speed in (9.0, 30.0, 31.0)],
        ("throughput", "5 ms", "toxiproxy"): [{"Gbit/s": 10.0, "CPU s/GB": 1.0}],
        ("throughput", "no delay", "socat"): [{"Gbit/s": 8.0, "CPU s/GB": 0.25}],
        ("delay", "5 ms, full load", "proxy"): [{"least us": 80.0}, {"least us": -2000.0}],
    }
    lines = {line.text: line for line in judge.lines(results)}
    assert {line.part for line in lines.values()} == {"throughput", "delay"}, "only what was run is judged"
    faster = lines["proxy / toxiproxy, throughput at 5 ms"]
    assert (faster.found, faster.met) == (3.0, True), "medians are compared"
    dearer = lines["proxy at 5 ms / socat, CPU per GB"]
    assert dearer.found == pytest.approx(0.8)
    assert dearer.met is False
    assert lines["proxy / toxiproxy, throughput at 120 ms"].met is None, "no such figures"
    early = lines["proxy, early by at most, at 5 ms, full load, ms"]
    assert (early.found, early.met) == (2.0, False), "one message too early is too many"


def test_a_trace_of_mahimahi_has_the_rate_asked() -> None:
    assert trace(12_000_000, 10) == "".join(f"{ms}\n" for ms in range(1, 11)), "a packet each millisecond"
    assert trace(1_000_000_000).count("\n") * 1500 * 8 == pytest.approx(1e9, rel=1e-4)
