"""Terminals as optics/ takes them: what of the sky's light reaches a detector, and its cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkemu.forecast import terminals
from linkemu.optics.background import Sky
from linkemu.scenario.model import Front, Mode, Terminal
from tests.forecast.test_balance import preset

SENDER = preset("cubelct")


def wide(**more: object) -> Terminal:
    """A direct receiver that sees much of the sky."""
    front = Front(field_of_view_rad=5e-3, filter_m=20e-9)
    modes = (Mode(100_000_000, 5e-10), Mode(10_000_000, 5e-11))
    made = replace(preset("ogs-cubelct"), front=front, modes=modes, obscuration_m=0.0, receive_loss_dB=0.0)
    return replace(made, **more)  # type: ignore[arg-type]


def light_W(receiver: Terminal) -> float:
    return terminals.background_W(Sky.NORMAL, SENDER, receiver)


def test_background_is_taken_by_area_and_filter_and_dimmed_by_optics() -> None:
    whole_W = light_W(wide())
    assert 0.0 < whole_W < 1e-3
    aperture_m = wide().aperture_m
    assert light_W(wide(obscuration_m=aperture_m / 2)) == pytest.approx(whole_W * 3 / 4)
    assert light_W(wide(obscuration_m=aperture_m / 4)) == pytest.approx(whole_W * 15 / 16)
    assert light_W(wide(receive_loss_dB=10.0)) == pytest.approx(whole_W / 10)
    assert light_W(wide(receive_loss_dB=3.0103)) == pytest.approx(whole_W / 2, rel=1e-5)
    narrow = replace(wide().front, filter_m=10e-9)
    assert light_W(wide(front=narrow)) == pytest.approx(whole_W / 2)


def test_background_by_hand() -> None:
    """ITU-R P.1621-2 eq. 1: radiance x solid angle x area x bandwidth in micrometres."""
    receiver, radiance = wide(), terminals.background.radiance(Sky.NORMAL, SENDER.wavelength_m)
    area_m2, solid_sr = np.pi / 4 * receiver.aperture_m**2, np.pi / 4 * 5e-3**2
    assert light_W(receiver) == pytest.approx(radiance * area_m2 * solid_sr * 0.020, rel=1e-3)


def test_what_shines_in_raises_what_each_mode_needs_by_its_own_cost() -> None:
    receiver = wide()
    dark, bright = terminals.modes(receiver), terminals.modes_under(Sky.BRIGHT, SENDER, receiver)
    assert [mode.sensitivity_dBm for mode in dark] == pytest.approx([-63.0103, -73.0103])
    shining_W = terminals.background_W(Sky.BRIGHT, SENDER, receiver)
    for place, (one, other) in enumerate(zip(dark, bright, strict=True)):
        cost_dB = terminals.background_dB(shining_W, SENDER, receiver, place)
        assert cost_dB > 1.0
        assert other.sensitivity_dBm == round(one.sensitivity_dBm + cost_dB, 3)
        assert replace(other, sensitivity_dBm=one.sensitivity_dBm) == one


def test_an_obscuration_is_a_share_of_the_aperture() -> None:
    sender = replace(SENDER, obscuration_m=SENDER.aperture_m / 4)
    assert terminals.transmitter(sender).obscuration == pytest.approx(0.25)
