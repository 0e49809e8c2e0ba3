"""A door's report as a person reads it."""

from __future__ import annotations

import pytest

from linkemu.access.gauge import DoorReport, WayReport
from linkemu.cli.proxy import show


def test_a_report_fits_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    up = WayReport(
        "up", 0, 123_456_789, 0, (0.001_789, 0.002_077), 1e-4, 1e-3, 1e-2, 155e6, 154.9e6, 1234567, 0, 7654321
    )
    report = DoorReport(
        "127.0.0.1:40123", "127.0.0.1:80", "tcp", "koganei - iss", "hold", 75.0, 75.0, (up,), 1
    )
    show(report)
    shown = capsys.readouterr().out
    assert "…" not in shown and max(map(len, shown.splitlines())) <= 80
    for figure in (
        "123.5 MB",
        "1.789 to 2.077 ms",
        "100 us",
        "155.0 Mbit/s",
        "1234567",
        "7654321",
        "1 client,",
    ):
        assert figure in shown
