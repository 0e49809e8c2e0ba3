"""The sample repository: its naive uploader fails under its skies, the fixed one passes all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "uploader"
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


def test_the_page_leads_from_nothing_to_a_failing_and_then_a_fixed_client(pytester):
    page = (ROOT / "docs" / "testing-clients.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    source = "".join(blocks[:2])
    pytester.makepyfile(test_upload=source)
    failing = pytester.runpytest_subprocess("-n", "2", timeout=90)
    failing.assert_outcomes(passed=1, failed=1)
    failing.stdout.fnmatch_lines(
        ["*TimeoutError*", "sky: figures, no chance in it, *", "again: pytest 'test_upload.py*"]
    )
    assert "timeout=4" in source
    pytester.makepyfile(test_upload=source.replace("timeout=4", "timeout=60"))
    pytester.runpytest_subprocess("-k", "cloud", timeout=90).assert_outcomes(passed=1)
