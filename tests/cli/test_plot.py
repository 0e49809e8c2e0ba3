"""Charts: the numbers that they show, and that each is drawn as PNG and SVG, the same again each time."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import linkemu.cli
from linkemu import scenario
from linkemu.cli import chartdata
from linkemu.cli.main import app
from linkemu.errors import InputError
from linkemu.forecast import Forecast, forecast
from linkemu.forecast.meeting import Meeting
from linkemu.machine import Direction

pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

DEMO = Path(__file__).parents[2] / "configs" / "demo.toml"


@pytest.fixture(scope="module")
def demo() -> Forecast:
    return forecast(scenario.load(DEMO))


def test_a_contact_second_by_second(demo: Forecast) -> None:
    link, meeting = chartdata.choose(demo, None, None, None)
    data = chartdata.contact(demo, link, meeting)
    at = {int(t): k for k, t in enumerate(data.t_s)}
    assert set(data.t_s % 1.0) == {0.5}
    assert data.elevation_deg[at[25]] == pytest.approx(52.1, abs=0.1)
    for direction, rate in ((Direction.UP, 155e6), (Direction.DOWN, 1244e6)):
        way = data.ways[direction]
        inside = np.isfinite(way.low_dBm)
        assert np.all(way.low_dBm[inside] < way.power_dBm[inside])
        assert np.all(way.power_dBm[inside] < way.high_dBm[inside])
        assert _shares(meeting, direction, int(data.t_s[at[40]]), way, at[40]) == pytest.approx(
            (0.01, 0.01), abs=2e-3
        )
        lit = way.rate_bps == rate
        assert way.margin_dB[at[40]] > 0.0 and np.ptp((way.power_dBm - way.margin_dB)[lit & inside]) < 0.01
        assert way.rate_bps[at[40]] == rate and way.erased[at[40]] == 0.0
        assert way.erased[at[5]] == 1.0  # under the cloud, before anybody notices
        assert way.rate_bps[at[9]] == 0.0 and np.isnan(way.erased[at[9]])


def _shares(
    meeting: Meeting, direction: Direction, second: int, way: chartdata.Way, k: int
) -> tuple[float, float]:
    """Of the slots of a second, how many are darker than its lower bound, and brighter than its upper one."""
    light = meeting.light[direction]
    first = round(second * 1e9) // light.fading.slot_ns + light.first_slot
    level_dB = 10.0 * np.log10(light.fading.relative(first, first + 10**9 // light.fading.slot_ns))
    drawn_dB = way.power_dBm[k] + level_dB
    return float(np.mean(drawn_dB < way.low_dBm[k])), float(np.mean(drawn_dB > way.high_dBm[k]))


def test_shares_of_seconds() -> None:
    spans, edges = np.array([[0.5, 1.25], [3.0, 9.0]]), np.arange(6.0)
    np.testing.assert_allclose(chartdata._share(spans, edges), [0.5, 0.25, 0.0, 1.0, 1.0])
    assert not chartdata._share(np.zeros((0, 2)), edges).any()


def test_fades_lie_on_their_theory(demo: Forecast) -> None:
    _, meeting = chartdata.choose(demo, "koganei", "iss", 1)
    for direction in Direction:
        data = chartdata.fade(meeting, direction)
        width = data.level_dB[1] - data.level_dB[0]
        for density in (data.drawn, data.theory, data.slots):
            assert density.sum() * width == pytest.approx(1.0, abs=0.02)
        assert data.index == pytest.approx(data.expected_index, rel=0.05)
        common = data.theory > 0.02
        np.testing.assert_allclose(data.drawn[common], data.theory[common], rtol=0.2)


def test_arcs_tell_every_pass_in_pieces_that_touch(demo: Forecast) -> None:
    arcs = list(chartdata.arcs(demo))
    assert [arc.rises_s is not None for arc in arcs].count(True) == 1
    for one, two in itertools.pairwise(arcs):
        assert one.azimuth_rad[-1] == two.azimuth_rad[0]
    assert "COMM" in {arc.state.name for arc in arcs if arc.state is not None}


def test_contacts_are_numbered_in_the_order_of_time_and_the_longest_is_meant(demo: Forecast) -> None:
    (link,) = demo.links
    (meeting,) = link.meetings
    later, first = (
        replace(meeting, contact=replace(meeting.contact, start_s=start_s, end_s=end_s))
        for start_s, end_s in ((500.0, 520.0), (100.0, 200.0))
    )
    several = replace(demo, links=(replace(link, meetings=(later, first)),))
    chosen = [chartdata.choose(several, None, None, number)[1] for number in (1, 2, None)]
    assert chosen == [first, later, first]


def test_a_contact_that_is_not_there_is_said(demo: Forecast) -> None:
    with pytest.raises(InputError, match="no such contact"):
        chartdata.choose(demo, "nowhere", None, None)
    with pytest.raises(InputError, match="2 of 1"):
        chartdata.choose(demo, None, None, 2)


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["plot", *arguments])


@pytest.mark.parametrize("chart", ["pass", "fades", "sky"])
def test_each_chart_is_drawn_and_drawn_alike(chart: str, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.svg", "two.svg", "one.png")]
    for file in files:
        assert call(chart, str(DEMO), "--out", str(file)).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_text().startswith("<?xml") and "koganei" in files[0].read_text()
    assert files[2].read_bytes().startswith(b"\x89PNG")


def test_months_come_from_a_document_of_availability(tmp_path: Path) -> None:
    rows = [
        {"year": 2024, "month": m, "station": s, "satellite": "iss", "availability": a}
        for m, s, a in ((1, "a", 0.5), (2, "a", None), (1, "b", 0.7), (2, "b", 1.0))
    ]
    source = tmp_path / "year.json"
    source.write_text(json.dumps({"start": "2024-01-01T00:00:00+00:00", "months": rows}))
    out = tmp_path / "months.svg"
    assert call("months", str(source), "--out", str(out)).exit_code == 0
    assert "2024-02" in out.read_text() and "b – iss" in out.read_text()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"start": 1, "months": []}', '{"start": "x", "months": [1]}', "\xff"]
)
def test_other_documents_are_refused(text: str, tmp_path: Path) -> None:
    source = tmp_path / "other.json"
    source.write_text(text, encoding="latin-1")
    done = call("months", str(source), "--out", str(tmp_path / "x.png"))
    assert done.exit_code == 2


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    assert call("pass", str(DEMO), "--out", str(tmp_path / "x.pdf")).exit_code == 2
    assert call("pass", str(DEMO), "--days", "3").exit_code == 2


def test_without_matplotlib_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import builtins
    import sys

    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "linkemu.cli.charts", raising=False)
    monkeypatch.delattr(linkemu.cli, "charts", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    done = call("pass", str(DEMO), "--out", str(tmp_path / "x.png"))
    assert done.exit_code == 1 and "linkemu[plot]" in done.output
