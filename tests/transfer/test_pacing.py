"""The serialiser against the channel that it models, and the sizes of frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.link.channel import Channel
from linkemu.link.timeline import constant
from linkemu.machine import Direction
from linkemu.transfer.pacing import Serialiser, frame_bytes_for


@pytest.mark.parametrize(
    ("rate_bps", "frame_bytes"),
    [(0, 1200), (1e6, 1200), (50e6, 1562), (100e6, 8192), (1e9, 31250), (1.244e9, 38875), (100e9, 61440)],
)
def test_frames_take_a_quarter_of_a_slot_within_bounds(rate_bps: float, frame_bytes: int) -> None:
    assert frame_bytes_for(rate_bps, 0.001) == frame_bytes


@given(st.integers(100_000, 10**10), st.lists(st.floats(0, 0.2), min_size=1, max_size=30))
def test_the_channels_queue_neither_overflows_nor_starves(rate_bps: int, naps: list[float]) -> None:
    """A sender that wakes late by less than the lead keeps the light busy and the queue short."""
    lead_s = 0.02
    frame = bytes(1200)
    serialiser, now, handed = Serialiser(lead_s, 0.001), 0.0, 0
    channel = Channel(constant("g", "s", Direction.UP, rate_bps, 0.0, 60.0), queue_bytes=2**40)
    serialiser.set_rate(rate_bps, now)
    for nap in naps:
        channel.transmit(now)
        while serialiser.has_room(now) and handed < 5000:
            channel.receive(frame, now)
            serialiser.add(len(frame))
            handed += 1
        assert channel.queued_bytes * 8 <= lead_s * rate_bps + 2 * 8 * len(frame)
        wake = serialiser.next_room(now)
        assert wake is not None and wake >= now
        now = wake + nap
        channel.transmit(now)
        assert channel.queued_bytes or nap > 0.018 or handed == 5000


def test_it_stands_still_in_the_dark() -> None:
    serialiser = Serialiser(0.02, 0.001)
    serialiser.set_rate(1_000_000, 0.0)
    while serialiser.has_room(0.0):
        serialiser.add(500)
    serialiser.add(500)
    serialiser.set_rate(0, 0.001)
    assert serialiser.next_room(5.0) is None
    assert not serialiser.has_room(5.0)
    serialiser.set_rate(1_000_000, 10.0)
    assert not serialiser.has_room(10.0)
    wake = serialiser.next_room(10.0)
    assert wake is not None and 10.0 < wake < 10.02
    assert serialiser.has_room(wake)
