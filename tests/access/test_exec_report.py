"""The report of ``exec``: what was late, lost or off is told, and what was not is not."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from linkemu.access.exec_laser import Beam
from linkemu.access.exec_report import Witness, blame
from linkemu.access.exec_segments import VNET_BYTES
from linkemu.link.overlay import outage
from linkemu.link.timeline import Cause, constant
from linkemu.machine import Direction

BUSY = "other programs on this machine"
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
    row = played(50_000).report(2 * 10**9, 0, BUSY)
    assert row["warnings"] == []
    assert row["delay_error_p99_s"] == pytest.approx(50e-6, abs=1e-6)
    assert row["requested_rate_bps"] == pytest.approx(12e6, rel=1e-6)
    assert row["achieved_rate_bps"] == pytest.approx(12e6, rel=1e-6)
    assert row["capacity_bytes"] == 3_000_000
    assert row["dark_bursts"] == 0


def test_lateness_is_told() -> None:
    (told,) = played(2_500_000).report(2 * 10**9, 0, BUSY)["warnings"]
    assert told == f"delay was late by 2.50 ms at p99 (bound 1 ms): {BUSY}"


def test_a_wrong_rate_is_told() -> None:
    told = played(0, stretch=1.005).report(2 * 10**9, 0, BUSY)["warnings"]
    assert told[-1].startswith("rate was off by -0.50%")


def test_loss_before_the_link_is_told() -> None:
    (told,) = played(0).report(2 * 10**9, 7, BUSY)["warnings"]
    assert told.startswith("7 packets were lost before the link")


def test_a_short_burst_says_nothing_of_the_rate() -> None:
    row = played(0, packets=20).report(2 * 10**9, 0, BUSY)
    assert (row["requested_rate_bps"], row["achieved_rate_bps"]) == (None, None)


def lit(late_ns: int) -> Witness:
    """Packets of 1 ms from 0 to 2 s over a link that is dark from 0.5 to 0.7003 s, all written so late."""
    dark = [(0.5, 0.7003, Cause.CLOUD)]
    timeline = constant("ogs", "sat", Direction.UP, 12_000_000, 0.005, 10.0, dark=dark)
    beam = Beam(timeline, queue_bytes=1 << 22, hold_s=5.0)
    witness = Witness(beam)
    for number in range(2000):
        beam.offer(PACKET, 0, number * 1_000_000)
        for flight, _ in beam.due(number * 1_000_000):
            witness.delivered(flight, flight.due_ns + late_ns)
    return witness


def test_each_stretch_of_light_has_its_edges_as_they_were_seen() -> None:
    first, second = lit(40_000).report(2 * 10**9, 0, BUSY)["edges"]
    assert (first["start_s"], first["end_s"]) == (0.0, 0.5)
    assert first["first_s"] == pytest.approx(40e-6, abs=1e-9)
    assert first["last_s"] == pytest.approx(0.5 + 40e-6, abs=1e-9)
    assert (second["start_s"], second["end_s"]) == (0.7003, 10.0)
    assert second["first_s"] == pytest.approx(0.7003 + 40e-6, abs=1e-9)


def test_what_does_not_follow_at_once_makes_no_rate_and_a_short_delay_no_late_outage() -> None:
    row = lit(1_900_000).report(2 * 10**9, 0, BUSY)
    assert row["requested_rate_bps"] == pytest.approx(12e6, rel=1e-6), "the dark between is no part of it"
    (told,) = row["warnings"]
    assert told.startswith("delay was late by 1.90 ms")


def test_a_burst_in_the_dark_is_counted_and_one_out_of_turn_keeps_the_edges() -> None:
    witness = lit(0)
    first, second = witness.report(2 * 10**9, 0, BUSY)["edges"]
    last = witness._last
    assert last is not None
    for start_ns in (600_000_000, 100_000_000, 800_000_000):
        flight = replace(last[0], start_ns=start_ns, end_ns=start_ns + 1000, due_ns=start_ns + 5_001_000)
        witness.delivered(flight, flight.due_ns)
    row = witness.report(2 * 10**9, 0, BUSY)
    assert row["dark_bursts"] == 1
    assert row["edges"] == [first, second]


def test_an_outage_that_was_imposed_has_edges_too() -> None:
    beam = Beam(
        constant("ogs", "sat", Direction.UP, 12_000_000, 0.005, 10.0), queue_bytes=1 << 22, hold_s=5.0
    )
    witness = Witness(beam)
    for number in range(1000):
        if number == 300:
            beam.impose(outage(500_000_000, 600_000_000), 300_000_000)
        beam.offer(PACKET, 0, number * 1_000_000)
        for flight, _ in beam.due(number * 1_000_000):
            witness.delivered(flight, flight.due_ns)
    row = witness.report(10**9, 0, BUSY)
    first, second = row["edges"]
    assert (first["start_s"], first["end_s"], first["first_s"]) == (0.0, 0.5, 0.0)
    assert 0.499 < first["last_s"] <= 0.5
    assert (second["start_s"], second["first_s"]) == (0.6, 0.6)
    assert row["dark_bursts"] == 0


def test_an_outage_that_began_late_is_told() -> None:
    told = lit(2_500_000).report(2 * 10**9, 0, BUSY)["warnings"]
    assert told[-1] == f"an outage began 2.50 ms late (bound 2 ms): {BUSY}"


@pytest.mark.parametrize(
    ("share", "stolen_s", "said"),
    [(0.2, 0.0, "other programs"), (0.9, 0.0, "its end (90% busy)"), (0.9, 0.4, "the hypervisor kept 0.4 s")],
)
def test_the_cause_is_what_was_measured(share: float, stolen_s: float, said: str) -> None:
    assert said in blame(share, stolen_s)
