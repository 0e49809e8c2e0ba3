"""The Gaussian driver: its law, its memory, its crossings (Rice), and that any segment can be had alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from linkemu.optics import driver, fading
from linkemu.optics.driver import FINEST, SECONDS, Driver, SEGMENT_s, slot_means, step_for

START = 26_000_000  # a segment of these days


def constant(rate: float) -> np.ndarray:
    return np.full(SECONDS, rate)


def long(rate: float, count: int, step: float = FINEST, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Segments in a row, each from 0 to 64 s: times from the first one's start, and samples."""
    one, times, samples = Driver(1, seed, "test"), [], []
    for k in range(count):
        t_s, (x,) = one.joined(START + k, constant(rate), constant(rate), SEGMENT_s, step)
        inside = (t_s >= 0.0) & (t_s < SEGMENT_s)
        times.append(t_s[inside] + k * SEGMENT_s)
        samples.append(x[inside])
    return np.concatenate(times), np.concatenate(samples)


@pytest.mark.parametrize("step", [1 / 8, 1 / 2, 1.0])
def test_it_is_gaussian_with_matern_memory(step: float) -> None:
    _, x = long(600.0, 8, step)
    independent = len(x) * step / 4.0  # a memory of about 4 / w
    assert abs(x.mean()) < 5.0 / np.sqrt(independent)
    assert x.var() == pytest.approx(1.0, abs=6.0 / np.sqrt(independent))
    for lag in (1, 2, 5):
        expected = driver.correlation(1.0, np.array([lag * step]))[0]
        assert np.mean(x[lag:] * x[:-lag]) == pytest.approx(expected, abs=6.0 / np.sqrt(independent))


@pytest.mark.parametrize("step", [1 / 8, 1 / 2, 1.0])
def test_the_recursion_is_exact(step: float) -> None:
    """What white noise becomes in it has the covariance of the process, to rounding."""
    b, a = driver.recursion(step)
    impulse = np.zeros(round(60.0 / step))
    impulse[0] = 1.0
    answer = lfilter(b, a, impulse)
    for lag in range(8):
        covariance = float(answer[lag:] @ answer[: len(answer) - lag])
        assert covariance == pytest.approx(driver.correlation(1.0, np.array([lag * step]))[0], abs=1e-9)


@pytest.mark.parametrize("level", [-2.0, -1.5, -1.0])
def test_crossings_and_stays_below_are_rices(level: float) -> None:
    """At least 4,000 crossings at 8 samples in 1/w; rate and mean length within 5 %."""
    bandwidth_Hz = 400.0
    t_s, x = long(2.0 * np.pi * bandwidth_Hz, 2 if level > -2.0 else 4)
    below = x < level
    count = np.count_nonzero(below[1:] & ~below[:-1])
    assert count >= 4000
    share, rate_Hz, mean_s = fading.rice(level, bandwidth_Hz)
    length_s = t_s[-1] - t_s[0]
    assert below.mean() == pytest.approx(share, rel=0.05)
    assert count / length_s == pytest.approx(rate_Hz, rel=0.05)
    assert below.mean() * length_s / count == pytest.approx(mean_s, rel=0.05)


def test_a_rate_that_changes_keeps_the_law_and_moves_the_crossings() -> None:
    """Operational time: unit variance at every second, and as many crossings as the rates add up to."""
    rate = np.linspace(200.0, 3000.0, SECONDS)
    one, squares = Driver(20, 3, "sweep"), np.zeros(SEGMENT_s)
    t_s, axes = one.segment(START, rate, SEGMENT_s, FINEST)
    second = np.floor(t_s).astype(int)
    for k in range(SEGMENT_s):
        squares[k] = np.mean(axes[:, second == k] ** 2)
    assert np.all(np.abs(squares - 1.0) < 6.0 * np.sqrt(2.0 * 4.0 / (20 * rate[1:-1])))
    inside = axes[:, (t_s >= 0.0) & (t_s < SEGMENT_s)] < -1.0
    below = np.count_nonzero(inside[:, 1:] & ~inside[:, :-1]) / 20
    expected = np.mean(rate[1:-1]) / (2.0 * np.pi) * SEGMENT_s * np.exp(-0.5)
    assert below == pytest.approx(expected, rel=0.05)  # 8 samples in 1/w miss 3 % of the crossings


