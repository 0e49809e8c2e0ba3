"""Budgets as printed and told, of a result made by hand: each figure in its column, with its sign."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from linkemu.cli import balancetables
from linkemu.cli.balances import Case, Result
from linkemu.forecast.balance import Balance, Margin, Places
from linkemu.machine import Direction
from linkemu.optics.budget import Budget, Line
from linkemu.scenario.model import Mode, Terminal, Turbulence
from linkemu.units import format_bytes

MODE = Mode(1_000_000_000, 1e-7)
GROUND = Terminal(
    *("ground", 1550e-9, 1.0, 0.1, 0.0, 1e-5, 1e-6, 0.0, 0.0, (MODE,), 0.1, 10.0, 1.0, 0.1, "a test")
)
SPACE = replace(GROUND, id="space")
COMMON = {
    **{"clear air": (-1.0, -1.5), "thin cloud": (-0.25, -0.5), "precipitation": (-0.12, -0.76)},
    **{"pointing bias": (-0.5, -2.0), "pointing jitter, mean": (-0.38, -4.0)},
}


def side(
    sent_dBm: float, gains: dict[str, tuple[float, float]], margins: tuple[Margin, ...], steps: list[int]
) -> Balance:
    lines = tuple(Line(name, np.array(gain), f"source of {name}") for name, gain in gains.items())
    index, fade_dB = np.array([0.125, 0.5]), np.array([3.0, 4.5])
    return Balance(Budget(sent_dBm, lines), index, fade_dB, 1e-9, margins, np.array(steps))


UP = side(
    30.0,
    {"telescope": (90.0, 91.0), **COMMON},
    (
        Margin("ook", 1_000_000_000, -40.0, 12.3, 0.5, np.array([2.0, 1.0])),
        Margin("slow", 10_000_000, -60.0, 9.0, 0.0, np.array([22.0, 21.0])),
    ),
    [1, 0],
)
DOWN = replace(
    side(
        20.0,
        {"filter": (-0.004, -3.0), **COMMON, "clear air": (-1.3, -1.5), "fibre": (-2.0, -2.5)},
        (Margin("dpsk", 155_000_000, -50.0, 7.0, 0.25, np.array([5.0, 6.0])),),
        [0, -1],
    ),
    background_W=0.0,
    index=np.array([0.25, 0.75]),
    fade_dB=np.array([1.0, 1.5]),
)
PLACES = Places(
    np.radians([30.0, 60.0]), np.array([1_000_000.0, 600_000.0]), np.array([0.01, 0.02]), np.zeros(2)
)


def result(
    ground: Terminal = GROUND, space: Terminal = SPACE, up: Balance = UP, down: Balance = DOWN
) -> Result:
    case = Case("g to s", ground, space, 100.0, PLACES, Turbulence(), night=False)
    return Result(case, 0.01, {Direction.UP: up, Direction.DOWN: down})


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines, their gaps closed."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    whole = result()
    names = [field.name for field in fields(Places)]
    here = replace(whole.case, places=Places(*(getattr(PLACES, name)[:1] for name in names)))
    balancetables.show_lines(replace(whole, case=here))
    assert printed(capsys) == [
        "g to s, 30.0° up, 1000 km",
        "up down source",
        "transmitted 30.00 dBm 20.00 dBm",
        "filter +0.00 dB source of filter",
        "telescope +90.00 dB source of telescope",
        "clear air -1.00 dB -1.30 dB source of clear air",
        "thin cloud -0.25 dB -0.25 dB source of thin cloud",
        "precipitation -0.12 dB -0.12 dB source of precipitation",
        "pointing bias -0.50 dB -0.50 dB source of pointing bias",
        "pointing jitter, mean -0.38 dB -0.38 dB source of pointing jitter, mean",
        "fibre -2.00 dB source of fibre",
        "received 117.75 dBm 15.45 dBm mean",
        "scintillation index 0.125 0.250 A&P ch. 9, ITU-R P.1622",
        "fades -3.00 dB -1.00 dB 0.01 of time; scintillation, pointing and coupling sampled",
        "background -60.0 dBm none ITU-R P.1621-2 eq. 1, Table 1",
        "mode rate needs photons/bit background margin in fades",
        "up ook 1.000 Gbit/s -40.00 dBm 12.3 -0.50 dB +2.00 dB -1.00 dB",
        "up slow 10.00 Mbit/s -60.00 dBm 9.0 0.00 dB +22.00 dB +19.00 dB chosen",
        "down dpsk 155.0 Mbit/s -50.00 dBm 7.0 -0.25 dB +5.00 dB +4.00 dB chosen",
    ]


def test_a_pass(capsys: pytest.CaptureFixture[str]) -> None:
    balancetables.show_pass(result())
    assert printed(capsys) == [
        "g to s",
        "elevation range received air pointing fades margin rate",
        "30.0° 1000 km up 117.75 dBm -1.37 dB -0.88 dB -3.00 dB +22.00 dB 10.00 Mbit/s",
        "down 15.45 dBm -1.67 dB -0.88 dB -1.00 dB +5.00 dB 155.0 Mbit/s",
        "60.0° 600.0 km up 112.24 dBm -2.76 dB -6.00 dB -4.50 dB +1.00 dB 1.000 Gbit/s",
        "down 5.74 dBm -2.76 dB -6.00 dB -1.50 dB none",
    ]


def test_the_document() -> None:
    told = balancetables.document(result())
    assert (told["title"], told["outage"]) == ("g to s", 0.01)
    first, second = told["places"]
    assert (first["elevation_deg"], first["range_m"], first["slew_radps"]) == (30.0, 1_000_000.0, 0.01)
    assert (first["up"]["rate_bps"], first["down"]["rate_bps"]) == (10_000_000, 155_000_000)
    assert second["down"]["rate_bps"] == second["down"]["background_W"] == 0
    assert second["down"]["lines"][-1] == {"name": "fibre", "gain_dB": -2.5, "source": "source of fibre"}
    assert second["up"]["modes"][0] == {
        **{"name": "ook", "rate_bps": 1_000_000_000, "sensitivity_dBm": -40.0, "photons_per_bit": 12.3},
        **{"background_dB": 0.5, "margin_dB": 1.0, "margin_in_fades_dB": -3.5},
    }
    del second["up"]["modes"], second["up"]["lines"]
    assert second["up"] == {
        **{"transmitted_dBm": 30.0, "power_dBm": 112.24, "scintillation_index": 0.5, "fade_dB": 4.5},
        **{"background_W": 1e-9, "rate_bps": 1_000_000_000, "radio_bps": 0},
    }


def test_radios_and_beacons_are_told_of_the_direction_that_they_receive(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A radio counts where there are no modes; 1 kbit/s back for 155 Mbit/s is 125 B/s of reports."""
    dumb = replace(UP, margins=(), steps=np.array([-1, -1]))
    radio = result(space=replace(SPACE, modes=(), radio_bps=1000), up=dumb)
    assert [each["up"]["radio_bps"] for each in balancetables.document(radio)["places"]] == [1000, 1000]
    assert (
        balancetables.document(result(space=replace(SPACE, radio_bps=1000)))["places"][0]["up"]["radio_bps"]
        == 0
    )
    balancetables.show_pass(radio)
    a_second = 1000 / 8 / balancetables.REPORT
    assert printed(capsys)[-2:] == [
        "up: by radio at 1.000 kbit/s, through clouds",
        f"down: the way back carries {a_second:.1f} reports of {balancetables.REPORT} B a second; "
        f"with half of them, each answers for {format_bytes(155e6 / 8 / (a_second / 2))}",
    ]
    for radio_bps, is_thin in ((154_000, True), (155_000, False)):  # 155 Mbit/s is not above a thousandfold
        balancetables.show_pass(result(space=replace(SPACE, modes=(), radio_bps=radio_bps), up=dumb))
        assert ("the way back" in printed(capsys)[-1]) == is_thin
    balancetables.show_pass(result(space=replace(SPACE, modes=()), up=dumb))
    assert printed(capsys)[-1] == "up: a beacon and no data; nothing acknowledges what comes the other way"
