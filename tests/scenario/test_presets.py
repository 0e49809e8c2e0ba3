"""The presets that travel with the package: all valid, and each figure with its source."""

from __future__ import annotations

import pytest

from linkemu.scenario import build, presets, shape, terminal_shape
from linkemu.scenario.model import Terminal

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


def terminal(name: str) -> Terminal:
    return build.terminal(terminal_shape.TerminalTable.model_validate(presets.terminals()[name]))


def test_published_figures_of_missions() -> None:
    """TBIRD: 200 Gbit/s down and 5 kbit/s up, 1 W, 380 urad FWHM; OPALS and CubeLCT: no data uplink."""
    tbird = terminal("tbird")
    assert [mode.rate_bps for mode in tbird.modes] == [5_000]
    assert max(mode.rate_bps for mode in terminal("ogs-tbird").modes) == 200_000_000_000
    assert (tbird.power_W, tbird.divergence_rad) == (1.0, pytest.approx(380e-6 / 1.17741, rel=1e-3))
    assert 20e-6 <= tbird.jitter_rad <= 35e-6
    for name, rate_bps in (("opals", 50_000_000), ("cubelct", 100_000_000)):
        assert terminal(name).modes == ()
        assert [mode.rate_bps for mode in terminal(f"ogs-{name}").modes] == [rate_bps]
    assert terminal("opals").power_W == 2.5
    assert terminal("lcrd").modes[0].rate_bps == 1_244_000_000


def test_a_terminal_that_gets_nothing_by_light_may_have_a_radio() -> None:
    row = presets.terminals()["opals"] | {"radio": "64 kbit/s"}
    assert build.terminal(terminal_shape.TerminalTable.model_validate(row)).radio_bps == 64_000


def test_laser_ranging_and_memory_are_told_apart() -> None:
    sure = {name: row["confidence"] for name, row in presets.stations().items()}
    assert (sure["haleakala"], sure["svalbard"]) == ("surveyed", "recalled")
    assert all(
        ("memory" in row["source"]) == (sure[n] == "recalled") for n, row in presets.stations().items()
    )
