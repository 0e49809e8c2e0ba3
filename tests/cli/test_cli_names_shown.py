"""Names of files, satellites, scenarios and doors are shown as they are, brackets and all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from linkemu.cli import output, passes, report, skytables
from linkemu.telemetry import TransferState

NAMES = ["frame[raw].fits", "all[/]of it", "[bold red]", "[link=x]", "a\\[b]"]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    transfer = TransferState(
        "koganei", "1", "put", name, "iss", "verified", 9.0, 7, 7, times={"verified": 9.0}
    )
    report.show(output.console(), [transfer], None)
    assert name in said(capsys)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    summary: dict[str, Any] = {
        **{"scenario": name, "epoch": "2024-05-10T18:50:36.000000Z", "duration_s": 600.0, "seed": 7},
        **{"passes": 1, "windows": [], "outages": [], "digest": "d" * 64},
    }
    skytables.show(summary, Path(name))
    assert said(capsys) == (
        f"{name}  2024-05-10 18:50:36 UTC, 10 min 00 s, seed 7, 1 pass\n"
        f"sky written to {name} (digest dddddddddddddddd…)\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_satellite(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        **{"station": "s", "satellite": name, "max_elevation_deg": 45.0, "range_at_tca_m": 6e5},
        **{"aos": "2024-05-10T18:50:36.0Z", "tca": "2024-05-10T18:55:36.0Z", "los": "2024-05-10T19:00:36.0Z"},
        "duration_s": 600.0,
    }
    passes._show([row], passes.Search([], datetime(2024, 5, 10, tzinfo=UTC), 3600.0, [], 1))
    (cells,) = [line for line in said(capsys).splitlines() if "18:50:36" in line]
    assert cells.strip().startswith(f"{name} ")
    assert cells.split()[-8:] == [
        "2024-05-10",
        "18:50:36",
        "18:55:36",
        "19:00:36",
        "45.0°",
        "600.0",
        "km",
        "10:00",
    ]
