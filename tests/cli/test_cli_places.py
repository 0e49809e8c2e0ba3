"""Where results go: refused before anything is computed; and a stdout that takes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from invoked import LINKEMU, ROOT, refusal


@pytest.mark.parametrize(
    ("command", "option", "name", "said"),
    [
        ("forecast demo", "--out", "", "{place}: is a directory"),
        ("forecast demo", "--out", "none/x.sky", "{place}/none/x.sky: its directory doesn't exist"),
        ("export demo", "--out", "none/x.csv", "{place}/none/x.csv: its directory doesn't exist"),
        ("plot pass demo", "--out", "none/x.svg", "{place}/none/x.svg: its directory doesn't exist"),
        ("exec demo", "--json", "none/x.json", "{place}/none/x.json: its directory doesn't exist"),
        ("exec demo", "--control-file", "none/x.json", "{place}/none/x.json: its directory doesn't exist"),
        ("proxy demo --to h:1", "--control-file", "", "{place}: is a directory"),
        ("import absent.ionrc", "--out", "none/x.sky", "{place}/none/x.sky: its directory doesn't exist"),
        ("import absent.ionrc --out x.sky", "--plans", "file", "{place}/file: is not a directory"),
        ("run demo", "--dir", "file", "{place}/file: is not a directory"),
        ("run demo --clock virtual", "--dir", "file/x", "{place}/file: is not a directory"),
        ("replay recorded", "--dir", "file", "{place}/file: is not a directory"),
        ("campaign demo", "--keep", "file/cases", "{place}/file: is not a directory"),
    ],
)
def test_a_place_that_cant_be_is_one_line(
    command: str, option: str, name: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    rest = ("--", "true") if command.startswith("exec") else ()
    told = refusal(*command.split(), option, tmp_path / name, *rest)
    assert told == f"{option}: {said.format(place=tmp_path)}"


def test_a_demo_that_no_disk_holds_is_one_line() -> None:
    assert refusal("demo", "--size", "1e15 GB").startswith("--size: it takes four times as much disk, and")


@pytest.mark.parametrize("words", [["--help"], ["passes", "--help"], ["scenarios"], ["scenarios", "--json"]])
def test_a_full_stdout_is_one_line(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = _ended(words, stdout=full)
    assert (done.returncode, done.stderr) == (1, "linkemu: output: No space left on device\n")


@pytest.mark.parametrize("closed", [1, 2])
def test_a_stream_that_was_closed_is_nobodys_trouble(closed: int) -> None:
    done = _ended(["scenarios", "ack-path-only"], stdout=subprocess.PIPE, preexec_fn=lambda: os.close(closed))
    assert (done.returncode, done.stderr) == (0, "")


def _ended(words: list[str], **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LINKEMU, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=120, check=False, **more
    )
