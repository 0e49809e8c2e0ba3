"""Files of a run: their bytes are on the disk before they have their name, and the name before they count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linkemu.errors import InputError, RecordError, ResourceError
from linkemu.record import chain, files


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes | list[str]]]:
    """Name and content of each file, or directory, as it is synced, which it really is."""
    seen: list[tuple[str, bytes | list[str]]] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        content = [each.name for each in path.iterdir()] if path.is_dir() else path.read_bytes()
        seen.append((path.name, content))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return seen


def test_bytes_are_durable_before_they_have_their_name(
    tmp_path: Path, synced: list[tuple[str, bytes | list[str]]]
) -> None:
    path = tmp_path / "deep" / "a.json"
    for content in (b"old", b"new"):
        files.put(path, content)
        assert path.read_bytes() == content
    named = ("deep", ["a.json"])
    assert synced == [("a.json.tmp", b"old"), named, ("a.json.tmp", b"new"), named]


def test_a_trace_is_durable_once_it_is_closed(
    tmp_path: Path, synced: list[tuple[str, bytes | list[str]]]
) -> None:
    writer = chain.ChainWriter(tmp_path / "run.jsonl")
    writer.write('{"t":1,"who":"a","what":"b"}')
    writer.close()
    assert synced == [("run.jsonl", (tmp_path / "run.jsonl").read_bytes())]
    assert len(chain.read(tmp_path / "run.jsonl").events) == 1


def test_a_document_has_no_number_that_json_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.put_document(tmp_path / "a.json", {"figure": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_whose_fault_it_is_that_a_file_cant_be_kept(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(b"x")
    (tmp_path / "wall").write_bytes(b"")
    with pytest.raises(InputError, match="absent"):
        files.keep(tmp_path / "absent", tmp_path / "kept")
    with pytest.raises(ResourceError, match="wall"):
        files.keep(tmp_path / "given", tmp_path / "wall" / "kept")
    with pytest.raises(ResourceError, match="wall"):
        files.put(tmp_path / "wall" / "put", b"x")
    with pytest.raises(RecordError, match="absent"):
        files.summed(tmp_path / "absent")
