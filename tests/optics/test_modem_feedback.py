"""Modes that follow reports: lag, hysteresis, lost reports, silence, and a thin way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.optics import modem
from linkemu.optics.modem import Adaptation, Control, Mode, adapt, choose

MODES = (Mode(4_000, -34.0), Mode(2_000, -37.0), Mode(1_000, -40.0))
FAST, MIDDLE, SLOW = range(3)
STEP_s = 0.01
CONTROL = Control(Adaptation.ADAPTIVE, margin_dB=0.0, dwell_s=0.0, report_s=0.1, filter_s=0.0, silence_s=0.5)


def told(power_dBm: np.ndarray, heard: np.ndarray | None = None, delay_s: float = 0.05) -> list[int]:
    if heard is None:
        heard = np.ones(len(power_dBm), dtype=bool)
    return adapt(power_dBm, heard, STEP_s, delay_s, MODES, CONTROL).tolist()


def test_the_sender_starts_safe_and_follows_after_the_delay() -> None:
    steps = told(np.full(30, -30.0))
    assert steps[:5] == [SLOW] * 5
    assert steps[5:] == [FAST] * 25


def test_a_fall_of_power_is_felt_one_report_and_one_delay_later() -> None:
    power = np.where(np.arange(100) < 42, -30.0, -36.0)
    steps = told(power)
    change = steps.index(MIDDLE)
    assert change == 50 + 5  # the next report after step 42 is at 50, and takes 5 steps
    assert set(steps[5:change]) == {FAST} and set(steps[change:]) == {MIDDLE}


def test_silence_takes_the_sender_back_to_the_slowest_mode() -> None:
    heard = np.arange(200) < 100
    steps = told(np.full(200, -30.0), heard)
    last_report = 90 + 5
    silent = last_report + round(CONTROL.silence_s / STEP_s)
    assert set(steps[5:silent]) == {FAST}
    assert set(steps[silent:]) == {SLOW}


def test_one_lost_report_changes_nothing_by_itself() -> None:
    heard = np.ones(100, dtype=bool)
    heard[50] = False
    assert told(np.full(100, -30.0), heard)[5:] == [FAST] * 95


def test_who_never_hears_stays_safe() -> None:
    assert set(told(np.full(50, -30.0), np.zeros(50, dtype=bool))) == {SLOW}


def test_no_power_at_all_still_leaves_the_slowest_mode_to_try() -> None:
    assert set(told(np.full(50, -60.0))) == {SLOW}


@given(st.integers(0, 2**32), st.floats(0.0, 0.3))
def test_the_sender_never_acts_on_what_it_cannot_know_yet(seed: int, delay_s: float) -> None:
    noise = np.random.Generator(np.random.Philox(seed)).normal(-36.0, 3.0, 300)
    other = noise.copy()
    other[200:] = -20.0
    until = 200 + int(np.ceil(delay_s / STEP_s - 1e-9))
    assert told(noise, delay_s=delay_s)[:until] == told(other, delay_s=delay_s)[:until]


def test_the_meter_averages_linear_power() -> None:
    level = modem.filtered_dBm(np.where(np.arange(4000) % 2, -30.0, -60.0), 0.01, 1.0)
    assert level[-1] == pytest.approx(10.0 * np.log10((1e-3 + 1e-6) / 2.0), abs=0.03)
    assert modem.filtered_dBm(np.full(10, -37.0), 0.01, 1.0) == pytest.approx(-37.0)


def test_dwell_holds_a_step_up_but_never_a_step_down() -> None:
    power = np.array([-38.0, -30.0, -38.0, -30.0, -30.0, -30.0, -30.0])
    slow = Control(margin_dB=0.0, dwell_s=3.0)
    assert choose(power, MODES, slow).tolist() == [SLOW, SLOW, SLOW, FAST, FAST, FAST, FAST]
    falling = np.array([-30.0, -38.0])
    assert choose(falling, MODES, slow).tolist() == [FAST, SLOW]


def test_a_fixed_modem_keeps_to_its_slowest_mode() -> None:
    fixed = Control(Adaptation.FIXED, margin_dB=0.0)
    assert choose(np.array([-10.0, -39.0, -50.0]), MODES, fixed).tolist() == [SLOW, SLOW, -1]


def test_a_slower_mode_that_needs_more_is_never_taken() -> None:
    odd = (*MODES, Mode(500, -20.0))
    assert choose(np.array([-39.0]), odd, Control(margin_dB=0.0)).tolist() == [SLOW]


def test_the_way_back_of_tbird_is_thin() -> None:
    assert modem.reports_per_s(5_000.0, 125) == pytest.approx(5.0)
    assert modem.bytes_per_report(200e9, 5_000.0, 125) == pytest.approx(10e9)  # 10 GB by each of 2.5 a second
