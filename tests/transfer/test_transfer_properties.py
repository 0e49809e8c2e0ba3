"""Whatever the sky, mischief and crashes: transfers end, content is equal, nothing acknowledged is resent."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.machine import Direction
from linkemu.transfer.endpoint import Settings
from linkemu.transfer.events import ChunkLost
from tests.transfer.conftest import link, noise, payload_ranges
from tests.world import Node, World

seeds = st.integers(0, 2**32 - 1)


def mischief(draw: random.Random) -> float:
    """Probabilities small enough for a transfer to end within the test's patience."""
    return draw.choice([0.0, 0.01, 0.1])


class Vandal:
    """Loses, doubles, delays by some frames, and flips a bit, each with its own probability."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._lose, self._double, self._delay, self._flip = (mischief(draw) for _ in range(4))
        self._held: list[bytes] = []

    def __call__(self, datagram: bytes) -> Iterable[bytes]:
        draw = self._draw
        out = [] if draw.random() < self._lose else [datagram]
        if draw.random() < self._double:
            out *= 2
        if out and draw.random() < self._flip:
            at = draw.randrange(len(datagram))
            out[0] = datagram[:at] + bytes([datagram[at] ^ 1 << draw.randrange(8)]) + datagram[at + 1 :]
        if out and draw.random() < self._delay:
            self._held.append(out.pop())
        elif self._held:
            out.append(self._held.pop(draw.randrange(len(self._held))))
        return out


def sky(draw: random.Random) -> dict[str, object]:
    dark, at = [], 0.0
    for _ in range(draw.randrange(4)):
        at += draw.uniform(0.01, 0.4)
        dark.append((at, at := at + draw.choice([0.003, 0.05, 2.0])))
    return {
        "rate_bps": draw.choice([2_000_000, 30_000_000, 300_000_000]),
        "delay_s": draw.choice([0.0, 0.004, 0.13]),
        "loss": draw.choice([0.0, 0.02, 0.2]),
        "dark": dark,
    }


def build(draw: random.Random) -> World:
    budget = draw.choice([None, None, 100_000])
    nodes = [Node(Settings(acknowledgement_bps=budget)) for _ in range(2)]
    timelines = [link(direction, seed=draw.randrange(9), **sky(draw)) for direction in Direction]  # type: ignore[arg-type]
    world = World(nodes[0], nodes[1], *timelines)
    world.spoil = [Vandal(draw), Vandal(draw)]
    return world


def guard(world: World, side: int) -> None:
    """Look at each frame that leaves: no chunk that stands in the journal is in it."""
    node, channel = world.nodes[side], world.channels[side]
    receive = channel.receive

    def watched(datagram: bytes, now: float) -> None:
        ranges = payload_ranges(datagram)
        assert ranges is None or ranges[0] not in node.acknowledged, "an acknowledged chunk was sent again"
        receive(datagram, now)

    channel.receive = watched  # type: ignore[method-assign]


def crash(world: World, draw: random.Random) -> None:
    """Kill one node; partial assemblies were saved or not."""
    side = draw.randrange(2)
    node = world.nodes[side]
    saved = [data for _, data in node.holdings.export()] if draw.random() < 0.5 else []
    node.restart(world.now, saved)
    node.endpoint.cue(world.sensed[side], world.now)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_every_transfer_ends_with_equal_content(seed: int) -> None:
    draw = random.Random(seed)
    world = build(draw)
    guard(world, 0)
    guard(world, 1)
    contents: list[dict[str, bytes]] = [{}, {}]
    for number in range(draw.randrange(1, 5)):
        side = draw.randrange(2)
        content = noise(draw.choice([0, 1, 5_000, 120_000, 300_000]), draw.randrange(4))
        contents[side][f"file {number}"] = content
        chunk_bytes = draw.choice([4_096, 40_000, 1 << 20])
        world.nodes[side].put(f"file {number}", content, world.now, draw.randrange(3), chunk_bytes)
        world.run(until=world.now + draw.choice([0.0, 0.05, 0.5]))
        if draw.random() < 0.3:
            crash(world, draw)
    world.settle(until=600.0)
    for side, node in enumerate(world.nodes):
        assert world.nodes[1 - side].files == contents[side]
        assert node.endpoint.counters.acknowledged_resent == 0
        assert not node.told(ChunkLost)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_one_seed_gives_one_transcript(seed: int) -> None:
    logs = []
    for _ in range(2):
        draw = random.Random(seed)
        world = build(draw)
        world.nodes[0].put("a", noise(100_000), 0.0, chunk_bytes=20_000)
        world.settle(until=600.0)
        logs.append((world.now, world.frames, world.nodes[0].log, world.nodes[1].log))
    assert logs[0] == logs[1]
