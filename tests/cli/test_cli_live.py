"""Finding a session to talk to: one that is starting is waited for, and no order is given into the void."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from invoked import called, until

from linkemu.cli import live, ordering
from linkemu.errors import InputError, ResourceError
from linkemu.runtime.layout import Marker, RunDirectory
from linkemu.runtime.records import Records
from linkemu.runtime.timemap import Piece, TimeMap


def marker(directory: Path, broker: str | None = None) -> Marker:
    return Marker("s", directory, 1, "2024-05-10T00:00:00+00:00", 10.0, 1.0, broker)


def test_a_session_that_is_starting_is_waited_for_and_the_user_told(tmp_path, capsys):
    run = RunDirectory(tmp_path / "demo")
    found: list[Marker] = []
    finding = threading.Thread(target=lambda: found.append(live.session(tmp_path)))
    said: list[str] = []
    with run.held():
        finding.start()
        until(lambda: said.append(capsys.readouterr().err) or any(said))
        assert found == []
        marker(run.root).write()
        finding.join(60)
    assert found == [marker(run.root)]
    assert "".join(said) == f"linkemu: {tmp_path}: a session is starting here; waiting for it\n"


def test_a_session_that_starts_for_too_long_is_one_line_more(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "START_S", 0.0)
    with RunDirectory(tmp_path).held():
        done = called("status", "--dir", tmp_path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"linkemu: {tmp_path}: a session is starting here; waiting for it",
        f"linkemu: {tmp_path}: the session is still starting after 0 s",
    ]


def test_an_order_says_what_it_waited_for_in_vain(tmp_path, monkeypatch):
    monkeypatch.setattr(ordering, "ANSWER_S", 0.1)
    nobody = marker(tmp_path, "mqtt://127.0.0.1:9")
    with pytest.raises(ResourceError, match=r"scenario time has not begun, for 0\.1 s now"):
        ordering.give(nobody, "node", {})
    Records(tmp_path / "emulator").keep_time_map(TimeMap((Piece(0, 0),)))
    with pytest.raises(ResourceError, match=r"the emulator doesn't say that it is up, for 0\.1 s now"):
        ordering.give(nobody, "fault", {})
    with pytest.raises(InputError, match="no broker"):
        ordering.give(marker(tmp_path), "fault", {})
