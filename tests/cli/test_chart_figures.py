"""What charts draw, read back from their axes: each figure in its place, with its unit and its sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from linkemu.cli import chartdata
from linkemu.link.cause import Cause
from linkemu.machine import Direction
from linkemu.optics.tracking import Phase, State

pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.projections.polar import PolarAxes

from linkemu.cli import charts

EPOCH = datetime(2024, 5, 10, 18, 50, 36, tzinfo=UTC)
UP = chartdata.Way(
    **{"power_dBm": np.array([-30.0, -31.0, -32.0]), "low_dBm": np.array([-36.0, -37.0, -38.0])},
    **{"high_dBm": np.array([-28.0, -29.0, -30.0]), "margin_dB": np.array([3.0, 2.0, -1.0])},
    **{"rate_bps": np.array([155e6, 0.0, 10e6]), "erased": np.array([0.0, np.nan, 0.25])},
)
DOWN = replace(UP, power_dBm=UP.power_dBm - 10.0, rate_bps=np.full(3, 1244e6), erased=np.full(3, 0.5))
STORY = (
    Phase(9.0, 10.0, State.FINE),
    Phase(10.0, 11.0, State.COMM),
    Phase(11.0, 13.0, State.BLOCKED, Cause.CLOUD),
)
CONTACT = chartdata.Contact(
    *("g", "s", EPOCH, np.array([10.5, 11.5, 12.5]), np.array([20.0, 40.0, 30.0])),
    *({Direction.UP: UP, Direction.DOWN: DOWN}, STORY),
)


def lines(axes: Axes) -> list[list[float]]:
    return [np.asarray(line.get_ydata(), dtype=float).tolist() for line in axes.get_lines()]


def test_a_contact() -> None:
    figure = charts.contact(CONTACT)
    elevation, power, margin, rate, erased, state = figure.axes
    assert figure.get_suptitle() == "g – s, 2024-05-10 18:50:46 UTC"
    assert lines(elevation) == [[20.0, 40.0, 30.0]]
    assert lines(power) == [UP.power_dBm.tolist(), DOWN.power_dBm.tolist()]
    assert [line.get_label() for line in power.get_lines()] == ["▲ up", "▼ down"]
    for band in power.collections:
        drawn = {(round(x, 1), round(y, 1)) for x, y in band.get_paths()[0].vertices}
        assert drawn == {
            *zip(CONTACT.t_s, UP.low_dBm, strict=True),
            *zip(CONTACT.t_s, UP.high_dBm, strict=True),
        }
    assert lines(margin)[:2] == [[3.0, 2.0, -1.0]] * 2
    np.testing.assert_array_equal(lines(rate), [[155e6, np.nan, 10e6], [1244e6] * 3])
    assert [label.get_text() for label in rate.get_yticklabels()] == [
        "10.00 Mbit/s",
        "155.0 Mbit/s",
        "1.244 Gbit/s",
    ]
    np.testing.assert_array_equal(lines(erased), [[0.0, np.nan, 25.0], [50.0] * 3])
    assert [(p.get_x(), p.get_width(), to_hex(p.get_facecolor()).upper()) for p in state.patches] == [
        (9.0, 1.0, charts.PINK),
        (10.0, 1.0, charts.GREEN),
        (11.0, 2.0, charts.STATES["cloud"]),
    ]
    assert [text.get_text() for text in state.get_legend().get_texts()] == ["fine", "comm", "cloud"]


def test_fades() -> None:
    level_dB = np.array([-2.0, -1.0, 0.0])
    up = chartdata.Fade(
        level_dB,
        np.array([0.1, 0.2, 0.3]),
        np.array([0.15, 0.25, 0.35]),
        np.array([0.4, 0.5, 0.6]),
        0.125,
        0.25,
    )
    down = replace(up, drawn=up.drawn / 2, index=0.5)
    figure = charts.fades("x", {Direction.UP: up, Direction.DOWN: down})
    for panel, data, name in zip(figure.axes, (up, down), ("▲ up", "▼ down"), strict=True):
        assert [bar.get_height() for bar in panel.patches] == data.drawn.tolist()
        assert lines(panel) == [data.theory.tolist(), data.slots.tolist()]
        assert panel.get_title() == f"{name}\nscintillation index {data.index:.3f} drawn, 0.250 in theory"


def test_the_sky_has_north_up_east_right_and_the_zenith_in_the_middle() -> None:
    arc = chartdata.Arc("g", "s", np.array([0.5, 1.0]), np.array([10.0, 60.0]), State.COMM, 12.0)
    after = replace(
        arc, azimuth_rad=np.array([1.0, 2.0]), elevation_deg=np.array([60.0, 5.0]), state=None, rises_s=None
    )
    figure = charts.sky("x", [arc, after, replace(arc, station="h", satellite="t")])
    one, other = figure.axes
    assert isinstance(one, PolarAxes)
    assert (one.get_title(), other.get_title()) == ("g", "h")
    assert (one.get_theta_offset(), one.get_theta_direction()) == (np.pi / 2, -1)
    assert one.get_ylim() == (90.0, 0.0)
    assert dict(
        zip(np.degrees(one.get_xticks()).round(), (t.get_text() for t in one.get_xticklabels()), strict=True)
    ) == {
        **{0.0: "N", 90.0: "E", 180.0: "S", 270.0: "W"},
    }
    lit, rise, dark = one.get_lines()
    assert lines(one) == [[10.0, 60.0], [10.0], [60.0, 5.0]]
    assert np.asarray(rise.get_xdata()).tolist() == [0.5]
    assert lit.get_linewidth() > dark.get_linewidth()
    assert [text.get_text() for text in one.texts] == ["s"]
    assert [text.get_text() for text in other.texts] == ["t"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["comm", "no contact"]


def test_months_stand_side_by_side_by_pair() -> None:
    rows = [
        {"year": 2024, "month": m, "station": s, "satellite": "iss", "availability": a}
        for m, s, a in ((1, "a", 0.5), (2, "a", None), (1, "b", 0.7), (2, "b", 1.0))
    ]
    (axes,) = charts.months("x", rows).axes
    bars = [(round(bar.get_x() + bar.get_width() / 2, 3), bar.get_height()) for bar in axes.patches]
    np.testing.assert_allclose(bars, [(-0.205, 50.0), (0.795, np.nan), (0.205, 70.0), (1.205, 100.0)])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2024-01", "2024-02"]
