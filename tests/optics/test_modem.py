"""Modes and their steps, and the curve of lost codewords."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.optics.modem import Mode, SLOPE_dB, choose, failure, never_fails_dBm

MODES = (Mode(1_000, -40.0), Mode(4_000, -34.0), Mode(2_000, -37.0))


def test_the_curve_of_lost_codewords() -> None:
    at = np.array([-40.0 - 3 * SLOPE_dB, -40.0, -40.0 - 6 * SLOPE_dB])
    assert failure(at, -40.0) == pytest.approx([0.5, 0.00135, 0.99865], abs=1e-5)
    assert 0.0 < failure(np.array([never_fails_dBm(-40.0)]), -40.0)[0] < 2.0**-54


def test_the_fastest_mode_that_closes_with_its_margin() -> None:
    for level, expected in [(-31.0, 1), (-31.1, 2), (-34.0, 2), (-34.1, 0), (-37.0, 0), (-37.1, -1)]:
        assert choose(np.array([level]), MODES)[0] == expected


def test_modes_step_with_hysteresis() -> None:
    levels = np.array([-37.0, -37.4, -37.6, -36.9, -36.0, -33.5, -33.0, -34.4, -34.6, -20.0, -50.0])
    assert choose(levels, MODES).tolist() == [0, 0, -1, -1, 0, 0, 2, 2, 0, 1, -1]


@given(st.lists(st.floats(-60.0, 0.0), min_size=1, max_size=50))
def test_a_mode_in_use_never_lacks_more_than_the_step(levels: list[float]) -> None:
    power = np.array(levels)
    for level, chosen in zip(levels, choose(power, MODES).tolist(), strict=True):
        if chosen >= 0:
            assert level >= MODES[chosen].sensitivity_dBm + 3.0 - 0.5
        else:
            assert level < -40.0 + 3.0 + 1.0


def test_no_modes_no_link() -> None:
    assert choose(np.array([0.0, 1.0]), ()).tolist() == [-1, -1]
