"""The sample repository: its naive uploader fails under its skies, the fixed one passes all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

SAMPLE = Path(__file__).parents[2] / "examples" / "uploader"
HARMLESS = {"test_clear_sky", "test_fade_train"}  # the modem deals with it


@pytest.mark.timeout(300)
def test_the_naive_uploader_fails_and_the_fixed_one_passes_everything(tmp_path):
    options = ("-n", "6", "-p", "no:cacheprovider", "--linkemu-artefacts", str(tmp_path / "rooms"), "-rA")
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests/test_uploads.py",
            *options,
            f"--basetemp={tmp_path / 'base'}",
        ],
        cwd=SAMPLE,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    ended = re.findall(r"^(PASSED|FAILED|ERROR) tests/test_uploads.py::(\w+)\[(\w+)\]", run.stdout, re.M)
    naive = {test: how for how, test, client in ended if client == "naive"}
    resuming = {test: how for how, test, client in ended if client == "resuming"}
    assert len(naive) == len(resuming) == 11, run.stdout
    assert set(resuming.values()) == {"PASSED"}, run.stdout
    assert {test for test, how in naive.items() if how == "PASSED"} == HARMLESS, run.stdout
    assert set(naive.values()) == {"PASSED", "FAILED"}, run.stdout
    assert len(list((tmp_path / "rooms").iterdir())) == 22
