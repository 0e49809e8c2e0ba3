"""The doctor: tries for real, leaves nothing changed, and is right about a process that may do less."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linkemu.access import doctor_trials as trials
from linkemu.access import packet
from linkemu.access.doctor import examine

LINKEMU = (sys.executable, "-m", "linkemu.cli.main")
DEMO = Path(__file__).resolve().parents[2] / "configs" / "demo.toml"


def asked(prepare: Callable[[], None]) -> tuple[int, Any]:
    """Exit code and document of the doctor in a process that ``prepare`` has changed."""
    done = subprocess.run(
        (*LINKEMU, "doctor", "--json"), preexec_fn=prepare, capture_output=True, text=True, timeout=60
    )
    return done.returncode, json.loads(done.stdout)


def without_rights() -> None:
    libc = ctypes.CDLL(None)
    for number in range(64):
        libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP, linux/prctl.h
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))


def test_every_mode_is_judged_by_what_was_found() -> None:
    diagnosis = examine()
    names = [each.name for each in diagnosis.findings]
    assert len(set(names)) == len(names)
    absent = {each.name for each in diagnosis.findings if each.verdict == "absent"}
    assert [mode.name for mode in diagnosis.modes] == ["run", "run --clock virtual", "proxy", "exec"]
    for mode in diagnosis.modes:
        assert mode.works == (not mode.why_not)
        assert set(mode.why_not) <= absent
    for finding in diagnosis.findings:
        assert finding.found
        assert (finding.fix is None) == (finding.verdict == "good"), finding


def test_nothing_is_changed() -> None:
    before = (os.sched_getscheduler(0), resource.getrlimit(resource.RLIMIT_NOFILE), descriptors())
    examine()
    assert (os.sched_getscheduler(0), resource.getrlimit(resource.RLIMIT_NOFILE), descriptors()) == before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_process_that_may_do_less_is_told_so() -> None:
    code, told = asked(without_rights)
    found = {each["name"]: each for each in told["findings"]}
    modes = {each["name"]: each for each in told["modes"]}
    assert found["open files"]["found"] == "512 now, 512 at most"
    assert found["SCHED_FIFO"]["verdict"] == "poor"
    assert "rtprio" in found["SCHED_FIFO"]["fix"]
    granted = trials.receive_buffer_bytes(packet.ENOUGH_BYTES)
    if "rmem_max" in (found["packet buffers"]["fix"] or ""):
        assert found["packet buffers"]["verdict"] == "poor"
    else:
        assert granted >= packet.ENOUGH_BYTES
    assert modes["run --clock virtual"]["works"]
    assert told["healthy"] == all(mode["works"] for mode in told["modes"]) == (code == 0)
    if modes["exec"]["works"]:
        pytest.skip("this machine grants networks to a process without any right")
    assert modes["exec"]["why_not"] == ["networks"]
    refused = subprocess.run(
        (*LINKEMU, "exec", str(DEMO), "--", "true"), preexec_fn=without_rights, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].endswith(found["networks"]["fix"])


def test_the_buffer_is_what_the_kernel_counts() -> None:
    assert trials.receive_buffer_bytes(1 << 16) == 1 << 16


def test_headroom_is_told_in_bits_of_each_door() -> None:
    (found,) = [each for each in examine().findings if each.name == "headroom"]
    proxy, within = re.findall(r"(\d+) (?:Gbit/s )?through (?:proxy|exec)", found.found)
    assert int(proxy) >= int(within)
    assert (found.fix is None) == (int(within) >= 10) or int(within) == 10  # rounded


def test_timers_are_late_and_never_early() -> None:
    p50_s, p99_s = trials.timer_lateness_s()
    assert 0.0 < p50_s <= p99_s


def test_loopback_carries_something() -> None:
    assert trials.tcp_rate_bps() > 1e7
    assert trials.udp_rate_pps() > 1e3