def test_segments_join_without_a_step() -> None:
    t_s, x = long(60.0, 3)
    edges = np.flatnonzero(np.floor(t_s[1:] / SEGMENT_s) > np.floor(t_s[:-1] / SEGMENT_s))
    assert len(edges) == 2
    steps = np.abs(np.diff(x))
    assert np.all(steps[edges] <= np.quantile(steps, 0.9999) * 2.0)


def test_the_next_segment_is_faded_in_over_the_last_second() -> None:
    one, rate = Driver(1, 7, "fade"), constant(60.0)
    t_s, (plain,) = one.segment(START, rate, SEGMENT_s, FINEST)
    ahead_s, (ahead,) = one.segment(START + 1, rate, 0.0, FINEST)
    joined_s, (joined,) = one.joined(START, rate, rate, SEGMENT_s, FINEST)
    leaving, coming = np.interp(joined_s, t_s, plain), np.interp(joined_s - SEGMENT_s, ahead_s, ahead)
    early = joined_s <= 63.0
    np.testing.assert_array_equal(joined[early], leaving[early])
    begin, middle, end = np.searchsorted(joined_s, [63.0, 63.5, 64.0]) + np.array([1, 0, -1])
    assert joined[begin] == pytest.approx(leaving[begin], abs=0.02)
    assert joined[middle] == pytest.approx((leaving[middle] + coming[middle]) / np.sqrt(2.0), abs=0.02)
    assert joined[end] == pytest.approx(coming[end], abs=0.02)


def test_the_last_second_has_the_law_too() -> None:
    many = Driver(1500, 5, "edge")
    t_s, axes = many.joined(START, constant(40.0), constant(90.0), SEGMENT_s, FINEST)
    for at_s in (62.9, 63.2, 63.5, 63.8, 63.99):
        near = axes[:, np.searchsorted(t_s, at_s)]
        assert near.var() == pytest.approx(1.0, abs=0.15) and abs(near.mean()) < 0.11


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**8), st.floats(5.0, 1000.0), st.floats(0.5, 63.0))
def test_a_segment_is_its_own_whatever_was_drawn_and_however_far(
    number: int, rate: float, until_s: float
) -> None:
    whole_s, whole = Driver(2, 1, "a").segment(number, constant(rate), SEGMENT_s, FINEST)
    other = Driver(2, 1, "a")
    other.segment(number + 1, constant(rate), 1.0, FINEST)
    part_s, part = other.segment(number, constant(rate), until_s, FINEST)
    np.testing.assert_array_equal(part, whole[:, : part.shape[1]])
    np.testing.assert_array_equal(part_s, whole_s[: len(part_s)])
    assert part_s[0] == -1.0 and part_s[-1] >= until_s


def test_seed_label_and_axis_make_the_draw() -> None:
    def draw(seed: int, label: str) -> np.ndarray:
        return Driver(2, seed, label).segment(START, constant(300.0), 30.0, FINEST)[1]

    rows = np.concatenate([draw(1, "a"), draw(2, "a"), draw(1, "b")])
    apart = np.abs(np.corrcoef(rows)[~np.eye(6, dtype=bool)])
    assert apart.max() < 0.12


def test_steps_serve_their_slots() -> None:
    assert step_for(60.0, 1e-3) == FINEST  # slow: eight in 1/w
    assert step_for(1000.0, 1e-3) == 0.25  # four in a slot
    assert step_for(9000.0, 1e-3) == 1.0  # of the fast ones only the mean is wanted


@pytest.mark.parametrize("rate", [100.0, 2000.0, 9000.0])
def test_slot_means_have_the_variance_that_the_correlation_says(rate: float) -> None:
    slot_s = 1e-3
    t_s, x = long(rate, 6, step_for(rate, slot_s))
    means = slot_means(t_s, x, np.arange(0.5, 6 * SEGMENT_s - 1.0, slot_s))
    lag = (np.arange(2000) + 0.5) * slot_s / 2000
    variance = 2.0 / slot_s * np.mean((slot_s - lag) * driver.correlation(rate, lag))
    assert means.var() == pytest.approx(variance, rel=0.06 if rate < 1000.0 else 0.03)


def test_slots_are_cut_where_segments_begin() -> None:
    slot_ns = 7_000_000
    cut = list(driver.segments(9000, 30_000, slot_ns))
    assert cut[0][1] == 9000 and cut[-1][2] == 30_000
    for (number, first, stop), (_, then, _) in itertools.pairwise(cut):
        assert stop == then
        assert number * SEGMENT_s * 10**9 <= first * slot_ns
        assert (stop - 1) * slot_ns < (number + 1) * SEGMENT_s * 10**9 <= stop * slot_ns
