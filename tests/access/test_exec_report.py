"""The report of ``exec``: what was late, lost or off is told, and what was not is not."""

from __future__ import annotations

import struct

import pytest

from linkemu.access.exec_laser import Beam
from linkemu.access.exec_report import Witness
from linkemu.access.exec_segments import VNET_BYTES
from linkemu.link.timeline import constant
from linkemu.machine import Direction

PACKET = bytes(VNET_BYTES) + struct.pack(">BBH", 0x45, 0, 1500) + bytes(1496)


def played(late_ns: int, stretch: float = 1.0, packets: int = 1000) -> Witness:
    """A link of 1 ms for each packet, every one written so late, in a time that runs so much slower."""
    beam = Beam(
        constant("ogs", "sat", Direction.UP, 12_000_000, 0.005, 10.0), queue_bytes=1 << 22, hold_s=5.0
    )
    witness = Witness(beam)
    for _ in range(packets):
        beam.offer(PACKET, 0, 0)
    for flight, _ in beam.due(10**10):
        witness.delivered(flight, round(flight.due_ns * stretch) + late_ns)
    return witness


def test_a_faithful_link_is_praised_by_silence() -> None:
    row = played(50_000).report(2 * 10**9, 0)
    assert row["warnings"] == []
    assert row["delay_error_p99_s"] == pytest.approx(50e-6, abs=1e-6)
    assert row["requested_rate_bps"] == pytest.approx(12e6, rel=1e-6)
    assert row["achieved_rate_bps"] == pytest.approx(12e6, rel=1e-6)
    assert row["capacity_bytes"] == 3_000_000
    assert row["dark_bursts"] == 0


def test_lateness_is_told() -> None:
    (told,) = played(2_500_000).report(2 * 10**9, 0)["warnings"]
    assert told.startswith("delay was late by 2.50 ms at p99")


def test_a_wrong_rate_is_told() -> None:
    told = played(0, stretch=1.005).report(2 * 10**9, 0)["warnings"]
    assert told[-1].startswith("rate was off by -0.50%")


def test_loss_before_the_link_is_told() -> None:
    (told,) = played(0).report(2 * 10**9, 7)["warnings"]
    assert told.startswith("7 packets were lost before the link")


def test_a_short_burst_says_nothing_of_the_rate() -> None:
    row = played(0, packets=20).report(2 * 10**9, 0)
    assert (row["requested_rate_bps"], row["achieved_rate_bps"]) == (None, None)
