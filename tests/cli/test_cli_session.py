"""run, put, get, ls and status against each other: one real session in processes for all tests here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
from pathlib import Path

import pytest
from invoked import (
    called,
    examples,
    processes_that_mention,
    running,
    scenario,
    until,
)

pytestmark = pytest.mark.acceptance

CONTENT = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory in which a session runs, 12 s into whose time the satellite is in sight already."""
    place = tmp_path_factory.mktemp("session")
    (place / "photo.raw").write_bytes(CONTENT)
    (place / "notes.txt").write_text("first light\n")
    path = scenario(place, 110)
    with running(place, "run", path.name, "--json", "--dir", ".linkemu/demo") as process:
        until(lambda: (place / ".linkemu" / "demo" / "session.json").exists() or process.poll() is not None)
        assert process.poll() is None, (place / "stderr.txt").read_text()
        until(lambda: "door open" in (place / "stderr.txt").read_text())
        yield place
        process.send_signal(signal.SIGINT)
        until(lambda: not (place / ".linkemu" / "demo" / "session.json").exists())
        process.send_signal(signal.SIGINT)  # while it writes its report, if it hasn't ended
        stdout, _ = process.communicate(timeout=30)
        told = json.loads(stdout)
        assert process.returncode == 130
        assert told["reason"] == "stopped"
        assert {each["name"] for each in told["transfers"]} >= {"photo.raw", "notes.txt"}
        assert all(each["resent_chunks"] == 0 for each in told["transfers"])
        assert told["fidelity"]["links"]
    assert processes_that_mention(str(place)) == []
    assert not (place / ".linkemu" / "demo" / "session.json").exists()


def said(place, *arguments):
    """A command, as if given in ``place``."""
    with contextlib.chdir(place):
        return called(*arguments)


def told(place, *arguments):
    done = said(place, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def refused(place, *arguments, code=2):
    done = said(place, *arguments)
    assert done.exit_code == code
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr.removeprefix("linkemu: ")


@pytest.fixture(scope="module")
def sent(place):
    """The photo, put and verified in orbit."""
    return told(place, "put", "photo.raw", "--wait", "--timeout", "60")


def test_put_gives_custody(sent, place):
    assert sent["state"] == "verified"
    assert sent["station"] == "koganei"
    assert sent["satellite"] == "iss"
    assert sent["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert sent["size_bytes"] == sent["done_bytes"] == len(CONTENT)
    assert set(sent["times"]) == {"spooled", "sending", "in orbit", "verified"}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/custody/put-[0-9a-f]+", sent["url"])


def test_get_brings_the_same_bytes(sent, place):
    answer = told(place, "get", "photo.raw", "-o", "copy.raw")
    assert (place / "copy.raw").read_bytes() == CONTENT
    assert answer["sha256"] == sent["sha256"]
    assert not (place / "copy.raw.part").exists()


def test_a_file_that_was_not_there_can_be_had_later(sent, place):
    assert "no such file in orbit" in refused(place, "get", "later.txt", code=1)
    told(place, "put", "notes.txt", "--name", "later.txt", "--wait")
    told(place, "get", "later.txt", "-o", "later.txt")
    assert (place / "later.txt").read_text() == "first light\n"


def test_ls_lists_custody_and_orbit(sent, place):
    rows = told(place, "ls")
    assert ("put", "photo.raw", "verified") in {(row["action"], row["name"], row["state"]) for row in rows}
    orbit = told(place, "ls", "--orbit", "--timeout", "60")
    assert {"photo.raw": sent["sha256"]}.items() <= {row["name"]: row["sha256"] for row in orbit}.items()
    assert told(place, "ls", "--satellite", "mir") == []


def test_status_tells_processes_links_and_transfers(sent, place):
    now = told(place, "status")
    assert set(now["processes"]) == {"broker", "emulator", "koganei", "iss"}
    assert all(Path(f"/proc/{pid}").exists() for pid in now["processes"].values())
    assert len(set(now["processes"].values())) == 4
    (link,) = now["links"]
    assert link["up"]["rate_bps"] == 155_000_000
    assert link["down"]["rate_bps"] == 1_244_000_000
    assert 500e3 < link["range_m"] < 700e3
    assert link["up"]["delay_s"] == pytest.approx(link["range_m"] / 299_792_458, rel=0.01)
    assert {each["node"]: each["state"] for each in now["nodes"]}["iss"] == "up"
    text = said(place, "status").stdout
    assert "koganei ⇄ iss" in text
    assert "155.0 Mbit/s" in text


def test_another_content_of_the_same_name_is_refused(sent, place):
    (place / "other").write_bytes(b"something else")
    assert "another content" in refused(place, "put", "other", "--name", "photo.raw")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("put", "nowhere.raw"), 2, "nowhere.raw: no such file"),
        (("put", "."), 2, ".: not a file"),
        (
            ("put", "photo.raw", "--station", "mars"),
            2,
            "--station: mars has no door here; there are: koganei",
        ),
        (("put", "photo.raw", "--satellite", "mir", "--name", "m"), 2, "no link from koganei"),
        (("put", "photo.raw", "--priority", "256"), 2, "--priority: 256 is out of range"),
        (("get", "nothing.raw", "--timeout", "30"), 1, "nothing.raw: failed: no such file in orbit"),
        (("get", "photo.raw", "-o", "no/where"), 2, "no/where: no such directory"),
        (("ls", "--station", "mars"), 2, "--station: mars has no door here"),
        (("status", "--dir", "elsewhere"), 2, "no session runs here"),
        (("run", "short.toml", "--dir", ".linkemu/demo"), 1, "a session is running in this directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input(arguments, code, words, place, sent):
    assert words in refused(place, *arguments, code=code)


@pytest.mark.parametrize(
    "line", [each for command in ("put", "get", "ls", "status") for each in examples(command)], ids=" ".join
)
def test_examples(line, place, sent):
    done = said(place, *line)
    assert done.exit_code == 0, done.stderr
    assert done.stdout
