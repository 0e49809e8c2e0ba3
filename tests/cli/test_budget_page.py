"""The table of docs/budget.md is what the tool says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkemu.cli.main import app
from linkemu.units import format_rate

PAGE = (Path(__file__).parents[2] / "docs" / "budget.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| `([\w-]+)`, `(ogs-[\w-]+)` \| (\d+ km) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE
)


def side(given: dict[str, Any]) -> str:
    if not given["modes"]:
        return "a beacon, no data"
    mode = next(each for each in given["modes"] if each["rate_bps"] == given["rate_bps"])
    return f"{given['power_dBm']:.1f} dBm, {format_rate(mode['rate_bps'])}, {mode['margin_dB']:+.1f} dB"


@pytest.mark.parametrize(
    ("space", "ground", "orbit", "up", "down", "fades"), ROWS, ids=[row[0] for row in ROWS]
)
def test_a_pair(space: str, ground: str, orbit: str, up: str, down: str, fades: str) -> None:
    pair = ["--space", space, "--ground", ground, "--orbit", orbit]
    result = CliRunner().invoke(app, ["budget", *pair, "--elevation", "45", "--json"])
    place = json.loads(result.stdout)["places"][0]
    assert (side(place["up"]), side(place["down"])) == (up, down)
    assert fades == f"{place['up']['fade_dB']:.1f} / {place['down']['fade_dB']:.1f} dB"


def test_the_table_is_read() -> None:
    assert len(ROWS) == 7
