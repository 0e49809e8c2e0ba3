"""The keyhole: what an altazimuth mount can't follow near the zenith, and for how long."""

from __future__ import annotations

import numpy as np
import pytest

from linkemu.optics import mount

RATE = np.radians(10.0)


def overhead(top_deg: float, sky_rate_radps: float = 0.018) -> tuple[np.ndarray, np.ndarray]:
    """Times and azimuth of a great circle that culminates at this elevation, 0.1 s apart."""
    t_s = np.arange(-120.0, 120.0, 0.1)
    along = sky_rate_radps * t_s
    azimuth = np.arctan2(np.sin(along), np.cos(along) * np.cos(np.radians(top_deg)))
    return t_s, azimuth


def test_a_pass_at_89_9_degrees_asks_for_hundreds_of_degrees_a_second() -> None:
    t_s = np.arange(-1.0, 1.0, 0.001)
    rate = mount.azimuth_rate_radps(
        t_s, np.arctan2(np.sin(0.018 * t_s), np.cos(0.018 * t_s) * np.cos(np.radians(89.9)))
    )
    assert np.degrees(rate.max()) == pytest.approx(np.degrees(0.018) / np.cos(np.radians(89.9)), rel=0.01)
    assert np.degrees(rate.max()) > 500.0


@pytest.mark.parametrize("top_deg", [20.0, 60.0, 80.0])
def test_low_passes_have_no_keyhole(top_deg: float) -> None:
    t_s, azimuth = overhead(top_deg)
    assert mount.keyhole(t_s, azimuth, RATE, RATE) is None


def test_a_pass_through_the_zenith_is_lost_for_the_time_of_half_a_turn() -> None:
    t_s, azimuth = overhead(89.9)
    hole = mount.keyhole(t_s, azimuth, RATE, RATE)
    assert hole is not None
    start_s, end_s = hole
    assert start_s == pytest.approx(-end_s, abs=0.2)
    turn = np.interp([start_s, end_s], t_s, np.unwrap(azimuth))
    least_s = abs(turn[1] - turn[0]) / RATE
    assert least_s <= end_s - start_s <= least_s + 1.5  # the mount ramps up and down within a second each
    assert 15.0 < end_s - start_s < 19.0


def test_a_faster_mount_has_a_smaller_keyhole_and_a_limp_one_a_larger() -> None:
    t_s, azimuth = overhead(88.0)
    usual, quick, limp = (
        mount.keyhole(t_s, azimuth, rate, acceleration)
        for rate, acceleration in ((RATE, RATE), (2 * RATE, 2 * RATE), (RATE, RATE / 10.0))
    )
    assert usual is not None and quick is not None and limp is not None
    assert quick[1] - quick[0] < usual[1] - usual[0] < limp[1] - limp[0]


def test_the_mount_is_on_target_at_both_ends_within_its_rate() -> None:
    t_s, azimuth = overhead(87.0)
    hole = mount.keyhole(t_s, azimuth, RATE, RATE)
    assert hole is not None
    rate = np.abs(mount.azimuth_rate_radps(t_s, azimuth))
    outside = (t_s < hole[0] - 0.05) | (t_s > hole[1] + 0.05)
    assert rate[outside].max() <= RATE


def test_a_mount_too_slow_for_the_pass_loses_all_of_it() -> None:
    t_s, azimuth = overhead(89.0)
    assert mount.keyhole(t_s, azimuth, RATE / 50.0, RATE) == (t_s[0], t_s[-1])
