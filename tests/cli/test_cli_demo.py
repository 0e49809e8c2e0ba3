"""The demonstration as a user runs it, and its judge on made-up runs."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from invoked import processes_that_mention, refusal, running, until

from linkemu.cli import verdict
from linkemu.link.timeline import Cause, Sky, constant
from linkemu.machine import Direction
from linkemu.runtime.session import Outcome
from linkemu.telemetry import TransferState

SKY = Sky.of(
    constant("koganei", "iss", Direction.UP, 8_000_000, 0.002, 20.0, dark=[(4.0, 10.0, Cause.CLOUD)]),
    constant("koganei", "iss", Direction.DOWN, 80_000_000, 0.002, 20.0),
)
UP = {"spooled": 0.5, "sending": 2.0, "in orbit": 12.0, "verified": 12.1}
DOWN = {"requested": 12.2, "receiving": 12.3, "verified": 13.3}


def transfer(action="put", state="verified", resent=0):
    return TransferState(
        node="koganei",
        id=action,
        action=action,
        name="f",
        satellite="iss",
        state=state,
        at_s=13.0,
        size_bytes=2_000_000,
        done_bytes=2_000_000,
        times=UP if action == "put" else DOWN,
        repaired_bytes=17,
        resent_chunks=resent,
    )


def judged(*transfers, landed="aa"):
    return verdict.judge(Outcome("demo", Path("x"), "done", transfers, None), SKY, "aa", landed)


def test_available_capacity_leaves_out_the_cloud():
    up, down = judged(transfer(), transfer("get")).legs
    assert up.available_bytes == 4_000_000  # 4 s of 1 MB/s out of 10 s
    assert up.efficiency == 0.5
    assert down.available_bytes == 10_000_000
    assert (up.repaired_bytes, up.resent_chunks) == (17, 0)


def test_all_must_be_well():
    assert judged(transfer(), transfer("get")).ok
    assert not judged(transfer(), transfer("get"), landed="bb").ok
    assert not judged(transfer(), transfer("get"), landed=None).ok
    assert not judged(transfer(resent=1), transfer("get")).ok
    assert not judged(transfer(), transfer("get", state="receiving")).ok


def test_a_size_needs_a_unit():
    assert "--size" in refusal("demo", "--size", "64")


@pytest.mark.acceptance
def test_the_demo(tmp_path, monkeypatch):
    """A real pass, an interrupted upload, the same bytes back; nothing is left behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    began = time.monotonic()
    with running(tmp_path, "demo", "--json") as process:
        stdout, _ = process.communicate(timeout=90)
    took_s = time.monotonic() - began
    told = json.loads(stdout)
    lines = (tmp_path / "stderr.txt").read_text()
    assert process.returncode == 0, lines
    assert told["ok"] is True
    assert told["sent_sha256"] == told["landed_sha256"]
    up, down = told["legs"]
    assert up["way"] == "up"
    assert down["way"] == "down"
    assert up["size_bytes"] == down["size_bytes"] >= 64 * 2**20
    assert up["resent_chunks"] == down["resent_chunks"] == 0
    assert up["repaired_bytes"] > 0
    assert up["began_s"] < 5.0 < 11.0 < up["ended_s"]  # the cloud of 5 s to 11 s came in its middle
    assert 0.5 < up["efficiency"] < 1.0
    assert told["fidelity"]["links"][0]["delay_error_p50_s"] < 0.01
    assert "cloud, not known in advance" in lines
    assert took_s < 60.0
    assert processes_that_mention(str(tmp_path)) == []
    assert [each.name for each in tmp_path.iterdir()] == ["stderr.txt"]


@pytest.mark.acceptance
def test_the_demo_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(tmp_path, "demo") as process:
        until(lambda: processes_that_mention(str(tmp_path)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
    assert processes_that_mention(str(tmp_path)) == []
    assert [each.name for each in tmp_path.iterdir()] == ["stderr.txt"]
