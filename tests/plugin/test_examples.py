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


CATALOGUE = {path.stem for path in (ROOT / "configs" / "scenarios").glob("*.toml")}
TELLING = {"los-mid-chunk", "reset-mid-stream", "refuse-at-aos", "half-open-after-los"}  # for the naive one
NOT_OF_STREAMS = 14  # cases of datagrams and of nodes


@pytest.mark.timeout(600)  # against a hang: it takes less than a minute on a quiet machine
def test_the_naive_uploader_fails_and_the_fixed_one_passes_everything(tmp_path):
    ended = _run_sample(tmp_path, "test_uploads or resuming or " + " or ".join(TELLING))
    own = {key: how for key, how in ended.items() if key[0] != "test_catalogue"}
    naive = {test for (test, _, client), how in own.items() if client == "naive" and how == "PASSED"}
    assert len(own) == 22
    assert naive == HARMLESS, ended
    assert {how for (_, _, client), how in ended.items() if client == "resuming"} == {"PASSED"}, ended
    met = {case for (test, case, client) in ended if test == "test_catalogue" and client == "resuming"}
    assert met <= CATALOGUE and len(met) == max(0, len(CATALOGUE) - NOT_OF_STREAMS)
    failed = {case for (_, case, client), how in ended.items() if client == "naive" and how == "FAILED"}
    assert failed >= TELLING & CATALOGUE, ended
    assert "ERROR" not in ended.values(), ended


def _run_sample(room: Path, chosen: str) -> dict[tuple[str, str, str], str]:
    """How each test of the sample repository has ended, by test, case and client."""
    options = ("-n", "10", "--dist", "worksteal", "-p", "no:cacheprovider", "-rA", "-k", chosen)
    rooms = ("--linkemu-artefacts", str(room / "rooms"), f"--basetemp={room / 'base'}")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *rooms],
        cwd=SAMPLE,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR) tests/\w+.py::(\w+)\[(?:(.+)-)?(\w+)\]", run.stdout, re.M)
    assert found, run.stdout + run.stderr
    return {(test, case, client): how for how, test, case, client in found}


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
