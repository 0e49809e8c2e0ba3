"""The bench of goodput goes on working: small here, and no figure of time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

BENCH = Path(__file__).parents[2] / "bench" / "goodput.py"


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
