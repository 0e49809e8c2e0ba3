"""Faults of packets on a real network: what is damaged fails its checksum, and TCP mends the rest."""

from __future__ import annotations

from typing import Any

import pytest
from exec_world import GATEWAY_4, program, sky, told, way

from linkemu.access.exec_order import Order
from linkemu.access.exec_run import run
from linkemu.link.overlay import Overlay, Pick
from linkemu.machine import Direction
from linkemu.schedule import Schedule

pytestmark = pytest.mark.acceptance
UP, DOWN = (0, Direction.UP), (0, Direction.DOWN)
SINK = " ".join(program("sink"))


def test_a_file_survives_damage_loss_disorder_and_doubles(
    carrier: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """A damaged packet that passed for a sound one would change the digest."""
    faults = (
        (UP, Overlay(0, None, "damage", corrupt=Pick(share=0.03))),
        (UP, Overlay(0, None, "late", reorder=Pick(40), late_ns=8_000_000)),
        (DOWN, Overlay(0, None, "twice", duplicate=Pick(3))),
        (DOWN, Overlay(0, None, "loss", erase_datagrams=Pick(50))),
    )
    order = Order(program("send", 1_500_000), serve=SINK, carrier=carrier, queue_bytes=500_000)
    outcome = run(order, Schedule(faults).put_into(sky(50_000_000, 0.002)))
    answer = told(capfd)
    assert answer["received"] == answer["sent"]
    up, down = way(outcome, "up"), way(outcome, "down")
    assert up["corrupted_packets"] > 0 and up["reordered_packets"] > 0 and up["erased_packets"] == 0
    assert down["duplicated_packets"] > 0 and down["erased_packets"] > 0


def test_each_damaged_ping_is_lost(carrier: Any, capfd: pytest.CaptureFixture[str]) -> None:
    faults = ((UP, Overlay(0, None, "damage", corrupt=Pick(2))),)
    order = Order(program("ping", GATEWAY_4, 6, 0.01), carrier=carrier)
    outcome = run(order, Schedule(faults).put_into(sky(50_000_000, 0.002)))
    lost = [trip is None for trip in told(capfd)["trips_s"]]
    assert outcome.code == 0 and 2 <= sum(lost) <= 4
    assert way(outcome, "up")["corrupted_packets"] >= sum(lost)
