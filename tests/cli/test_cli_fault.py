"""``linkemu fault`` on a session in processes: kills, freezes, losses; the schedule; what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from invoked import called, processes_that_mention, running, scenario, until

from linkemu.link.timeline import Sky
from linkemu.runtime.layout import find
from linkemu.runtime.records import Records
from linkemu.schedule import Schedule

pytestmark = pytest.mark.acceptance

SCHEDULED = """
[[fault]]
kind = "duplicate"
station = "koganei"
satellite = "iss"
start = "0 s"
duration = "300 s"
every = 5

[[fault]]
kind = "freeze"
node = "koganei"
start = "1 s"
duration = "300 ms"

[[fault]]
kind = "clock"
node = "iss"
shift = "-2 s"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("faulted")
    (place / "photo.raw").write_bytes(os.urandom(2_000_000))
    path = scenario(place, 110, SCHEDULED)
    with running(place, "run", path.name, "--json", "--dir", ".linkemu/demo") as process:
        lock = place / ".linkemu" / "demo" / "lock"
        until(lambda: process.poll() is not None or (lock.exists() and lock.stat().st_size))
        assert process.poll() is None, (place / "stderr.txt").read_text()
        early = ("--kind", "blackhole", "--direction", "down", "--for", "1ms", "--name", "early")
        done = said(place, "fault", *early)
        assert done.exit_code == 0, done.stderr
        yield place
        process.send_signal(2)
        outcome = json.loads(process.communicate(timeout=30)[0])
        assert outcome["reason"] == "stopped" and outcome["fidelity"]["links"]
        assert not any(each["dark_frames"] for each in outcome["fidelity"]["links"])
    assert processes_that_mention(str(place)) == []


def said(place: Path, *arguments: object) -> Any:
    with contextlib.chdir(place):
        return called(*arguments)


