"""A file handed over by curl while no satellite is in view: taken, waiting, across, as its address says.

The pass is the demo's, from well before its rise; the wait is skipped, the pass is played in real time.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linkemu.runtime.layout import find
from tests.cli.invoked import document, processes_that_mention, running, scenario, until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

CURL = shutil.which("curl")
SIZE = 24 * 2**20
STEPS = ["spooled", "sending", "in orbit", "verified"]
START = "2024-05-10T18:47:00Z"  # 2 min before the ISS rises over the mask of 20 deg


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert CURL is not None
    return subprocess.run(
        [CURL, "--silent", "--show-error", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in which a session runs that began in the dark."""
    if CURL is None:
        pytest.skip("curl is not on PATH")
    path = scenario(tmp_path, 300)
    path.write_text(path.read_text().replace("2024-05-10T18:50:34Z", START))
    (tmp_path / "photo.raw").write_bytes(random.Random(3).randbytes(SIZE))
    with running(tmp_path, "run", path.name, "--skip-gaps", "--json", "--dir", "run") as process:
        until(lambda: (tmp_path / "run" / "session.json").exists() or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "stderr.txt").read_text()
        until(lambda: "koganei" in find(tmp_path / "run").doors)
        yield tmp_path
    assert processes_that_mention(str(tmp_path)) == []


def test_curl_puts_a_file_in_the_dark_and_reads_its_custody_at_each_step(place: Path) -> None:
    digest = hashlib.sha256((place / "photo.raw").read_bytes()).hexdigest()
    host, port = find(place / "run").doors["koganei"]
    door = f"http://{host}:{port}"
    answer = ("--write-out", "\n%{http_code} %header{location}")
    patient = ("--retry", "10", "--retry-connrefused", "--retry-delay", "1")
    put = curl(*patient, *answer, "--upload-file", str(place / "photo.raw"), f"{door}/files/iss/photo.raw")
    *body, last = put.stdout.splitlines()
    status, location = last.split()
    told: dict[str, Any] = json.loads("\n".join(body))
    assert status == "202"
    assert location == told["location"] == f"/custody/{told['id']}"
    assert (told["state"], told["done_bytes"], told["sha256"]) == ("spooled", 0, digest)
    window = told["next_window"]
    assert not window["open"], "no satellite is in view"
    assert window["expected_bytes"] > SIZE
    seen = [told]
    while seen[-1]["state"] != "verified":
        seen.append(json.loads(curl(door + location).stdout))
        assert seen[-1]["state"] in STEPS, seen[-1]
    states = [each["state"] for each in seen]
    assert states == sorted(states, key=STEPS.index), "custody never goes back"
    assert {"spooled", "sending", "verified"} <= set(states)
    assert all(list(each["times"]) == STEPS[: 1 + STEPS.index(each["state"])] for each in seen)
    done = [each["done_bytes"] for each in seen]
    assert done == sorted(done)
    assert 0 < done[len(done) - 2] <= done[-1] == SIZE
    at = {step: moment["scenario_s"] for step, moment in seen[-1]["times"].items()}
    assert at["spooled"] < window["start"]["scenario_s"] <= at["sending"]
    assert at["sending"] <= at["in orbit"] <= at["verified"] < window["end"]["scenario_s"]
    assert seen[-1]["sha256"] == digest
    orbit = document("ls", "--orbit", "--timeout", "30", "--dir", place / "run")
    assert [(row["name"], row["sha256"]) for row in orbit] == [("photo.raw", digest)]
