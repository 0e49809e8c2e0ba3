"""What the tests of ``exec`` share: skies, client programs, and whether this machine has such networks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from linkemu.access.exec_order import Order
from linkemu.access.exec_run import Outcome, attempt
from linkemu.errors import ResourceError
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction
from tests.waiting import least as least
from tests.waiting import until as until

CLIENTS = str(Path(__file__).with_name("exec_clients.py"))
GATEWAY_4, GATEWAY_6 = "10.71.0.2", "fd71:6c69:6e6b::2"
FAST = 200_000_000
MS = 1e-3


def refusal(carrier: Any) -> str | None:
    """Why this machine has no such networks, None if it has."""
    try:
        attempt(Order(command=(), carrier=carrier))
    except ResourceError as error:
        return str(error)
    return None


def sky(rate_bps: int = FAST, delay_s: float = 0.012, **more: Any) -> Sky:
    return Sky.of(*(constant("ogs", "sat", way, rate_bps, delay_s, 600.0, **more) for way in Direction))


def program(*words: object) -> tuple[str, ...]:
    return (sys.executable, CLIENTS, *map(str, words))


def told(capfd: pytest.CaptureFixture[str]) -> Any:
    """What the client has printed."""
    return json.loads(capfd.readouterr().out.splitlines()[-1])


def way(outcome: Outcome, direction: str) -> dict[str, Any]:
    assert outcome.report is not None
    return next(row for row in outcome.report["directions"] if row["direction"] == direction)


@pytest.fixture(scope="module", params=["tun", "packet"])
def carrier(request: pytest.FixtureRequest) -> str:
    why = refusal(request.param)
    if why is not None:
        pytest.skip(f"exec by {request.param} can't run here: {why}")
    return str(request.param)


@pytest.fixture(scope="module")
def networks() -> None:
    why = refusal("auto")
    if why is not None:
        pytest.skip(f"exec can't run here: {why}")
