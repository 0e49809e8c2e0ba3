"""Corrupt, cut, foreign and edited runs: one line that names the file, for any byte of any file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.errors import RecordError
from linkemu.record import files, opening


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, record) -> Path:
    directory = tmp_path_factory.mktemp("copies") / "small"
    shutil.copytree(record[0], directory)
    return directory


def every_file(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@contextmanager
def damaged(path: Path, data: bytes) -> Iterator[None]:
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(whole)


def complaint(directory: Path) -> RecordError:
    with pytest.raises(RecordError) as caught:
        opening.load(directory)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_whole_run_opens(copy: Path) -> None:
    assert opening.load(copy).is_complete
    held = set(opening.load(copy).manifest.files)
    assert {path.relative_to(copy).as_posix() for path in every_file(copy)} == held | {"manifest.json"}


@settings(deadline=None)
@given(st.data())
def test_a_flipped_bit_anywhere_is_blamed_on_its_file(copy: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([each for each in every_file(copy) if each.stat().st_size]))
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with damaged(path, bytes(whole)):
        assert complaint(copy).file == str(path)


@settings(deadline=None)
@given(st.data())
def test_a_file_cut_or_grown_anywhere_is_blamed(copy: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([each for each in every_file(copy) if each.stat().st_size]))
    whole = path.read_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with damaged(path, data.draw(st.sampled_from([cut, whole + b" ", whole + b"\n"]))):
        assert complaint(copy).file == str(path)


def test_a_missing_file_is_named(copy: Path) -> None:
    for path in every_file(copy):
        away = path.with_name("away")
        path.rename(away)
        try:
            problem = complaint(copy)
            assert path.name in str(problem)
        finally:
            away.rename(path)


def test_a_trace_says_which_record_was_changed(copy: Path) -> None:
    path = copy / "traces" / "run.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"what":"', b'"what":"x', 1)
    with damaged(path, b"".join(lines)):
        assert complaint(copy).line == 5


def test_files_of_nobody_are_ignored(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    (copy / "traces" / "stray.jsonl").write_text("nothing")
    try:
        assert opening.load(copy).traces() == ["run"]
    finally:
        (copy / "notes.txt").unlink()
        (copy / "traces" / "stray.jsonl").unlink()


def resealed(directory: Path, change) -> bytes:
    """The manifest edited by somebody who knows how to compute its digest."""
    content = json.loads((directory / "manifest.json").read_text())
    del content["digest"]
    change(content)
    digest = blake2b(files.encoded(content), digest_size=32).hexdigest()
    return files.encoded({**content, "digest": digest})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda m: m.update(version=2), "version 2 of recorded runs, this linkemu reads 1"),
        (lambda m: m.update(format="other"), "is not the manifest of a recorded run"),
        (lambda m: m.update(extra=1), "extra"),
        (lambda m: m.pop("clock"), "clock"),
        (lambda m: m.update(epoch="yesterday"), "epoch"),
        (lambda m: m["files"].pop("sky"), "has no sky"),
        (lambda m: m["files"].update({"../../etc/passwd": [1, "00"]}), "no file of the run"),
        (lambda m: m["origin"]["files"].update({"stations.tle": "/etc/passwd"}), "no file of the run"),
        (lambda m: m["origin"]["files"].clear(), "was kept with the scenario"),
        (lambda m: m["origin"]["changes"].update(seed="x"), "seed"),
        (lambda m: m.update(sky="00"), "isn't the sky whose digest"),
        (lambda m: m["traces"]["run"].update(records=3), "isn't the trace whose digest"),
        (lambda m: m.update(excerpts=[{"start_ns": 1}]), "can't be read"),
    ],
)
def test_an_edited_manifest_is_refused_with_the_reason(copy: Path, change, problem: str) -> None:
    with damaged(copy / "manifest.json", resealed(copy, change)):
        assert problem in str(complaint(copy))


def test_an_edit_by_hand_is_found_at_its_line(copy: Path) -> None:
    path = copy / "manifest.json"
    text = path.read_text()
    line = text.splitlines().index(' "seed": 7,') + 1
    with damaged(path, text.replace('"seed": 7', '"seed": 8').encode()):
        found = complaint(copy)
        assert found.line is not None
        assert found.line <= line, "the digest of the whole stands before it"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ({}, "expected a list"),
        ([{"link": 1, "direction": "up", "start_ns": 0}], "fault 1"),
        ([{"link": -1, "direction": "up", "start_ns": 0}], "fault 1"),
        ([{"link": 0, "direction": "left", "start_ns": 0}], "fault 1"),
        ([{"link": 0, "direction": "up", "start_ns": 5, "end_ns": 4}], "end_ns"),
        ([{"link": 0, "direction": "up", "start_ns": 5, "colour": 4}], "colour"),
    ],
)
def test_faults_that_are_none_are_refused(copy: Path, rows, problem: str) -> None:
    path = copy / "faults.json"
    data = files.encoded(rows)

    def change(content) -> None:
        content["files"]["faults.json"] = [len(data), blake2b(data, digest_size=32).hexdigest()]

    with damaged(path, data), damaged(copy / "manifest.json", resealed(copy, change)):
        assert problem in str(complaint(copy))


def test_what_is_no_run_at_all(tmp_path: Path) -> None:
    assert "is not a recorded run" in str(complaint(tmp_path))
    assert "absent: no such directory" in str(complaint(tmp_path / "absent"))
    (tmp_path / "manifest.json").write_text("[1]")
    assert "is not the manifest" in str(complaint(tmp_path))
    (tmp_path / "manifest.json").write_bytes(b"\xff")
    assert "is not UTF-8" in str(complaint(tmp_path))
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    assert "is not JSON" in str(complaint(tmp_path))
