"""Scenarios built from objects, so that these tests need no TOML: the ISS over Koganei, and variations."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linkemu.scenario.model import (
    Acquisition,
    ClockSettings,
    Mode,
    QueueSettings,
    Satellite,
    Scenario,
    Station,
    Terminal,
    TransferSettings,
)

ELEMENTS = Path(__file__).parents[2] / "configs" / "elements" / "stations_2024-05-09.tle"

ORBITER = Terminal(
    id="orbiter",
    wavelength_m=1.55e-6,
    power_W=1.0,
    aperture_m=0.1,
    obscuration_m=0.0,
    divergence_rad=60e-6,
    jitter_rad=8e-6,
    transmit_loss_dB=2.0,
    receive_loss_dB=3.0,
    modes=(Mode(155_000_000, 1e-7),),
    slew_radps=0.05,
    acquisition_mean_s=8.0,
    hold_s=1.0,
    sun_exclusion_rad=0.2,
    source="test",
)
GROUND = replace(
    ORBITER,
    id="ground",
    aperture_m=0.4,
    obscuration_m=0.1,
    power_W=5.0,
    divergence_rad=100e-6,
    modes=(Mode(1_244_000_000, 5e-6), Mode(311_000_000, 5e-7)),
)
KOGANEI = Station("koganei", 35.7068, 139.4885, 128.0, 20.0, 10.0, GROUND, None)
CULMINATION = datetime(2024, 5, 10, 18, 51, tzinfo=UTC)


def whole(**changes: object) -> Scenario:
    """75 s around the culmination of a night pass, with what differs as keywords."""
    made = Scenario(
        name="test",
        path=Path("test.toml"),
        seed=7,
        start=CULMINATION,
        duration_s=75.0,
        clock=ClockSettings("virtual", 1.0),
        slot_s=1e-3,
        elements=(ELEMENTS,),
        satellites=(Satellite("iss", "ISS (ZARYA)", None, ORBITER),),
        stations=(KOGANEI,),
        clouds=(),
        faults=(),
        transfers=(),
        transfer=TransferSettings(1 << 20, 32768),
        queue=QueueSettings(1 << 24, 10.0),
        acquisition=Acquisition(2.0, 2.0, 30.0),
        text="# test\n",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    """The maker of scenarios."""
    return whole
