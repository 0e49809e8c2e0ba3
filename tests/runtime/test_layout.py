"""The run directory: one session at a time, a marker that only counts while its session lives."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from linkemu.errors import InputError, ResourceError
from linkemu.runtime.layout import MARKER, Marker, RunDirectory, find, is_starting


def _marker(directory: RunDirectory) -> Marker:
    return Marker(
        scenario="s",
        directory=directory.root,
        pid=1,
        epoch="2024-05-10T00:00:00+00:00",
        duration_s=10.0,
        rate=1.0,
        broker="mqtt://u:secret@h",
        doors={"koganei": ("127.0.0.1", 80)},
        processes={"emulator": 2},
    )


def test_a_live_session_is_found_from_its_directory_and_from_above(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "runs" / "demo")
    with run.held():
        _marker(run).write()
        assert find(run.root) == find(tmp_path / "runs") == _marker(run)
        assert (run.root / MARKER).stat().st_mode & 0o077 == 0
    assert not (run.root / MARKER).exists()


def test_two_live_sessions_below_one_directory_must_be_told_apart(tmp_path: Path) -> None:
    one, other = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "other")
    with one.held(), other.held():
        _marker(one).write()
        _marker(other).write()
        with pytest.raises(InputError, match="--dir"):
            find(tmp_path)


def test_the_marker_of_a_killed_session_is_none(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.held():
        _marker(run).write()
        left = (run.root / MARKER).read_bytes()
    (run.root / MARKER).write_bytes(left)  # as kill -9 leaves it: the marker stays, the lock goes
    with pytest.raises(InputError, match="no session runs"):
        find(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"scenario": 1}'])
def test_a_marker_of_garbage_is_none(tmp_path: Path, content: bytes) -> None:
    with RunDirectory(tmp_path).held():
        (tmp_path / MARKER).write_bytes(content)
        with pytest.raises(InputError):
            find(tmp_path)


def _hold(
    path: Path, ready: multiprocessing.synchronize.Event, end: multiprocessing.synchronize.Event
) -> None:
    with RunDirectory(path).held():
        ready.set()
        end.wait(20)


def test_a_directory_held_by_another_process_is_refused(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready, end))
    holder.start()
    try:
        assert ready.wait(10)
        with pytest.raises(ResourceError, match="a session is running"), RunDirectory(tmp_path).held():
            pytest.fail("held twice")
    finally:
        end.set()
        holder.join()
    with RunDirectory(tmp_path).held():
        pass


def test_preparing_keeps_what_nodes_have_stored_unless_it_shall_be_fresh(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.prepare(fresh=False)
    stored, told = run.node_root("iss") / "chunk", run.emulator / "fidelity.json"
    stored.parent.mkdir()
    for path in (stored, told):
        path.write_text("x")
    run.prepare(fresh=False)
    assert stored.exists()
    assert not told.exists()
    run.prepare(fresh=True)
    assert not stored.exists()


def test_a_place_that_can_not_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError), RunDirectory(tmp_path / "file" / "run").held():
        pytest.fail("held under a file")


def test_nothing_that_an_earlier_run_was_struck_with_is_told_of_the_next(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.prepare(fresh=False)
    run.node_faults.write_text("{}\n")
    (run.state / "kept").write_bytes(b"x")
    run.prepare(fresh=False)
    assert not run.node_faults.exists() and (run.state / "kept").exists()
    run.prepare(fresh=True)
    assert list(run.state.iterdir()) == []


def test_a_session_is_starting_until_its_marker_is_there(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "runs" / "demo")
    places = (run.root, tmp_path / "runs")
    assert [is_starting(place) for place in places] == [False, False]
    with run.held():
        assert [is_starting(place) for place in places] == [True, True]
        assert not is_starting(tmp_path)
        _marker(run).write()
        assert [is_starting(place) for place in places] == [False, False]
    assert [is_starting(place) for place in places] == [False, False]


def test_a_refused_second_session_leaves_the_first_one_starting(tmp_path: Path) -> None:
    with RunDirectory(tmp_path).held():
        with pytest.raises(ResourceError), RunDirectory(tmp_path).held():
            pytest.fail("held twice")
        assert is_starting(tmp_path)


def test_what_a_killed_session_has_left_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.held():
        _marker(run).write()
        left = [(path, path.read_bytes()) for path in (run.root / MARKER, run.root / "lock")]
    for path, content in left:  # as kill -9 leaves them
        path.write_bytes(content)
    assert not is_starting(tmp_path)
    with run.held():
        assert is_starting(tmp_path)
        with pytest.raises(InputError, match="no session runs"):
            find(tmp_path)
