"""The stage of configs/campaign.toml, compiled once, and what a calm sky brings to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkemu.campaign.hunt import calm
from linkemu.campaign.stage import Stage, compile_stage
from linkemu.campaign.watch import Order
from linkemu.scenario import load

CONFIG = Path(__file__).parents[2] / "configs" / "campaign.toml"


@pytest.fixture(scope="session")
def stage() -> Stage:
    return compile_stage(load(CONFIG))


@pytest.fixture(scope="session")
def orders(stage: Stage) -> frozenset[Order]:
    return calm(stage)
