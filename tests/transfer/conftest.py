"""Links and contents for the tests of transfers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from linkemu.link.timeline import Cause, LinkTimeline, constant
from linkemu.machine import Direction
from linkemu.transfer import frames
from tests.world import Node, World

RATE_BPS = 100_000_000
DELAY_S = 0.005


def link(
    direction: Direction,
    *,
    rate_bps: int = RATE_BPS,
    delay_s: float = DELAY_S,
    dark: list[tuple[float, float]] | None = None,
    loss: float = 0.0,
    seed: int = 0,
    erased: list[tuple[int, int]] | None = None,
    duration_s: float = 700.0,
) -> LinkTimeline:
    draw = random.Random(f"{seed} {direction}")
    runs = erased or [(slot, 1) for slot in range(20_000) if loss and draw.random() < loss]
    outages = [(start, end, Cause.CLOUD) for start, end in dark or []]
    return constant("g", "s", direction, rate_bps, delay_s, duration_s, erased=runs, dark=outages)


def join(ground: Node, satellite: Node, **how: object) -> World:
    """A world with the same sky in both directions."""
    up, down = (link(direction, **how) for direction in Direction)  # type: ignore[arg-type]
    return World(ground, satellite, up, down)


def noise(n_bytes: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(n_bytes)


def payload_ranges(datagram: bytes) -> tuple[bytes, int, int] | None:
    """(chunk id, start, end) if the datagram is a piece of a chunk."""
    frame = frames.decode(datagram)
    if isinstance(frame, frames.Data) and not frame.is_manifest:
        return frame.chunk_id, frame.offset, frame.offset + len(frame.payload)
    return None


@pytest.fixture
def tapped() -> Callable[[World, int], list[bytes]]:
    """Record what a side hands to its channel."""

    def tap(world: World, side: int) -> list[bytes]:
        sent: list[bytes] = []
        receive = world.channels[side].receive

        def recorded(datagram: bytes, now: float) -> None:
            sent.append(datagram)
            receive(datagram, now)

        world.channels[side].receive = recorded  # type: ignore[method-assign]
        return sent

    return tap


@pytest.fixture
def world() -> Iterator[World]:
    yield join(Node(), Node())
