"""What a contact makes of signals that are lost: long darkness by its cause, and reports that get through."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from linkemu.forecast import meeting
from linkemu.forecast.spans import Runs
from linkemu.link.timeline import Cause


def test_long_darkness_is_blamed_on_weather_that_takes_more_than_a_decibel() -> None:
    light = SimpleNamespace(weather_dB=lambda t_s: np.interp(t_s, [0.0, 10.0], [0.0, 2.0]))
    runs = Runs(np.array([1000, 3000, 4600, 6000]), np.array([1000, 1001, 1200, 1500]))
    found = meeting._long(light, runs, 1.0, 10**6)  # type: ignore[arg-type]
    assert [(round(each.start_s, 9), round(each.end_s, 9), each.cause) for each in found] == [
        (3.0, 4.001, Cause.FADE),  # one slot longer than the hold time; the first run isn't
        (4.6, 5.8, Cause.CLOUD),  # its middle counts
        (6.0, 7.5, Cause.CLOUD),
    ]


def test_a_report_gets_through_in_the_slowest_mode_of_the_way_back() -> None:
    modes = tuple(SimpleNamespace(sensitivity_dBm=each) for each in (-20.0, -30.0, -40.0))
    told = {"meter_dBm": lambda *_: np.array([-40.001, -40.0, -25.0])}
    light = SimpleNamespace(radio_bps=0, modes=modes, **told)
    assert meeting._heard(light, 0.0, 3, 1.0, []).tolist() == [False, True, True]  # type: ignore[arg-type]
    for radio_bps, heard in ((0, False), (1, True)):
        light = SimpleNamespace(radio_bps=radio_bps, modes=(), **told)
        assert meeting._heard(light, 0.0, 3, 1.0, []).tolist() == [heard] * 3  # type: ignore[arg-type]