def told(place: Path, *arguments: object) -> Any:
    done = said(place, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def state_of(pid: int) -> str:
    """Of a process, as the kernel names it: T for one that is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_fault_that_is_ordered_while_the_session_starts_waits_and_acts(place):
    journal = (place / ".linkemu" / "demo" / "emulator" / "overlays.jsonl").read_text()
    [early] = [
        row
        for line in journal.splitlines()
        for row in json.loads(line)["overlays"]
        if row.get("name") == "early"
    ]
    assert (early["direction"], early["erase_slots"]) == ("down", {"every": 1})


def test_the_schedule_is_there_from_the_beginning(place):
    state = place / ".linkemu" / "demo"
    [(key, overlay)] = [each for each in Records(state / "emulator").overlays() if each[0][1].value == "up"]
    assert (key[0], overlay.name, overlay.end_ns) == (0, "fault 0 duplicate", 300 * 10**9)
    settings = json.loads((state / "node-files" / "iss.json").read_text())["settings"]
    assert [each["kind"] for each in settings["faults"]] == ["clock"]
    assert len(Schedule.of(Sky.load(state / "sky")).nodes) == 2
    until(lambda: (state / "node-faults.jsonl").exists())
    frozen = json.loads((state / "node-faults.jsonl").read_text().splitlines()[0])
    assert frozen["node"] == "koganei" and 1.0 <= frozen["start_ns"] / 1e9 < 5.0
    assert frozen["end_ns"] == 1_300_000_000


def test_a_file_goes_up_though_the_satellite_is_frozen_and_killed_and_light_is_lost(place):
    session = find(place / ".linkemu" / "demo")
    [frozen] = told(place, "fault", "--kind", "freeze", "--node", "iss", "--for", "2s")["effective"]
    until(lambda: state_of(session.processes["iss"]) == "T")
    said(place, "put", "photo.raw")
    lost = told(place, "fault", "--kind", "loss", "--every", "7", "--of", "datagrams", "--name", "some")[
        "effective"
    ]
    assert [(each["direction"], each["erase_datagrams"]) for each in lost] == [
        ("up", {"every": 7}),
        ("down", {"every": 7}),
    ]
    assert lost[0]["start_ns"] == lost[1]["start_ns"] and lost[0]["start_ns"] % 1_000_000 == 0
    until(lambda: state_of(session.processes["iss"]) != "T")
    [killed] = told(place, "fault", "--kind", "kill", "--node", "iss", "--for", "1s")["effective"]
    until(
        lambda: find(place / ".linkemu" / "demo").processes.get("iss") not in (None, session.processes["iss"])
    )
    done = said(place, "put", "photo.raw", "--wait", "--timeout", "60")
    assert done.exit_code == 0, done.stderr
    [up, down] = told(place, "fault", "--lift", "some")["effective"]
    assert (up["station"], up["satellite"], up["direction"]) == ("koganei", "iss", "up")
    assert up["end_ns"] == down["end_ns"] > lost[0]["start_ns"]
    journal = (place / ".linkemu" / "demo" / "node-faults.jsonl").read_text().splitlines()
    kinds = [(each["kind"], each["node"]) for each in map(json.loads, journal)]
    assert kinds[1:] == [("freeze", "iss"), ("kill", "iss")]
    assert frozen["end_ns"] - frozen["start_ns"] == 2 * 10**9 and killed["start_ns"] > frozen["end_ns"]
    standing = [each for _, each in Records(place / ".linkemu" / "demo" / "emulator").overlays()]
    assert {each.end_ns for each in standing if each.name == "some"} == {up["end_ns"]}


def test_what_is_to_be_lifted_must_be_there(place):
    told(place, "fault", "--kind", "delay", "--delay", "1ms", "--name", "late")
    done = said(place, "fault", "--lift", "some")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ("linkemu: fault: no fault is named 'some'; there are: fault 0 duplicate, late\n")
    lifted = told(place, "fault", "--lift", "all")["effective"]
    assert [(each["name"], each["station"], each["satellite"], each["direction"]) for each in lifted] == [
        (name, "koganei", "iss", way) for way in ("up", "down") for name in ("fault 0 duplicate", "late")
    ]
    assert said(place, "fault", "--lift", "all").stdout == "nothing to lift\n"
    assert "there are: none at all" in said(place, "fault", "--lift", "late").stderr


def test_an_outage_is_told_in_words(place):
    done = said(
        place, "fault", "--kind", "outage", "--link", "koganei:iss", "--direction", "up", "--for", "1ms"
    )
    assert re.fullmatch(r"outage-\w{6}: koganei:iss up, from \d+\.\d{3} s to \d+\.\d{3} s\n", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--kind kill --node mars", "there is no node mars"),
        ("--kind kill", "--node: kill takes the name of a node"),
        ("--kind loss --node iss", "--node: loss is a fault of a link"),
        ("--kind outage --link koganei:moon", "there is no link koganei:moon; there are: koganei:iss"),
        ("--kind rate-cap", "--rate: is missing, which rate-cap needs"),
        ("--kind outage --every 3", "--every: is no figure of outage"),
        ("--kind loss --every 3 --share 0.5", "either --every or --share"),
        ("--kind loss --share 0", "share"),
        ("--kind outage --for 5", '--for: "5" has no unit'),
        ("--kind outage --lift x", "expected either --kind or --lift"),
        ("--lift all --link koganei:iss", "--link: has no meaning with --lift"),
        ("--kind freeze --node iss --every 3", "--every: is of faults of links, and freeze is one of a node"),
        ("", "expected either --kind or --lift"),
    ],
)
def test_what_is_wrong_is_one_line(place, arguments, complaint):
    done = said(place, "fault", *arguments.split())
    assert done.exit_code == 2 and complaint in done.stderr and done.stderr.count("\n") == 1


def test_without_a_session_there_is_nothing_to_fault(tmp_path):
    done = said(tmp_path, "fault", "--kind", "outage")
    assert done.exit_code == 2 and "no session runs here" in done.stderr
