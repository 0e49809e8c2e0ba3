"""The balance of a link: what it joins, against the parts; and every preset pair at work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkemu.forecast.balance import Places, balance, circular
from linkemu.machine import Direction
from linkemu.optics.background import Sky
from linkemu.optics.budget import Air
from linkemu.scenario import build, presets
from linkemu.scenario.model import Front, Mode, Terminal, Turbulence
from linkemu.scenario.terminal_shape import TerminalTable

PAIRS = {  # space terminal: ground terminal, height of the orbit
    "illuma-t": ("ogs-illuma", 420e3),
    "tbird": ("ogs-tbird", 530e3),
    "lcrd": ("ogs-lcrd", 35_786e3),
    "opals": ("ogs-opals", 415e3),
    "cubelct": ("ogs-cubelct", 560e3),
    "sda-oct": ("ogs-sda", 1_000e3),
    "ascend": ("ogs-ascend", 1_400e3),
}
AIR = Air(0.0)


def preset(name: str) -> Terminal:
    return build.terminal(TerminalTable.model_validate(presets.terminals()[name]))


def places(*degrees: float, orbit_m: float = 550e3) -> Places:
    return circular(np.radians(np.array(degrees)), orbit_m, 0.0)


def test_pairs_are_all_presets() -> None:
    assert {*PAIRS, *(ground for ground, _ in PAIRS.values())} == presets.terminals().keys()


@pytest.mark.parametrize("space", PAIRS)
def test_every_pair_closes_high_up_in_each_direction_that_has_data(space: str) -> None:
    ground, orbit_m = PAIRS[space]
    here = places(45.0, orbit_m=orbit_m)
    down = balance(Direction.DOWN, preset(space), preset(ground), here, AIR, Sky.NORMAL, 0.01)
    up = balance(Direction.UP, preset(ground), preset(space), here, AIR, Sky.EARTH, 0.01)
    assert down.rate_bps[0] == max(mode.rate_bps for mode in preset(ground).modes)
    assert (up.rate_bps[0] > 0) == bool(preset(space).modes)
    assert all(np.isfinite(line.gain_dB).all() for side in (up, down) for line in side.budget.lines)


def test_ascend_is_the_link_of_the_notes() -> None:
    """Physics notes I6: 1 W, 15 urad, 0.4 m, 20 degrees, 1,400 km: -18.5 dBm behind 4 dB of optics."""
    side = balance(
        Direction.DOWN,
        replace(preset("ascend"), jitter_rad=0.0),
        replace(preset("ogs-ascend"), obscuration_m=0.0),
        places(20.0, orbit_m=1_400e3),
        AIR,
        Sky.NIGHT,
        0.01,
    )
    assert side.budget.power_dBm[0] == pytest.approx(-18.5, abs=0.15)
    assert side.margins[0].spare_dB[0] == pytest.approx(17.0, abs=0.15)


def test_modes_are_chosen_with_their_margin_at_each_place_alone() -> None:
    sender, receiver = preset("tbird"), preset("ogs-tbird")
    here = places(10.0, 20.0, 60.0, 20.0, 10.0, orbit_m=530e3)
    side = balance(Direction.DOWN, sender, receiver, here, Air(2228.0), Sky.NIGHT, 0.01)
    assert side.rate_bps.tolist() == [0, 100_000_000_000, 200_000_000_000, 100_000_000_000, 0]
    assert np.all(np.diff(side.fade_dB[:2]) < 0.0)


def test_daylight_costs_a_wide_direct_receiver_and_no_coherent_one() -> None:
    wide = Front(field_of_view_rad=5e-3, filter_m=20e-9)
    ground = replace(preset("ogs-cubelct"), front=wide, modes=(Mode(100_000_000, 5e-10),))
    sides = {
        (sky, front.detection): balance(
            Direction.DOWN,
            preset("cubelct"),
            replace(ground, front=front),
            places(60.0),
            AIR,
            sky,
            0.01,
        )
        for sky in (Sky.BRIGHT, Sky.NIGHT)
        for front in (wide, replace(wide, detection="coherent"))
    }
    cost_dB = {key: side.margins[0].background_dB for key, side in sides.items()}
    assert cost_dB[Sky.BRIGHT, "direct"] > 3.0 > cost_dB[Sky.NIGHT, "direct"] >= 0.0
    assert cost_dB[Sky.BRIGHT, "coherent"] == 0.0
    margins = {key: side.margins[0].spare_dB[0] for key, side in sides.items()}
    gap = margins[Sky.BRIGHT, "coherent"] - margins[Sky.BRIGHT, "direct"]
    assert gap == pytest.approx(cost_dB[Sky.BRIGHT, "direct"])


def test_a_circular_pass() -> None:
    here = places(10.0, 45.0, 90.0, orbit_m=550e3)
    assert here.range_m[2] == pytest.approx(550e3)
    assert np.all(np.diff(here.range_m) < 0.0)
    assert np.degrees(here.slew_radps[2]) == pytest.approx(0.74, abs=0.03)  # 7.09 km/s over 550 km
    assert circular(np.radians([45.0]), 35_786e3, 0.0).slew_radps[0] < 1e-7  # it stands still


def test_an_uplink_that_is_steered_by_the_downlink_wanders_less() -> None:
    here, ends = places(45.0, orbit_m=35_786e3), (preset("ogs-lcrd"), preset("lcrd"))
    fades = [
        balance(Direction.UP, *ends, here, AIR, Sky.EARTH, 0.01, settings=settings).fade_dB[0]
        for settings in (Turbulence(), Turbulence(wander="belmonte"), Turbulence(precompensation=True))
    ]
    assert fades[0] > fades[1] > 2.0
    assert fades[0] > fades[2] > 2.0
