"""The presets that travel with the package: all valid, and each figure with its source."""

from __future__ import annotations

import pytest

from linkemu.scenario import build, presets, shape, terminal_shape

LABELS = {"id", "source", "sources"}


@pytest.mark.parametrize("name", presets.terminals())
def test_every_figure_of_a_terminal_has_its_source(name: str) -> None:
    row = presets.terminals()[name]
    assert row["sources"].keys() == row.keys() - LABELS
    assert all(row["sources"].values())
    terminal = build.terminal(terminal_shape.TerminalTable.model_validate(row))
    rates = [mode.rate_bps for mode in terminal.modes]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("name", presets.stations())
def test_a_station_lacks_only_its_terminal(name: str) -> None:
    row = presets.stations()[name]
    assert row["source"]
    assert shape.StationTable.model_validate(row | {"terminal": "any"}).id == name


def test_what_is_hypothetical_says_so() -> None:
    assert "hypothetical" in presets.terminals()["illuma-t"]["source"]
