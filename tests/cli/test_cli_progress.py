"""How far it is: a bar on a terminal, a line now and then elsewhere, and no line of what is soon done."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from linkemu.cli import output, progress


def told(what: str) -> None:
    with progress.shown(what) as tell:
        tell(0.25, "10 of 40")
        tell(1.0, "40 of 40")


def test_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told("seeds")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    told("seeds")
    assert capsys.readouterr() == ("", "linkemu: seeds: 25 %, 10 of 40\nlinkemu: seeds: 100 %, 40 of 40\n")


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    drawn = io.StringIO()
    terminal = Console(file=drawn, force_terminal=True, width=100, _environ={"TERM": "xterm-256color"})
    monkeypatch.setattr(output, "notices", lambda: terminal)
    told("seeds")
    assert "seeds" in drawn.getvalue()
    assert "40 of 40" in drawn.getvalue()
    assert capsys.readouterr() == ("", "")
